"""An order's whole way, over a real socket: row, wire, fill, row, and across a lost session."""

from decimal import Decimal

import pytest

from apps.common.aio import in_db
from apps.domain.orders import OrderTicket, OrderType, Side
from apps.orders.models import Execution, Order
from apps.orders.services.intake import submit_order
from apps.orders.services.wishes import kill, request_cancel
from apps.positions.models import Position
from apps.safety.selectors import states
from apps.safety.services.states import resume_trading
from tests.gateway.house import CODE, as_web, until

pytestmark = pytest.mark.django_db(transaction=True)


class Tara:
    """Tara trades."""

    principal = "key:tara0001"


def ticket(**changes):
    plain = {
        "account": CODE,
        "symbol": "AAPL",
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": Decimal(10),
    }
    return OrderTicket(**plain | changes)


async def submit(client_order_id, **changes):
    submission = await as_web(submit_order, ticket(**changes), client_order_id=client_order_id, by=Tara())
    assert submission.order.status == "ACCEPTED", submission.order.reason_codes
    return submission.order


async def until_status(order, status, *, within_s=15.0):
    async def there():
        row = await in_db(Order.objects.get, pk=order.pk)
        return row if row.status == status else None

    return await until(there, within_s=within_s, what=f"order {order.pk} {status}")


async def executions(order):
    return await in_db(lambda: list(Execution.objects.filter(order_id=order.pk, superseded=False)))


def at_broker(simulator, order):
    return [row for row in simulator.ask("book")["orders"] if row["orderRef"] == order.order_ref]


class TestFill:
    async def test_a_market_order_is_filled_booked_and_held(self, gateway, simulator):
        order = await submit("journey-0001")

        filled = await until_status(order, "FILLED")

        assert filled.filled_quantity == 10
        assert [e.quantity for e in await executions(order)] == [10]
        assert len(at_broker(simulator, order)) == 1

        async def held():
            return await in_db(lambda: list(Position.objects.filter(quantity=10)))

        await until(held, what="the position")


class TestCancel:
    async def test_a_working_order_is_cancelled_at_the_broker(self, gateway, simulator):
        order = await submit("journey-0002", order_type=OrderType.LIMIT, limit_price=Decimal("205.00"))
        await until_status(order, "WORKING")

        await as_web(request_cancel, order.pk, by="key:tara0001")

        await until_status(order, "CANCELLED")
        assert at_broker(simulator, order)[0]["status"] == "Cancelled"


class TestAway:
    async def test_what_was_filled_meanwhile_is_booked_once(self, gateway, simulator):
        simulator.fault("hold_fills")
        orders = [await submit(f"journey-away-{n}", quantity=Decimal(n + 1)) for n in range(3)]
        for order in orders:
            await until_status(order, "WORKING")
        simulator.fault("refuse", seconds=2)
        simulator.fault("drop_rst")
        await gateway.until_phase("DISCONNECTED")

        simulator.fault("release_fills")

        await gateway.until_next_session(1)
        for n, order in enumerate(orders):
            filled = await until_status(order, "FILLED")
            assert filled.filled_quantity == n + 1
            assert [e.quantity for e in await executions(order)] == [n + 1]

    async def test_an_order_is_not_written_again_after_the_session(self, gateway, simulator):
        order = await submit("journey-0004", order_type=OrderType.LIMIT, limit_price=Decimal("205.00"))
        await until_status(order, "WORKING")

        simulator.fault("drop_fin")
        await gateway.until_next_session(1)

        await until_status(order, "WORKING")
        assert len(at_broker(simulator, order)) == 1

    async def test_an_order_the_broker_never_got_stays_in_doubt_and_is_not_repeated(self, gateway, simulator):
        simulator.fault("eat_order")
        order = await submit("journey-0005")
        await until_status(order, "UNKNOWN")

        simulator.fault("drop_fin")
        await gateway.until_next_session(1)

        await until_status(order, "UNKNOWN")
        assert at_broker(simulator, order) == []


class TestKill:
    async def test_cancels_what_is_out_and_nothing_new_goes_out(self, gateway, simulator):
        working = await submit("journey-0006", order_type=OrderType.LIMIT, limit_price=Decimal("205.00"))
        await until_status(working, "WORKING")

        await as_web(kill, by="user:rita", reason="fat finger")

        await until_status(working, "CANCELLED")
        denied = await as_web(submit_order, ticket(), client_order_id="journey-0007", by=Tara())
        assert denied.order.status == "DENIED"
        assert len(simulator.ask("book")["orders"]) == 1
        await as_web(resume_trading, scope="*", by="user:rita", reason="all is well again")

    async def test_an_order_cancelled_while_away_is_cancelled_on_return(self, gateway, simulator):
        order = await submit("journey-0008", order_type=OrderType.LIMIT, limit_price=Decimal("205.00"))
        await until_status(order, "WORKING")
        simulator.fault("refuse", seconds=2)
        simulator.fault("drop_rst")
        await gateway.until_phase("DISCONNECTED")

        await as_web(request_cancel, order.pk, by="key:tara0001")

        await gateway.until_next_session(1)
        await until_status(order, "CANCELLED")


class TestHaltFile:
    async def test_no_frame_is_written_while_it_lies_there_whatever_the_rows_say(
        self, gateway, simulator, tmp_path
    ):
        halt_file = tmp_path / "HALT"
        halt_file.touch()

        async def halted():
            return (await in_db(states, ["*"]))[0].state == "HALTED"

        await until(halted)
        await as_web(resume_trading, scope="*", by="user:rita", reason="all is well again")

        order = await submit("journey-0009", expires_in_s=1)

        await until_status(order, "EXPIRED_UNSENT")
        assert at_broker(simulator, order) == []
        halt_file.unlink()
        await until_status(await submit("journey-0010", quantity=Decimal(11)), "FILLED")
