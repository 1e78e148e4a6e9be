"""Orders that cancel each other: what one of them trades, the others lose, and no more."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from apps.domain.events import BrokerOrder
from apps.domain.executions import ExecutionReport
from tests.broker.conftest import Heard, order_frame
from tests.broker.stages import SimulatorStage


@pytest.fixture
async def stage() -> AsyncIterator[SimulatorStage]:
    built = SimulatorStage()
    await built.open()
    await built.session.connect()
    yield built
    await built.close()


class TestPartialFill:
    async def test_of_one_leaves_the_other_for_the_rest(self, stage: SimulatorStage) -> None:
        session, heard = stage.session, Heard(stage.session)
        pair = {"symbol": "NFLX", "ib_con_id": stage.move_price("NFLX", 800), "oca_group": "pair"}
        for number, ref, quantity, limit in ((1, "jb:FAR", 3000, 700), (2, "jb:NEAR", 1500, 780)):
            terms = {"quantity": Decimal(quantity), "limit_price": Decimal(limit)}
            session.write_order(order_frame(number, order_ref=ref, **terms, **pair))
        await heard.until(lambda events: len({one.order_ref for one in heard.of(BrokerOrder)}) == 2)

        stage.move_price("NFLX", 779.85)

        await heard.until(lambda events: bool(heard.of(ExecutionReport)))
        left = {one.order_ref: one.quantity for one in (await session.snapshot()).open_orders}
        assert left.keys() == {"jb:FAR", "jb:NEAR"}
        assert 0 < left["jb:FAR"] < 3000
