"""What a socket sends when, measured with its own clockwork shortened."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from apps.access.services import IssuedKey
from apps.accounts.models import Connection
from apps.bridge import consumers
from apps.bridge.mailbox import SOCKETS_PER_ADDRESS, SOCKETS_PER_KEY, Seats, hub
from apps.bridge.urls import websockets
from apps.common.aio import in_db
from apps.common.bell import ring
from apps.common.clock import boottime
from apps.domain.quotes import Quote
from apps.instruments.models import Instrument
from apps.marketdata import board
from apps.marketdata.models import Watch
from tests import factories
from tests.bridge.conftest import a_quote, now

pytestmark = pytest.mark.django_db(transaction=True)

Open = Callable[..., AbstractAsyncContextManager[WebsocketCommunicator]]


@pytest.fixture
def tara_key(aapl: Instrument) -> IssuedKey:
    """A key that may watch quotes."""
    return factories.make_api_key(scopes=("read:quotes",))


@pytest.fixture
def open_socket(tara_key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a socket of AAPL whose seconds are tenths."""
    monkeypatch.setattr(consumers, "LEAST_PAUSE_S", 0.1)
    monkeypatch.setattr(consumers, "REPEAT_S", 1.5)

    @asynccontextmanager
    async def opened(symbol: str = "AAPL") -> AsyncIterator[WebsocketCommunicator]:
        headers = [(b"authorization", f"Bearer {tara_key.token}".encode())]
        socket = WebsocketCommunicator(websockets, f"/ws/quotes/{symbol}", headers=headers)
        socket.scope["client"] = ("127.0.0.1", 50_000)
        accepted, _ = await socket.connect(timeout=5)
        assert accepted
        yield socket
        await socket.disconnect()

    return opened


async def frame(socket: WebsocketCommunicator, *, within_s: float = 5) -> dict[str, Any]:
    """Return the next frame."""
    body: dict[str, Any] = json.loads(await socket.receive_from(timeout=within_s))
    return body


def newer(**changes: Any) -> Quote:
    """Put a newer quote on the board and return it."""
    quote = a_quote(**changes)
    board.put([quote])
    return quote


class TestFrames:
    """On change, newest wins, repeated with the true age."""

    async def test_of_many_changes_only_the_newest_is_sent(self, open_socket: Open) -> None:
        async with open_socket() as socket:
            await frame(socket)
            for cents in range(50):
                newer(last=Decimal(228) + Decimal(cents) / 100)

            assert (await frame(socket))["last"] == 228.49
            assert await socket.receive_nothing(timeout=0.5)

    async def test_changes_are_never_closer_than_the_pause(
        self, open_socket: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "LEAST_PAUSE_S", 0.5)
        async with open_socket() as socket:
            await frame(socket)
            began = boottime()
            newer()
            await frame(socket)

        assert boottime() - began >= 0.4

    async def test_without_a_change_it_repeats_and_the_quote_grows_old(self, open_socket: Open) -> None:
        async with open_socket() as socket:
            first = await frame(socket)
            again = await frame(socket)

        assert again["timestamp"] == first["timestamp"]
        assert again["age_ms"] >= first["age_ms"] + 1000

    async def test_the_end_of_the_session_is_told_and_the_socket_stays(self, open_socket: Open) -> None:
        async with open_socket() as socket:
            assert (await frame(socket))["stale"] is False
            await in_db(Connection.objects.update, phase="DISCONNECTED")
            ring("connection")

            assert (await frame(socket))["stale"] is True

    async def test_all_viewers_share_one_watch(self, open_socket: Open) -> None:
        async with open_socket() as one, open_socket("aapl") as two:
            await frame(one)
            await frame(two)

        assert [watch.holder for watch in await in_db(lambda: list(Watch.objects.all()))] == ["ws"]

    async def test_the_last_viewer_ends_the_listening(self, open_socket: Open) -> None:
        async with open_socket() as socket:
            await frame(socket)
            listening = len([task for task in asyncio.all_tasks() if task.get_name().startswith("sockets:")])

        await asyncio.sleep(0)
        assert listening == 2
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("sockets:")]

    async def test_an_old_quote_is_sent_as_stale(self, open_socket: Open) -> None:
        newer(received_boottime=boottime() - 90, received_at=now() - timedelta(seconds=90))

        async with open_socket() as socket:
            body = await frame(socket)

        assert body["stale"] is True
        assert body["age_ms"] >= 90_000


class TestHub:
    """Who is woken by what."""

    async def test_only_the_viewers_of_a_symbol_are_woken(self, aapl: Instrument) -> None:
        aapl_box = await hub().join(265598)
        other_box = await hub().join(1)
        await asyncio.sleep(0)
        newer()

        try:
            assert await aapl_box.wait(2)
            assert not await other_box.wait(0.2)
        finally:
            hub().leave(265598, aapl_box)
            hub().leave(1, other_box)


class TestSeats:
    """Ten per key, fifty per address."""

    def test_a_key_has_ten(self) -> None:
        seats = Seats()

        taken = [seats.take("k7m2qd4x", "10.0.0.1") for _ in range(SOCKETS_PER_KEY + 1)]

        assert taken == [True] * 10 + [False]
        assert seats.take("another1", "10.0.0.1")

    def test_an_address_has_fifty_whatever_the_keys(self) -> None:
        seats = Seats()

        taken = [seats.take(f"key{number:05}", "10.0.0.1") for number in range(SOCKETS_PER_ADDRESS + 1)]

        assert taken == [True] * 50 + [False]
        assert seats.take("key00000", "10.0.0.2")

    def test_a_seat_given_back_is_free(self) -> None:
        seats = Seats()
        for _ in range(SOCKETS_PER_KEY):
            seats.take("k7m2qd4x", "10.0.0.1")

        seats.free("k7m2qd4x", "10.0.0.1")

        assert seats.take("k7m2qd4x", "10.0.0.1")
        assert not seats.take("k7m2qd4x", "10.0.0.1")
