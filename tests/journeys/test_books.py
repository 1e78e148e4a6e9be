"""Books and broker over a real socket: what was missed is found, what differs is told, twins end."""

from decimal import Decimal

import pytest

from apps.common.aio import in_db
from apps.domain.orders import OrderType
from apps.gateway.models import Difference, Recovery
from apps.orders.models import Execution, Order
from apps.orders.services.changes import NewTerms, request_change
from apps.orders.services.wishes import request_cancel
from apps.positions.models import Position
from apps.safety.models import Incident
from apps.safety.selectors import account_scope, states
from tests.gateway.house import CODE, as_web, until
from tests.journeys.test_orders import executions, submit, until_status

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = {"order_type": OrderType.LIMIT, "limit_price": Decimal("205.00")}


@pytest.fixture
def still_market(simulator):
    simulator.ask("set_price", symbol="AAPL", price=210.0, hold=True)


async def until_incident(kind, *, within_s=15.0):
    async def there():
        return await in_db(Incident.objects.filter(kind=kind).first)

    return await until(there, within_s=within_s, what=f"incident {kind}")


async def until_reduced():
    async def reduced():
        rows = await in_db(states, [account_scope(CODE)])
        return rows and rows[0].state == "REDUCING"

    await until(reduced, what="REDUCING")


async def last_report(number):
    async def closed():
        rows = await in_db(lambda: list(Recovery.objects.filter(ready_at__isnull=False).order_by("pk")))
        return rows[number] if len(rows) > number else None

    return await until(closed, what=f"recovery report {number}")


async def until_books(quantity):
    async def agree():
        row = await in_db(Position.objects.filter(instrument__symbol="AAPL").first)
        return row is not None and row.quantity == row.ledger_quantity == quantity

    await until(agree, what=f"books and broker at {quantity}")


class TestRecoveryReport:
    async def test_tells_what_was_matched_and_which_fills_were_missed(self, gateway, simulator):
        simulator.fault("hold_fills")
        filled, resting = await submit("books-00001"), await submit("books-00002", **LIMIT)
        for order in (filled, resting):
            await until_status(order, "WORKING")
        simulator.fault("refuse", seconds=2)
        simulator.fault("drop_rst")
        await gateway.until_phase("DISCONNECTED")

        simulator.fault("release_fills")
        await gateway.until_next_session(1)

        report = await last_report(1)
        [execution] = await executions(filled)
        assert {row["client_order_id"] for row in report.rematched} == {"books-00001", "books-00002"}
        assert report.orders_rematched == 2
        [fill] = report.fills_recovered
        assert (fill["ib_exec_id"], fill["symbol"], fill["side"], fill["quantity"]) == (
            execution.ib_exec_id,
            "AAPL",
            "BUY",
            "10",
        )
        assert (report.differences_left, report.gap_from < report.gap_to < report.ready_at) == (0, True)
        await until_books(10)

    async def test_a_lost_line_behind_ib_gateway_has_its_own(self, gateway, simulator):
        before = await last_report(0)

        simulator.fault("link_lost", seconds=1)

        report = await last_report(1)
        assert report.session == before.session
        assert report.cause == "IB Gateway lost its line to IB (1100)"
        assert report.gap_from is not None


class TestLedger:
    async def test_follows_fills_corrections_and_busts(self, gateway, simulator, still_market):
        order = await submit("books-00003")
        await until_status(order, "FILLED")
        await until_books(10)
        [execution] = await executions(order)

        simulator.ask("correct_execution", execId=execution.ib_exec_id, shares=7)
        await until_books(7)
        [corrected] = await executions(order)
        simulator.ask("bust_execution", execId=corrected.ib_exec_id)

        await until_books(0)
        assert await in_db(Execution.objects.filter(superseded=True).count) == 2

    async def test_counts_what_somebody_trades_in_tws(self, gateway, simulator, still_market):
        simulator.ask("manual_order", symbol="AAPL", action="BUY", quantity=3)

        await until_books(3)

        assert not await in_db(Difference.objects.filter(kind="position").exists)


class TestIncidents:
    async def test_a_fill_after_cancelled_reduces_trading(self, gateway, simulator, still_market):
        order = await submit("books-00004", **LIMIT)
        await until_status(order, "WORKING")
        simulator.fault("late_fill", seconds=0.2)

        await as_web(request_cancel, order.pk, by="key:tara0001")

        incident = await until_incident("fill_after_cancelled")
        assert incident.subject == f"order:{order.uuid}"
        await until_reduced()
        await until_status(order, "FILLED")

    async def test_two_orders_under_one_reference_are_both_cancelled(self, gateway, simulator, still_market):
        order = await submit("books-00005", **LIMIT)
        await until_status(order, "WORKING")
        simulator.fault("twin_order")

        await as_web(request_change, order.pk, NewTerms(limit_price=Decimal("206.00")), by="key:tara0001")

        await until_incident("two_perm_ids")
        await until_status(order, "CANCELLED")
        assert [row["status"] for row in simulator.ask("book")["orders"]] == ["Cancelled", "Cancelled"]
        await until_reduced()

    async def test_an_order_told_under_two_perm_ids_ends_by_what_the_lists_show(
        self, gateway, simulator, still_market
    ):
        simulator.fault("two_perm_ids")
        order = await submit("books-00006", **LIMIT)
        await until_status(order, "WORKING")

        await as_web(request_change, order.pk, NewTerms(limit_price=Decimal("206.00")), by="key:tara0001")

        await until_incident("two_perm_ids")
        await until_status(order, "CANCELLED", within_s=30)

    async def test_an_order_of_ours_without_a_row_is_an_orphan(self, gateway, simulator, still_market):
        simulator.ask(
            "manual_order",
            symbol="AAPL",
            action="BUY",
            quantity=2,
            type="LMT",
            limit=200,
            ref="jb:ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        )

        simulator.fault("drop_fin")
        await gateway.until_next_session(1)

        await until_incident("orphan_order")
        await until_reduced()
        [orphan] = await in_db(lambda: list(Order.objects.filter(origin="ORPHAN")))
        assert (orphan.status, (await last_report(1)).differences_left) == ("WORKING", 1)
