"""A small desk to look at: one connection, one account, orders in every mood."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import Account, Balance, Connection
from apps.domain.incidents import IncidentKind
from apps.domain.mode import Mode, prove_mode
from apps.domain.orders import CLOSED, OrderStatus
from apps.gateway.models import Recovery
from apps.gateway.services import FoundDifference, record_check, record_differences
from apps.instruments.models import Instrument
from apps.orders.models import Execution, Order, OrderEvent
from apps.positions.models import Position
from apps.safety.services.incidents import record_incident

ACCOUNT = "DU4512087"


def make_connection(**changes: Any) -> Connection:
    """Return a READY paper connection whose gateway lives."""
    now = datetime.now(UTC)
    proof = prove_mode(Mode.PAPER, port=4002, managed_accounts=[ACCOUNT])
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 4002,
        "client_id": 11,
        "mode": "paper",
        "phase": "READY",
        "session": 412,
        "server_version": 187,
        "managed_accounts": [ACCOUNT],
        "mode_proof": proof.state.value,
        "evidence": [
            {"name": line.name, "seen": line.seen, "agrees": line.agrees} for line in proof.evidence
        ],
        "heartbeat_at": now,
        "connected_since": now - timedelta(hours=3),
        "ready_at": now - timedelta(hours=3),
        "lines_used": 14,
        "code_version": "0.1.0",
    }
    return Connection.objects.create(name="main", **values | changes)


def make_account(connection: Connection, code: str = ACCOUNT) -> Account:
    """Return an account of a connection."""
    now = datetime.now(UTC)
    return Account.objects.create(
        code=code, connection=connection, mode=connection.mode, first_seen_at=now, last_seen_at=now
    )


def make_instrument(symbol: str = "AAPL", ib_con_id: int = 265598) -> Instrument:
    """Return a stock with a tick of one cent."""
    return Instrument.objects.create(
        ib_con_id=ib_con_id,
        symbol=symbol,
        name=f"{symbol} Inc",
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NASDAQ",
        currency="USD",
        min_tick=Decimal("0.01"),
        refreshed_at=datetime.now(UTC),
    )


def make_order(
    account: Account, instrument: Instrument, *, status: str = "WORKING", number: int = 1, **changes: Any
) -> Order:
    """Return an order with its first events."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "client_order_id": f"rb-2211-{number:02}",
        "fingerprint": f"{number:064}",
        "order_ref": f"JB-7F3K2M{number:02}",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": Decimal(78),
        "limit_price": Decimal("62.30"),
        "time_in_force": "DAY",
        "principal": "key:algo2xyz",
        "status": status,
        "seq": len(_steps_to(status)),
        "created_at": now - timedelta(minutes=number),
        "updated_at": now,
        "closed_at": now if OrderStatus(status) in CLOSED else None,
        "ib_order_id": None if status in {"ACCEPTED", "DENIED"} else 50_000 + number,
        "ib_client_id": 11,
        "in_flight_at": now - timedelta(seconds=50),
        "epoch": 212,
        "broker_session": 412,
    }
    order = Order.objects.create(account=account, instrument=instrument, **values | changes)
    for seq, (before, after, cause, evidence) in enumerate(_steps_to(status), start=1):
        OrderEvent.objects.create(
            order=order,
            seq=seq,
            from_status=before,
            to_status=after,
            cause=cause,
            evidence=evidence,
            at=now if seq > 1 else order.created_at,
            broker_session=412 if seq > 1 else None,
            epoch=212 if seq > 1 else None,
        )
    return order


def _steps_to(status: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return the steps that lead to a status, each a legal one."""
    said = {"broker_status": "Submitted", "warning": "<img src=x onerror=alert(1)>"}
    if status == "DENIED":
        return [
            ("", status, "denied", {"gate": "G1", "reasons": ["RISK_MAX_QTY"]}),
            (status, status, "note", {}),
        ]
    accepted = ("", "ACCEPTED", "accepted", {"gate": "G1"})
    if status == "ACCEPTED":
        return [accepted]
    if status in {"EXPIRED_UNSENT", "CANCELLED_UNSENT"}:
        return [accepted, ("ACCEPTED", status, "expired", {})]
    steps = [accepted, ("ACCEPTED", "IN_FLIGHT", "in_flight", {"gate": "G2", "ib_order_id": 50231})]
    return [*steps, ("IN_FLIGHT", status, "broker_status", said)]


def make_story(account: Account) -> Order:
    """Return the order of the design's story: in doubt for 45.5 s, found by its reference, filled."""
    apple = Instrument.objects.get(symbol="AAPL")
    judged = {"limits_version": 17, "controls": [f"R{number:02}" for number in range(1, 28)], "refusals": []}
    order = make_order(
        account,
        apple,
        number=10,
        status="FILLED",
        quantity=Decimal(40),
        limit_price=Decimal("233.10"),
        filled_quantity=Decimal(40),
        average_price=Decimal("233.0925"),
        decisions=[{"gate": "G1", **judged}, {"gate": "G2", **judged}],
        ib_perm_ids=[1804552117],
        ib_perm_id=1804552117,
    )
    OrderEvent.objects.filter(order=order).delete()
    began = order.created_at
    Order.objects.filter(pk=order.pk).update(in_flight_at=began + timedelta(seconds=0.009))
    found = {"broker_status": "Submitted", "warning": "<img src=x onerror=alert(1)>"}
    text = "Order Message: BUY 40 AAPL NASDAQ.NMS. Warning: your order will not be placed at the exchange."
    steps: list[tuple[float, str, str, dict[str, Any]]] = [
        (0.002, "ACCEPTED", "accepted", {"gate": "G1"}),
        (0.009, "IN_FLIGHT", "in_flight", {"gate": "G2", "ib_order_id": 50231}),
        (0.298, "UNKNOWN", "no_word", {"session": 413}),
        (45.766, "WORKING", "open_orders", found),
        (46.1, "WORKING", "broker_notice", {"ib_code": 399, "ib_message": text}),
        (63.1, "PARTIALLY_FILLED", "execution", _fill(order, 1, 25, "233.10", "0.60")),
        (63.8, "FILLED", "execution", _fill(order, 2, 15, "233.08", "0.40")),
        (63.9, "FILLED", "broker_status", {"broker_status": "Filled"}),
    ]
    before = ""
    for seq, (after_s, status, cause, evidence) in enumerate(steps, start=1):
        OrderEvent.objects.create(
            order=order,
            seq=seq,
            from_status=before,
            to_status=status,
            cause=cause,
            evidence=evidence,
            at=began + timedelta(seconds=after_s),
            broker_session=96 if after_s < 1 else 97,
            epoch=212,
        )
        before = status
    Order.objects.filter(pk=order.pk).update(seq=len(steps))
    return order


def _fill(order: Order, number: int, quantity: int, price: str, commission: str) -> dict[str, Any]:
    """Store one execution of the story; return the evidence of its event."""
    exec_id = f"0000e1a9.{number:02}.01"
    Execution.objects.create(
        account=order.account,
        order=order,
        instrument=order.instrument,
        ib_exec_id=exec_id,
        root=exec_id.rpartition(".")[0],
        revision=1,
        side=order.side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        exchange="NASDAQ",
        executed_at=order.created_at + timedelta(seconds=63),
        booked_at=order.created_at + timedelta(seconds=63),
        commission=Decimal(commission),
        commission_currency="USD",
    )
    return {"ib_exec_id": exec_id, "quantity": str(quantity), "price": price}


def make_desk() -> Account:
    """Return an account with orders in each group, an execution, positions and balances."""
    now = datetime.now(UTC)
    account = make_account(make_connection())
    apple, coke = make_instrument(), make_instrument("KO", 8894)
    make_order(account, coke, number=1)
    make_order(
        account, apple, number=2, status="UNKNOWN", limit_price=Decimal("233.10"), quantity=Decimal(40)
    )
    make_order(account, apple, number=3, status="ACCEPTED", limit_price=Decimal("230"))
    make_order(account, apple, number=4, status="REJECTED", ib_error_code=201, ib_error_text="No funds")
    make_order(account, coke, number=5, status="DENIED", reason_codes=["RISK_MAX_QTY"])
    make_order(account, coke, number=6, status="CANCELLED", order_type="MARKET", limit_price=None)
    filled = make_order(
        account,
        apple,
        number=7,
        status="FILLED",
        side="SELL",
        quantity=Decimal(1000),
        limit_price=Decimal("233.10"),
        filled_quantity=Decimal(1000),
        average_price=Decimal("233.0925"),
    )
    make_order(account, coke, number=8, status="PARTIALLY_FILLED", filled_quantity=Decimal(20))
    make_order(account, coke, number=9, status="WORKING", origin="EXTERNAL", principal="")
    Execution.objects.create(
        account=account,
        order=filled,
        instrument=apple,
        ib_exec_id="0000e1a7.65c2.01.01",
        root="0000e1a7.65c2",
        revision=1,
        side="SELL",
        quantity=Decimal(1000),
        price=Decimal("233.0925"),
        exchange="NASDAQ",
        executed_at=now,
        booked_at=now,
        commission=Decimal("1.00"),
        commission_currency="USD",
        realized_pnl=Decimal("-185.00"),
    )
    for instrument, held, mark, day in ((apple, 300, "233.18", "339"), (coke, 500, "62.41", "-185")):
        Position.objects.create(
            account=account,
            instrument=instrument,
            quantity=Decimal(held),
            average_cost=Decimal("60.1234"),
            market_price=Decimal(mark),
            market_value=Decimal(mark) * held,
            daily_pnl=Decimal(day),
            unrealized_pnl=Decimal(day) * 2,
            as_of=now,
        )
    Balance.objects.create(
        account=account,
        tag="NetLiquidation",
        currency="USD",
        text="613900.9",
        value=Decimal("613900.9"),
        as_of=now,
    )
    return account


def make_recovery(account: Account, **changes: Any) -> Recovery:
    """Return the report of 112 s away in which one order was matched and one fill was missed."""
    back = datetime.now(UTC) - timedelta(minutes=10)
    order = Order.objects.get(client_order_id="rb-2211-07")
    values: dict[str, Any] = {
        "session": 412,
        "cause": "IB Gateway closed the connection",
        "gap_from": back - timedelta(seconds=112),
        "gap_to": back,
        "ready_at": back + timedelta(seconds=3),
        "orders_rematched": 1,
        "rematched": [
            {
                "order_uuid": str(order.uuid),
                "account": account.code,
                "order": str(order),
                "client_order_id": order.client_order_id,
                "before": "UNKNOWN",
                "after": "FILLED",
            }
        ],
        "fills_recovered": [
            {
                "ib_exec_id": "0000e1a7.65c2.01.01",
                "account": account.code,
                "order_ref": order.order_ref,
                "symbol": "AAPL",
                "side": "SELL",
                "quantity": "1000",
                "price": "233.0925",
                "executed_at": back.isoformat(),
            }
        ],
        "subscriptions_restored": 14,
    }
    return Recovery.objects.create(connection=account.connection, **values | changes)


@transaction.atomic
def make_trouble(account: Account) -> None:
    """Leave two open incidents and two open differences."""
    now = datetime.now(UTC)
    record_incident(
        IncidentKind.POSITION_MISMATCH,
        "position:SPY 756733",
        account=account,
        detail="SPY is 3 at the broker and 0 by our executions, seen in two looks",
    )
    record_incident(
        IncidentKind.TERMS_CHANGED,
        "order:0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11",
        account=account,
        detail="BUY 78 KO has other terms at the broker",
    )
    found = [
        FoundDifference("position", "SPY 756733", "SPY is 3 at the broker and 0 by our executions"),
        FoundDifference("in_doubt", "rb-2211-02", "BUY 40 AAPL, UNKNOWN"),
    ]
    record_differences(account, found=found, now=now - timedelta(minutes=11))
    record_check(account, now=now, session=412)
