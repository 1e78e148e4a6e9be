"""Row 45: the thing to be traded is halted, gone, two things, or has no price steps."""

from decimal import Decimal

import pytest

from apps.domain.errors import DomainError
from apps.domain.orders import OrderType
from tests.gateway.house import until
from tests.reliability.matrix.stage import RESTING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.row(45)
class TestInstruments:
    async def test_a_halted_symbol_is_denied(self, stage, count):
        await stage.until_status(await stage.place(), "FILLED")
        for _ in range(count):
            stage.simulator.fault("halt", symbol="AAPL")
            frames = stage.order_frames()

            async def denied():
                order = await stage.submit(**RESTING)
                return order.reason_codes if order.status == "DENIED" else await stage.finish(order) and None

            codes = await until(denied, what="a denial")

            assert codes == ["RISK_STALE_QUOTE"]
            frames = stage.order_frames()
            stage.simulator.fault("halt", symbol="AAPL", on=False)

            async def traded():
                order = await stage.submit()
                return order if order.status != "DENIED" else None

            await stage.until_status(await until(traded), "FILLED")
            assert stage.order_frames() == frames + 1

    @pytest.mark.parametrize(
        ("fault", "code"),
        [("delist", "UNKNOWN_SYMBOL"), ("ambiguous", "CONTRACT_AMBIGUOUS")],
    )
    async def test_a_symbol_that_is_no_single_thing_is_refused_with_a_code(self, stage, fault, code):
        stage.simulator.fault(fault, symbol="KO")

        with pytest.raises(DomainError) as refusal:
            await stage.submit(symbol="KO")

        assert refusal.value.code == code
        assert stage.order_frames() == 0

    async def test_without_price_steps_the_smallest_step_is_used_and_others_are_denied(self, stage):
        stage.simulator.fault("withhold", messages=[93])  # marketRule

        order = await stage.submit(order_type=OrderType.LIMIT, limit_price=Decimal("205.001"))

        assert (order.status, order.reason_codes) == ("DENIED", ["RISK_TICK_SIZE"])
        assert stage.order_frames() == 0
