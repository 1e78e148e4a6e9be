"""POST /orders on its short way answers as on the usual one, and leaves to it what may wait."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.utils import timezone

from apps.bridge import hot
from apps.bridge.hot import HotOrders
from apps.instruments.models import Instrument
from apps.orders.models import Order
from apps.safety.models import TradingState
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "order_type": "MKT", "account": "DU1234567"}


@pytest.fixture(autouse=True)
def _keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection outlives the test that made it."""
    monkeypatch.setattr(hot, "KEPT_CONNECTIONS", 0)


@pytest.fixture
def handed_on() -> list[str]:
    return []


@pytest.fixture
def application(handed_on: list[str]) -> Iterator[HotOrders]:
    usual: Any = get_asgi_application()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        handed_on.append(scope["path"])
        await usual(scope, receive, send)

    application = HotOrders(noting)
    yield application
    application.close()


async def ask(
    application: Any,
    body: bytes,
    *,
    key: str = "",
    method: str = "POST",
    path: str = "/orders",
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    named = {"host": "testserver", "content-type": "application/json", "content-length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        named["authorization"] = f"Bearer {key}"
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "https",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 443),
    }
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": body})
    start = await asked.receive_output(10)
    content = await asked.receive_output(10)
    await asked.wait(10)
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], told, json.loads(content["body"] or b"null")


class TestHotOrders:
    async def test_accepts_an_order_with_the_headers_of_the_usual_way(
        self, application: HotOrders, handed_on: list[str], aapl: Instrument, key: str
    ) -> None:
        body = json.dumps(ORDER | {"client_order_id": "hot-00001"}).encode()

        status, headers, said = await ask(application, body, key=key)
        status_again, headers_again, said_again = await ask(get_asgi_application(), body, key=key)

        assert (status, status_again) == (200, 200)
        assert said["order_id"] == said_again["order_id"]
        changing = {"x-request-id", "idempotent-replayed"}
        assert {n: v for n, v in headers.items() if n not in changing} == {
            n: v for n, v in headers_again.items() if n not in changing
        }
        assert handed_on == []

    @pytest.mark.parametrize("body", [b"{", b'{"symbol": 1}', b"", b"[]", b"\xff"])
    async def test_refuses_as_the_usual_way_does(
        self, application: HotOrders, aapl: Instrument, key: str, body: bytes
    ) -> None:
        status, headers, said = await ask(application, body, key=key)
        as_ever = await ask(get_asgi_application(), body, key=key)

        assert (status, said["code"]) == (as_ever[0], as_ever[2]["code"])
        assert headers.keys() == as_ever[1].keys()

    async def test_knows_nobody_without_a_key(self, application: HotOrders, aapl: Instrument) -> None:
        status, _, said = await ask(application, json.dumps(ORDER).encode())

        assert (status, said["code"]) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize(
        "asked",
        [
            {"prefer": "wait=0"},
            {"transfer_encoding": "chunked"},
            {"content_length": "300000"},
            {"method": "GET"},
            {"path": "/orders/bracket"},
        ],
    )
    async def test_leaves_the_rest_to_the_usual_way(
        self, application: HotOrders, handed_on: list[str], aapl: Instrument, key: str, asked: dict[str, str]
    ) -> None:
        await ask(application, b"{}", key=key, **asked)

        assert handed_on == [asked.get("path", "/orders")]

    def test_a_caller_who_leaves_halfway_has_sent_no_order(
        self, application: HotOrders, aapl: Instrument, key: str
    ) -> None:
        asyncio.run(leave_halfway(application))

        assert not Order.objects.exists()


async def leave_halfway(application: HotOrders) -> None:
    scope = {"type": "http", "method": "POST", "path": "/orders", "headers": []}
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": b"{", "more_body": True})
    await asked.send_input({"type": "http.disconnect"})
    await asked.wait(5)


@pytest.fixture
def key(aapl: Instrument) -> str:
    TradingState.objects.get_or_create(scope="*", defaults={"state": "ACTIVE", "at": timezone.now()})
    return factories.make_api_key(scopes=["orders:place"], accounts=["DU1234567"]).token
