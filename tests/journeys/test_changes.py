"""Changing a working order over a real socket: applied, refused, cut in the middle, ended first."""

from decimal import Decimal

import pytest

from apps.common.aio import in_db
from apps.domain.orders import OrderType
from apps.orders.models import Order, OrderChange
from apps.orders.services.changes import NewTerms, request_change
from tests.gateway.house import as_web, until
from tests.journeys.test_orders import at_broker, submit, until_status

pytestmark = pytest.mark.django_db(transaction=True)

TARA = "key:tara0001"


@pytest.fixture(autouse=True)
def still_market(simulator):
    simulator.ask("set_price", symbol="AAPL", price=210.0, hold=True)


async def working(key, **changes):
    plain = {"order_type": OrderType.LIMIT, "limit_price": Decimal("205.00")}
    order = await submit(key, **plain | changes)
    return await until_status(order, "WORKING")


async def change(order, **terms):
    return await as_web(request_change, order.pk, NewTerms(**terms), by=TARA)


async def until_state(change, state, *, within_s=15.0):
    async def there():
        row = await in_db(OrderChange.objects.get, pk=change.pk)
        return row if row.state == state else None

    return await until(there, within_s=within_s, what=f"change {state}")


async def row_of(order):
    return await in_db(Order.objects.get, pk=order.pk)


class TestChange:
    async def test_new_terms_reach_the_broker_once_and_then_the_row(self, gateway, simulator):
        order = await working("change-00001")

        wish = await change(order, limit_price=Decimal("206.50"), quantity=Decimal(12))

        await until_state(wish, "APPLIED")
        row = await row_of(order)
        assert (row.limit_price, row.quantity, row.changing_to) == (Decimal("206.5"), 12, None)
        assert row.status == "WORKING"
        [held] = at_broker(simulator, order)
        assert (held["limitPrice"], held["quantity"], held["status"]) == (206.5, 12.0, "Submitted")

    async def test_without_an_answer_the_old_terms_stand_until_a_complete_list_shows_the_new(
        self, gateway, simulator
    ):
        order = await working("change-00002")
        simulator.fault("withhold", messages=[5])
        wish = await change(order, limit_price=Decimal("206.50"))
        await until_state(wish, "IN_FLIGHT")
        row = await row_of(order)
        assert (row.status, row.limit_price) == ("WORKING", Decimal("205"))

        simulator.ask("clear_faults")

        await until_state(wish, "APPLIED", within_s=40)
        assert len(at_broker(simulator, order)) == 1

    async def test_a_change_that_makes_it_marketable_is_filled_once(self, gateway, simulator):
        order = await working("change-00003")

        wish = await change(order, limit_price=Decimal("211.00"))
        assert wish.state == "REQUESTED", wish.reason_codes

        filled = await until_status(order, "FILLED")
        assert filled.filled_quantity == 10
        assert len(at_broker(simulator, order)) == 1

    async def test_an_order_that_has_filled_cannot_be_changed(self, gateway, simulator):
        order = await working("change-00004")
        simulator.ask("set_price", symbol="AAPL", price=204.0, hold=True)

        await until_status(order, "FILLED")

        with pytest.raises(Exception, match="already FILLED"):
            await change(order, limit_price=Decimal("206.50"))

    async def test_is_refused_while_the_line_is_down(self, gateway, simulator):
        order = await working("change-00005")
        simulator.fault("refuse", seconds=4)
        simulator.fault("drop_rst")
        await gateway.until_phase("DISCONNECTED")

        with pytest.raises(Exception, match="Not connected"):
            await change(order, limit_price=Decimal("206.50"))
