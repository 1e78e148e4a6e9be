"""A paper account whose connection is READY, an instrument with a fresh price, a sender."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.models import Account, Connection, Phase
from apps.accounts.services import (
    next_session,
    record_heartbeat,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
)
from apps.common.clock import boottime
from apps.domain.executions import ExecutionReport
from apps.domain.mode import Mode, ProofState, prove_mode
from apps.domain.orders import OrderTicket, OrderType, Sender, Side
from apps.domain.quotes import MarketDataType, Quote
from apps.instruments.models import Instrument
from apps.marketdata.models import ReferencePrice
from apps.orders.models import Order
from apps.orders.services.flight import FlightPlan, put_in_flight
from apps.orders.services.intake import submit_order
from apps.positions.models import Position
from apps.safety.models import TradingState

CODE = "DU1234567"


@dataclass(frozen=True)
class Tara:
    """Tara trades."""

    principal: str = "key:tara0001"


@pytest.fixture
def tara() -> Tara:
    return Tara()


@pytest.fixture
def account(db: None) -> Account:
    TradingState.objects.get_or_create(scope="*", defaults={"state": "ACTIVE", "at": timezone.now()})
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    epoch = take_lease(connection_name="main", owner="here", ttl_s=15)
    assert epoch is not None
    next_session(connection_name="main", epoch=epoch)
    proof = prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE])
    record_identity(
        connection_name="main", epoch=epoch, session=1, server_version=176, accounts=[CODE], proof=proof
    )
    record_phase(connection_name="main", epoch=epoch, phase=Phase.READY)
    record_heartbeat(connection_name="main", epoch=epoch, lines_used=1, market_data_type=MarketDataType.LIVE)
    return Account.objects.get(code=CODE)


@pytest.fixture
def sender(account: Account) -> Sender:
    epoch = Connection.objects.get(name="main").lease.epoch
    return Sender("main", "here", epoch, session=1, client_id=1, next_valid_id=100)


@pytest.fixture
def aapl(account: Account) -> Instrument:
    instrument = Instrument.objects.create(
        ib_con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NASDAQ",
        currency="USD",
        min_tick=Decimal("0.01"),
        refreshed_at=timezone.now(),
    )
    ReferencePrice.objects.create(
        instrument=instrument,
        bid=Decimal("227.42"),
        ask=Decimal("227.44"),
        last=Decimal("227.43"),
        market_data_type=MarketDataType.LIVE,
        received_at=timezone.now(),
    )
    return instrument


@pytest.fixture
def picture(aapl: Instrument) -> dict[int, Quote]:
    return {
        aapl.ib_con_id: Quote(
            ib_con_id=aapl.ib_con_id,
            symbol="AAPL",
            exchange="SMART",
            currency="USD",
            market_data_type=MarketDataType.LIVE,
            received_at=datetime.now(UTC),
            received_boottime=boottime(),
            bid=Decimal("227.42"),
            ask=Decimal("227.44"),
            last=Decimal("227.43"),
        )
    }


BUY_10 = OrderTicket(
    account=CODE,
    symbol="AAPL",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=Decimal(10),
    limit_price=Decimal("227.40"),
)


@pytest.fixture
def accepted(aapl: Instrument, tara: Tara) -> Order:
    return submit_order(BUY_10, client_order_id="swing-0001", by=tara).order


@pytest.fixture
def flying(accepted: Order, sender: Sender, picture: dict[int, Quote]) -> Order:
    fly(accepted, sender, picture)
    accepted.refresh_from_db()
    return accepted


def fly(order: Order, sender: Sender, picture: dict[int, Quote]) -> FlightPlan:
    return put_in_flight(
        order.pk, sender=sender, picture=picture, proof=ProofState.PROVEN, boottime=boottime()
    )


def hold(account: Account, instrument: Instrument, quantity: int) -> Position:
    return Position.objects.create(
        account=account,
        instrument=instrument,
        quantity=quantity,
        average_cost=Decimal(200),
        as_of=timezone.now(),
    )


def execution(
    order: Order, *, exec_id: str = "0000e0d5.69b0c1f2.01.01", quantity: int = 10
) -> ExecutionReport:
    return ExecutionReport(
        account=order.account.code,
        ib_exec_id=exec_id,
        ib_order_id=order.ib_order_id or 0,
        ib_perm_id=1873204411,
        client_id=1,
        order_ref=order.order_ref,
        ib_con_id=order.instrument.ib_con_id,
        symbol=order.instrument.symbol,
        sec_type="STK",
        currency="USD",
        side=Side(order.side),
        quantity=Decimal(quantity),
        price=Decimal("227.40"),
        exchange="NASDAQ",
        executed_at=datetime.now(UTC) - timedelta(milliseconds=200),
    )


def sell(ticket: OrderTicket = BUY_10, *, quantity: int = 10) -> OrderTicket:
    return replace(ticket, side=Side.SELL, quantity=Decimal(quantity), limit_price=Decimal("227.50"))
