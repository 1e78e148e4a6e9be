"""A bridge whose connection is READY, with a fresh quote of AAPL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.accounts.models import Account, Phase
from apps.accounts.services import (
    next_session,
    record_heartbeat,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
)
from apps.bridge.prices import renewals
from apps.common.clock import boottime
from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import Mode, prove_mode
from apps.domain.quotes import MarketDataType, Quote
from apps.instruments.models import Instrument
from apps.instruments.services import store_instrument
from apps.marketdata import board
from apps.marketdata.services import store_reference_price
from tests import factories

CODE = "DU1234567"
OTHER = "DU7654321"
ALL_DAY = "20260101:0000-20291231:2359"

AAPL = InstrumentSpec(
    ib_con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    name="Apple Inc",
    multiplier="",
    min_tick=Decimal("0.01"),
    lot_size=Decimal(1),
    time_zone="America/New_York",
    trading_hours=ALL_DAY,
    liquid_hours=ALL_DAY,
)


@pytest.fixture(autouse=True)
def _empty_board() -> Iterator[None]:
    """No picture of another test."""
    board.clear()
    renewals.clear()
    yield
    board.clear()
    renewals.clear()


@pytest.fixture
def epoch(db: None) -> int:
    """A registered connection and the epoch of its gateway's lease."""
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    taken = take_lease(connection_name="main", owner="here", ttl_s=60)
    assert taken is not None
    next_session(connection_name="main", epoch=taken)
    return taken


@pytest.fixture
def account(epoch: int) -> Account:
    """Tara's account on a connection that is READY."""
    proof = prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE, OTHER])
    record_identity(
        connection_name="main",
        epoch=epoch,
        session=1,
        server_version=176,
        accounts=[CODE, OTHER],
        proof=proof,
    )
    record_phase(connection_name="main", epoch=epoch, phase=Phase.READY)
    record_heartbeat(connection_name="main", epoch=epoch, lines_used=1, market_data_type=MarketDataType.LIVE)
    return Account.objects.get(code=CODE)


@pytest.fixture
def down(account: Account, epoch: int) -> None:
    """IB goes away."""
    record_phase(connection_name="main", epoch=epoch, phase=Phase.DISCONNECTED, reasons=["port closed"])


@pytest.fixture
def aapl(account: Account) -> Instrument:
    """AAPL with a fresh quote on the board and in the rows."""
    instrument = store_instrument(AAPL)
    show(a_quote())
    return instrument


def a_quote(**changes: Any) -> Quote:
    """Return a quote of AAPL received just now."""
    quote = Quote(
        ib_con_id=AAPL.ib_con_id,
        symbol="AAPL",
        exchange="SMART",
        currency="USD",
        market_data_type=MarketDataType.LIVE,
        received_at=datetime.now(UTC),
        received_boottime=boottime(),
        bid=Decimal("227.42"),
        ask=Decimal("227.44"),
        last=Decimal("227.43"),
        bid_size=Decimal(300),
        ask_size=Decimal(500),
        volume=Decimal(18230411),
        close=Decimal("226.05"),
    )
    return replace(quote, **changes)


def show(quote: Quote) -> None:
    """Put a quote where the feed would."""
    board.put([quote])
    store_reference_price(quote=quote, instrument=Instrument.objects.get(ib_con_id=quote.ib_con_id))


def client_with(*scopes: str, accounts: tuple[str, ...] = (CODE,), **more: Any) -> APIClient:
    """Return a client with a new key."""
    client = APIClient(raise_request_exception=False)
    key = factories.make_api_key(scopes=scopes, accounts=accounts, **more)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.token}")
    return client


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A caller without a key."""
    return APIClient(raise_request_exception=False)


@pytest.fixture
def operator(db: None) -> APIClient:
    """A caller that may connect and disconnect."""
    return client_with("connection:control")


def order(**changes: Any) -> dict[str, Any]:
    """Return a limit order that passes."""
    body = {
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": 10,
        "order_type": "LMT",
        "limit_price": 227.4,
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check the whole body of an error; returns it."""
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["success"] is False
    assert body["detail"]
    assert body["error"] == body["message"] == body["detail"]
    assert body["request_id"] == response["X-Request-ID"]
    assert response["Content-Type"] == "application/problem+json"
    return body


def now() -> datetime:
    """Return the time."""
    return timezone.now()
