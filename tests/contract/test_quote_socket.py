"""/ws/quotes/{symbol} of the running product, with an ordinary WebSocket client."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.product import TOKEN, Product

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def open_socket(
    product: Product,
    symbol: str = "AAPL",
    *,
    token: str | None = TOKEN,
    origin: str | None = None,
    **headers: str,
) -> Any:
    """Open a socket; an async context manager."""
    sent = dict(headers) | ({"Authorization": f"Bearer {token}"} if token else {})
    url = f"ws://127.0.0.1:{product.port}/ws/quotes/{symbol}"
    return connect(url, additional_headers=sent, origin=origin, open_timeout=15)  # type: ignore[arg-type]


async def frame(socket: ClientConnection, *, within_s: float = 10.0) -> dict[str, Any]:
    """Return the next frame."""
    async with asyncio.timeout(within_s):
        body: dict[str, Any] = json.loads(await socket.recv())
        return body


async def end_of(socket: ClientConnection, *, within_s: float = 15.0) -> tuple[int | None, dict[str, Any]]:
    """Read until the server closes; return the close code and the last frame."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = await frame(socket, within_s=within_s)
    except ConnectionClosed as closed:
        return (closed.rcvd.code if closed.rcvd else None), last


async def refused_with(opening: Any) -> int:
    """Return the HTTP status with which the upgrade is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        async with opening:
            pass
    return refusal.value.response.status_code


class TestQuotes:
    """What a viewer sees."""

    async def test_the_current_quote_comes_at_once_and_bare(self, product: Product) -> None:
        rest = product.call("GET", "/quotes/AAPL").json()

        async with open_socket(product) as socket:
            first = await frame(socket, within_s=4)

        assert set(first) == set(rest)
        assert first["symbol"] == "AAPL"
        assert first["price"] > 0

    async def test_changes_come_at_most_once_a_second(self, product: Product) -> None:
        async with open_socket(product) as socket:
            await frame(socket)
            began = time.monotonic()
            for _ in range(3):
                await frame(socket, within_s=16)

        assert time.monotonic() - began >= 2.7

    async def test_a_cold_symbol_opens_its_line(self, product: Product) -> None:
        async with open_socket(product, "ORCL") as socket:
            assert (await frame(socket, within_s=8))["price"] > 0

    async def test_leaving_does_not_end_another_viewers_stream(self, product: Product) -> None:
        async with open_socket(product, "MSFT") as stays:
            await frame(stays)
            async with open_socket(product, "MSFT") as leaves:
                await frame(leaves)

            assert (await frame(stays, within_s=16))["price"] > 0
            assert (await frame(stays, within_s=16))["price"] > 0

    async def test_what_the_client_says_is_ignored(self, product: Product) -> None:
        async with open_socket(product) as socket:
            await socket.send('{"op":"subscribe"}')
            await socket.send(b"\x00\x01")

            assert (await frame(socket))["symbol"] == "AAPL"

    async def test_a_client_that_does_not_stop_talking_is_cut_off(self, product: Product) -> None:
        async with open_socket(product) as socket:
            for _ in range(60):
                await socket.send("x")

            code, last = await end_of(socket)

        assert code == 4429
        assert last["error"]


class TestTrouble:
    """One error frame, then the close code."""

    @pytest.mark.parametrize("symbol", ["NOPE1", "%00", "A" * 65, "a%20b%20c!"])
    async def test_an_unknown_symbol_closes_with_4400(self, product: Product, symbol: str) -> None:
        async with open_socket(product, symbol) as socket:
            code, last = await end_of(socket)

        assert code == 4400
        assert isinstance(last["error"], str)

    async def test_a_key_without_the_scope_closes_with_4403(self, product: Product) -> None:
        token = product.new_key("read:account")

        async with open_socket(product, token=token) as socket:
            code, last = await end_of(socket)

        assert code == 4403
        assert "read:quotes" in last["error"]

    async def test_without_the_broker_it_closes_with_1013(self, product: Product) -> None:
        with product.without_broker():
            async with open_socket(product) as socket:
                code, last = await end_of(socket)

        assert code == 1013
        assert last == {"error": "Not connected to IB Gateway"}

    async def test_a_viewer_stays_and_is_told_stale_when_the_broker_goes(self, product: Product) -> None:
        async with open_socket(product) as socket:
            assert (await frame(socket))["stale"] is False
            with product.without_broker():
                async with asyncio.timeout(15):
                    while not (await frame(socket))["stale"]:
                        pass
            async with asyncio.timeout(30):
                while (await frame(socket, within_s=20))["stale"]:
                    pass


class TestWhoMayCome:
    """Authentication is HTTP's, and a refusal is HTTP 403 before the socket opens."""

    async def test_strangers_and_wrong_keys_are_refused(self, product: Product) -> None:
        wrong = TOKEN[:-4] + "WXYZ"

        assert await refused_with(open_socket(product, token=wrong)) == 403
        assert await refused_with(open_socket(product, **{"X-API-Key": TOKEN})) == 403
        assert await refused_with(open_socket(product, f"AAPL?key={TOKEN}")) == 403

    async def test_basic_and_api_key_carry_the_key(self, product: Product) -> None:
        _, _, key_id, secret = TOKEN.split("_")
        basic = base64.b64encode(f"{key_id}:{secret}".encode()).decode()

        for headers in ({"Authorization": f"Basic {basic}"}, {"X-API-Key": TOKEN}):
            async with open_socket(product, token=None, **headers) as socket:
                assert (await frame(socket))["price"] > 0

    async def test_this_machine_may_watch_without_a_key(self, product: Product) -> None:
        async with open_socket(product, token=None) as socket:
            assert (await frame(socket))["price"] > 0

    async def test_a_foreign_origin_is_refused(self, product: Product) -> None:
        assert await refused_with(open_socket(product, origin="https://evil.example")) == 403

    async def test_another_path_is_refused(self, product: Product) -> None:
        assert await refused_with(open_socket(product, "AAPL/more")) == 403

    async def test_a_revoked_key_loses_its_socket_within_five_seconds(self, product: Product) -> None:
        token = product.new_key("read:quotes")

        async with open_socket(product, token=token) as socket:
            await frame(socket)
            await asyncio.to_thread(product.revoke, token)
            began = time.monotonic()
            code, last = await end_of(socket)

        assert code == 4401
        assert last["error"]
        assert time.monotonic() - began <= 5

    async def test_the_eleventh_socket_of_a_key_is_too_many(self, product: Product) -> None:
        token = product.new_key("read:quotes")
        sockets = [await open_socket(product, token=token) for _ in range(10)]
        try:
            async with open_socket(product, token=token) as eleventh:
                code, _ = await end_of(eleventh)
        finally:
            await asyncio.gather(*(socket.close() for socket in sockets))

        assert code == 4429
        async with open_socket(product, token=token) as again:
            assert (await frame(again))["price"] > 0
