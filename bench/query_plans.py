"""A table of orders as years make it, and how PostgreSQL answers what the order path asks of it.

Needs Django set up on an empty, migrated PostgreSQL. What is explained is the SQL that services and
selectors send: `Witness` stands between them and the database, has each statement explained in the
very state in which it runs, takes the explanation's effects back, and lets the statement run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.db import connection, transaction
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
from apps.domain.events import BrokerOrder, OrderStatusReport
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.mode import Mode, ProofState, prove_mode
from apps.domain.orders import OrderTicket, OrderType, Sender, Side
from apps.domain.quotes import MarketDataType, Quote
from apps.domain.risk.limits import PAPER_DEFAULTS, to_values
from apps.gateway.books import Look, hold_against
from apps.instruments.models import Instrument
from apps.marketdata.models import ReferencePrice
from apps.orders import selectors
from apps.orders.models import Execution, Order
from apps.orders.repeats import new_commissions, new_executions, new_orders
from apps.orders.services import facts, findings, flight, twins
from apps.orders.services.intake import submit_order
from apps.orders.snapshots import not_closed_orders
from apps.positions.models import Position
from apps.safety.models import LimitSet, TradingState

CODE = "DU1234567"
INSTRUMENTS = 40
#: Orders that are claimed one after the other; a busy machine may hold up one of them.
CLAIMS = 5
#: Tables that grow with the years; a statement that reads one of them from end to end gets slow.
GROWING = ("orders_order", "orders_execution", "orders_orderevent")
#: What is not closed among the rows, the newest of them.
NOT_CLOSED = {"WORKING": 240, "PARTIALLY_FILLED": 20, "PENDING_CANCEL": 10, "UNKNOWN": 10, "ACCEPTED": 20}
_SCANS = {"Seq Scan", "Parallel Seq Scan"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How one statement was answered; `nodes` are how rows were found, `scanned` tables read whole."""

    asked_by: str
    sql: str
    nodes: tuple[str, ...]
    scanned: tuple[str, ...]
    ms: float
    blocks: int

    @property
    def verb(self) -> str:
        """Return what the statement does and to which table."""
        words = self.sql.replace('"', "").split()
        place = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "DELETE": "FROM"}[words[0]]
        return f"{words[0]} {words[words.index(place) + 1].strip('(').split('.')[0]}"


@dataclass
class Witness:
    """Explains every statement on the tables that grow while `asking` is open."""

    plans: list[Plan] = field(default_factory=list)
    _asked_by: str = ""

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        """Ascribe what is sent in this block to `name`."""
        self._asked_by = name
        with connection.execute_wrapper(self._explain):
            yield

    def _explain(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        verb = sql.lstrip("( ").split(" ", 1)[0]
        if verb in {"SELECT", "UPDATE", "INSERT", "DELETE"} and any(f'"{one}"' in sql for one in GROWING):
            self.plans.append(_explained(self._asked_by, sql, params))
        return execute(sql, params, many, context)


def _explained(asked_by: str, sql: str, params: Any) -> Plan:
    """Have a statement explained by running it, and take back what it did."""
    with transaction.atomic(), connection.connection.cursor() as cursor:
        cursor.execute("SAVEPOINT explaining")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        (told,) = cursor.fetchone()
        cursor.execute("ROLLBACK TO SAVEPOINT explaining")
    found = (told if isinstance(told, list) else json.loads(told))[0]
    nodes = list(_nodes(found["Plan"]))
    growing = [node for node in nodes if node.get("Relation Name") in GROWING]
    return Plan(
        asked_by,
        sql,
        tuple(dict.fromkeys(_name_of(node) for node in growing if "Scan" in node["Node Type"])),
        tuple(node["Relation Name"] for node in growing if node["Node Type"] in _SCANS),
        found["Execution Time"] + found["Planning Time"],
        found["Plan"].get("Shared Hit Blocks", 0) + found["Plan"].get("Shared Read Blocks", 0),
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes that were really run; the inner side of an empty join never is."""
    if plan.get("Actual Loops", 1):
        yield plan
    for child in plan.get("Plans", ()):
        child.setdefault("Relation Name", None)
        if child["Node Type"] == "Bitmap Index Scan":
            child["Relation Name"] = plan.get("Relation Name")
        yield from _nodes(child)


def _name_of(node: dict[str, Any]) -> str:
    index = node.get("Index Name")
    return f"{node['Node Type']} {index}" if index else f"{node['Node Type']} on {node['Relation Name']}"


def fill(rows: int) -> None:
    """Make so many orders of one account, nearly all filled, with their executions; and ANALYZE."""
    _open_for_business()
    template = _template_order()
    not_closed = sum(NOT_CLOSED.values())
    _hold_something()
    with connection.cursor() as cursor:
        _multiply(cursor, Order, template.pk, rows, _ORDER_CHANGES)
        cursor.execute('DELETE FROM "orders_order" WHERE "id" = %s', [template.pk])
        cursor.execute(
            'UPDATE "orders_order" SET "closed_at" = NULL, "filled_quantity" = 0, "status" = \'WORKING\''
            ' WHERE "id" > (SELECT max("id") FROM "orders_order") - %s',
            [not_closed],
        )
        _spread_statuses(cursor)
        cursor.execute(_EXECUTIONS)
        for table in (*GROWING, "instruments_instrument", "accounts_account"):
            cursor.execute(f'ANALYZE "{table}"')


_ORDER_CHANGES = {
    "uuid": "gen_random_uuid()",
    "instrument_id": "(SELECT min(id) FROM instruments_instrument) + n %% {instruments}",
    "client_order_id": "'years-' || n",
    "fingerprint": "md5(n::text) || md5(n::text)",
    "order_ref": "'jb:' || upper(substr(md5(n::text), 1, 26))",
    "ib_order_id": "100 + n",
    "ib_perm_id": "1000000 + n",
    "ib_perm_ids": "jsonb_build_array(1000000 + n)",
    "created_at": "now() - ({rows} - n) * interval '30 seconds'",
    "updated_at": "now() - ({rows} - n) * interval '30 seconds'",
    "in_flight_at": "now() - ({rows} - n) * interval '30 seconds'",
    "closed_at": "now() - ({rows} - n) * interval '30 seconds'",
}

_EXECUTIONS = """
INSERT INTO orders_execution (uuid, account_id, order_id, instrument_id, ib_exec_id, root, revision,
    superseded, side, quantity, price, exchange, order_ref, ib_perm_id, executed_at, booked_at, commission,
    commission_currency, synthetic)
SELECT gen_random_uuid(), account_id, id, instrument_id, '0000e0d5.' || id || '.01.01', '0000e0d5.' || id
    || '.01', 1, false, side, quantity, 100, 'NYSE', order_ref, ib_perm_id, created_at, created_at, 1, 'USD',
    false FROM orders_order WHERE status = 'FILLED'
"""


def _multiply(cursor: Any, model: Any, template: int, rows: int, changes: dict[str, str]) -> None:
    columns = [one.column for one in model._meta.local_concrete_fields if not one.primary_key]
    values = [changes.get(name, f't."{name}"').format(rows=rows, instruments=INSTRUMENTS) for name in columns]
    quoted = ", ".join(f'"{name}"' for name in columns)
    table = model._meta.db_table
    copy = f'INSERT INTO "{table}" ({quoted}) SELECT {", ".join(values)} FROM "{table}" t'  # noqa: S608
    cursor.execute(f'{copy}, generate_series(1, %s) n WHERE t."id" = %s', [rows, template])


def _spread_statuses(cursor: Any) -> None:
    """Give the newest rows their statuses, group by group from the newest on."""
    for status, count in NOT_CLOSED.items():
        if status == "WORKING":
            continue
        cursor.execute(
            'UPDATE "orders_order" SET "status" = %s, "expires_at" = now() + interval \'1 hour\''
            ' WHERE "id" IN (SELECT "id" FROM "orders_order" WHERE "status" = \'WORKING\''
            ' ORDER BY "id" DESC LIMIT %s)',
            [status, count],
        )
    cursor.execute(
        'UPDATE "orders_order" SET "ib_order_id" = NULL, "in_flight_at" = NULL, "ib_perm_id" = NULL'
        " WHERE \"status\" = 'ACCEPTED'"
    )


def _open_for_business() -> None:
    TradingState.objects.get_or_create(scope="*", defaults={"state": "ACTIVE", "at": timezone.now()})
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    epoch = take_lease(connection_name="main", owner="here", ttl_s=3600) or 0
    session = next_session(connection_name="main", epoch=epoch)
    proof = prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE])
    record_identity(
        connection_name="main", epoch=epoch, session=session, server_version=176, accounts=[CODE], proof=proof
    )
    record_phase(connection_name="main", epoch=epoch, phase=Phase.READY)
    for number in range(INSTRUMENTS):
        Instrument.objects.create(
            ib_con_id=1000 + number,
            symbol=f"SYM{number}",
            sec_type="STK",
            exchange="SMART",
            currency="USD",
            min_tick=Decimal("0.01"),
            refreshed_at=timezone.now(),
        )
    wide = replace(PAPER_DEFAULTS, version=2, short_sale_allowed=True, max_open_orders=500)
    wide = replace(wide, max_position=Decimal(100_000))
    LimitSet.objects.create(
        version=2, values=to_values(wide), author="bench", reason="a bench", at=timezone.now()
    )


def _template_order() -> Order:
    _refresh()
    order = submit_order(_ticket(1), client_order_id="template-0001", by=_Caller()).order
    Order.objects.filter(pk=order.pk).update(
        status="FILLED", filled_quantity=1, seq=6, epoch=1, broker_session=1, ib_client_id=1, ib_order_id=99
    )
    order.events.all().delete()
    return order


def _hold_something() -> None:
    now = timezone.now()
    for instrument in Instrument.objects.all():
        Position.objects.create(
            account=Account.objects.get(code=CODE),
            instrument=instrument,
            quantity=0,
            average_cost=0,
            quantity_at=now,
            as_of=now,
        )


def _refresh() -> None:
    """Say that the gateway lives and that prices are fresh."""
    row = Connection.objects.get(name="main")
    record_heartbeat(
        connection_name="main", epoch=row.lease.epoch, lines_used=1, market_data_type=MarketDataType.LIVE
    )
    ReferencePrice.objects.update_or_create(
        instrument=Instrument.objects.get(ib_con_id=1000),
        defaults={"bid": 100, "ask": 101, "last": 100, "received_at": timezone.now()},
    )


class _Caller:
    principal = "key:bench"


def _ticket(quantity: int) -> OrderTicket:
    return OrderTicket(
        account=CODE,
        symbol="SYM0",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal(quantity),
    )


def explain_everything() -> list[Plan]:
    """Run the order path, the open orders and a whole reconciliation; return what each statement met."""
    _refresh()
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # small containers have no room for them
    witness = Witness()
    account = Account.objects.get(code=CODE)
    sender = _sender()
    with witness.asking("accept"):
        order = submit_order(
            _ticket(7), client_order_id=f"explain-{timezone.now():%H%M%S%f}", by=_Caller()
        ).order
    _explain_lane(witness, order, sender)
    for number in range(CLAIMS - 1):
        key = f"explain-{number}-{timezone.now():%H%M%S%f}"
        _claim(witness, submit_order(_ticket(11 + number), client_order_id=key, by=_Caller()).order, sender)
    with witness.asking("open orders"):
        selectors.open_orders(account)
        not_closed_orders(account)
        selectors.recent_orders([CODE], now=timezone.now())
        selectors.order_counts([CODE])
        selectors.in_doubt("main")
    _explain_facts(witness, order, sender)
    _explain_reconciliation(witness, account, sender)
    return witness.plans


def _sender() -> Sender:
    row = Connection.objects.get(name="main")
    return Sender("main", "here", row.lease.epoch, session=row.session, client_id=1, next_valid_id=10**8)


def _explain_lane(witness: Witness, order: Order, sender: Sender) -> None:
    with witness.asking("look of the lane"):
        selectors.lane_work("main", halted_only=False)
    with witness.asking("expiry"):
        flight.expire_unsent()
    _claim(witness, order, sender)


def _claim(witness: Witness, order: Order, sender: Sender) -> None:
    with witness.asking("claim"):
        plan = flight.put_in_flight(
            order.pk, sender=sender, picture=_picture(), proof=ProofState.PROVEN, boottime=boottime()
        )
    if not plan.flying:
        raise RuntimeError("the order to be explained was not claimed")
    order.refresh_from_db()


def _picture() -> dict[int, Quote]:
    quote = Quote(
        ib_con_id=1000,
        symbol="SYM0",
        exchange="SMART",
        currency="USD",
        market_data_type=MarketDataType.LIVE,
        received_at=datetime.now(UTC),
        received_boottime=boottime(),
        bid=Decimal(100),
        ask=Decimal(101),
        last=Decimal(100),
    )
    return {1000: quote}


def _explain_facts(witness: Witness, order: Order, sender: Sender) -> None:
    ids: dict[str, Any] = {"ib_order_id": order.ib_order_id or 0, "ib_perm_id": 77_000_001, "client_id": 1}
    status = OrderStatusReport(**ids, status="Submitted", filled=Decimal(0), remaining=Decimal(7))
    fill = ExecutionReport(
        account=CODE,
        ib_exec_id="0000e0d5.explain.01.01",
        **ids,
        order_ref=order.order_ref,
        ib_con_id=1000,
        symbol="SYM0",
        sec_type="STK",
        currency="USD",
        side=Side.BUY,
        quantity=Decimal(7),
        price=Decimal(100),
        exchange="NYSE",
        executed_at=timezone.now(),
    )
    with witness.asking("facts"):
        facts.record_status(status, sender=sender)
        facts.record_execution(fill, sender=sender)
        facts.record_commission(CommissionReport(fill.ib_exec_id, Decimal(1), "USD", None), sender=sender)


def _explain_reconciliation(witness: Witness, account: Account, sender: Sender) -> None:
    """Walk through a whole look in which the broker names what is open and the newest fills."""
    began_at = timezone.now()
    with witness.asking("reconciliation"):
        flight.mark_unknown(connection="main", session=sender.session, silent_for=timedelta(seconds=5))
        before = selectors.reconcilable("main", [CODE])
        told = [_shown(row) for row in selectors.open_orders(account)]
        newest = [_executed(row) for row in selectors.recent_executions([CODE])]
        new_executions(newest, sender=sender)
        new_commissions(
            [CommissionReport(one.ib_exec_id, Decimal(1), "USD", None) for one in newest], sender=sender
        )
        new_orders(told, sender=sender, cause="open_orders")
        for report in told[:2]:
            facts.record_broker_order(report, sender=sender, cause="open_orders", list_began_at=began_at)
        twins.settle_twins(connection="main", live={one.ib_perm_id for one in told}, began_at=began_at)
        seen = findings.Seen(
            {one.order_ref for one in told}, {one.ib_perm_id for one in told}, began_at, began_at
        )
        findings.apply_absences(seen=seen, sender=sender, candidates=list(before))
        findings.rematched(before, seen=seen)
        hold_against(_look(told, newest, began_at), [CODE], compare=True, now=began_at)
        selectors.in_doubt_count("main")
        selectors.unanswered_changes("main")


def _look(told: list[BrokerOrder], newest: list[ExecutionReport], began_at: datetime) -> Look:
    completed = tuple(replace(one, status="Filled", filled=Decimal(1)) for one in told[:50])
    return Look(
        session=1,
        asked_at=began_at,
        positions=(),
        completed=completed,
        executions=tuple(newest),
        newer=(),
    )


def _shown(order: Order) -> BrokerOrder:
    return BrokerOrder(
        account=CODE,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id or 0,
        ib_perm_id=order.ib_perm_id or 0,
        client_id=1,
        ib_con_id=order.instrument.ib_con_id,
        symbol=order.instrument.symbol,
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        side=Side(order.side),
        order_type="MKT",
        quantity=order.quantity,
        limit_price=None,
        stop_price=None,
        time_in_force="DAY",
        status="Submitted",
    )


def _executed(row: Execution) -> ExecutionReport:
    return ExecutionReport(
        account=CODE,
        ib_exec_id=row.ib_exec_id,
        ib_order_id=0,
        ib_perm_id=row.ib_perm_id,
        client_id=1,
        order_ref=row.order_ref,
        ib_con_id=row.instrument.ib_con_id,
        symbol=row.instrument.symbol,
        sec_type="STK",
        currency="USD",
        side=Side(row.side),
        quantity=row.quantity,
        price=row.price,
        exchange="NYSE",
        executed_at=row.executed_at,
    )


def claim_ms(plans: list[Plan]) -> float:
    """Return what the claim's one conditional UPDATE took, the median of several claims."""
    return median(one.ms for one in plans if one.asked_by == "claim" and one.verb == "UPDATE orders_order")


def table(plans: list[Plan]) -> Iterator[str]:
    """Yield one line a statement: who asks, what, how its rows are found, milliseconds, blocks."""
    worst: dict[tuple[str, str, tuple[str, ...]], Plan] = {}
    for plan in plans:
        key = (plan.asked_by, plan.verb, plan.nodes)
        worst[key] = max(worst.get(key, plan), plan, key=lambda one: one.ms)
    for plan in worst.values():
        found = ", ".join(plan.nodes) or "by no index"
        cost = f"{plan.ms:>8.2f} ms {plan.blocks:>7} blocks"
        mark = "  WHOLE TABLE" if plan.scanned else ""
        yield f"{plan.asked_by:<16} {plan.verb:<29} {cost}  {found}{mark}"
