"""Rows 7 and 12 to 16: what the broker says comes late, twice, in disorder, corrected, or sounds final."""

import random
from decimal import Decimal

import pytest

from apps.common.aio import in_db
from apps.domain.ib_codes import IB_CODES
from apps.orders.models import Execution
from apps.orders.services.intake import BrokerNotReady
from apps.orders.services.wishes import request_cancel
from tests.gateway.house import as_web, until
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.stage import RESTING
from tests.reliability.tap import Way

pytestmark = pytest.mark.django_db(transaction=True)

EXECUTION, SHARES_AFTER_ID = "11", 5


@pytest.mark.row(7)
class TestIbCutOff:
    async def test_no_fill_of_the_gap_is_lost_and_no_order_goes_out(self, stage, count):
        for recovery, fills in (("1102", "late"), ("1101", "lost"), ("1102", "lost")):
            await self._fill_in_gaps(stage, count, recovery=recovery, fills=fills)
        assert await stage.violations() == []

    async def _fill_in_gaps(self, stage, count, *, recovery, fills):
        stage.simulator.fault("hold_fills")
        for _ in range(0, count, 100):
            orders = [await stage.place(quantity=Decimal(n % 5 + 1)) for n in range(min(count, 100))]
            for order in orders:
                await stage.until_status(order, "WORKING", within_s=60)
            frames = stage.order_frames()
            stage.simulator.fault("link_lost", seconds=1.5, recovery=recovery, fills=fills)
            await stage.gateway.until_phase("RECONCILING")
            with pytest.raises(BrokerNotReady):
                await stage.submit(**RESTING)

            stage.simulator.fault("release_fills")

            for order in orders:
                filled = await stage.until_status(order, "FILLED", within_s=60)
                assert filled.filled_quantity == filled.quantity
            assert stage.order_frames() == frames
            await stage.until_ready()
            stage.simulator.fault("hold_fills")

    async def test_without_a_word_of_return_it_stays_closed_and_says_why(self, stage):
        stage.simulator.fault("link_lost", seconds=0.5, recovery="none")

        row = await stage.gateway.until_phase("RECONCILING")

        assert "1100" in row.reasons[0]
        with pytest.raises(BrokerNotReady):
            await stage.submit()
        stage.simulator.ask("clear_faults")
        stage.simulator.fault("emit_error", code=1102, text="Connectivity restored")
        await stage.until_ready()
        await stage.until_status(await stage.place(), "FILLED")


DISORDERS = {
    "everything three times": [("duplicate", {"messages": [3, 5, 11, 59], "times": 3})],
    "shuffled": [("out_of_order", {"window": 6, "seed": 3})],
    "fill first": [("execution_before_ack", {}), ("duplicate_executions", {"times": 2})],
    "commission first": [("commission_first", {}), ("duplicate_status", {"times": 4})],
    "echoes": [("stale_status", {}), ("filled_before_execution", {"seconds": 0.3})],
}


@pytest.mark.row(12)
class TestDisorder:
    async def test_everything_is_booked_once(self, stage, count):
        rng = random.Random(12)
        orders = []
        for number in range(count):
            stage.simulator.ask("clear_faults")
            disorder = list(DISORDERS)[number % len(DISORDERS)]
            for name, arguments in DISORDERS[disorder]:
                stage.simulator.fault(name, **arguments)
            terms = {"quantity": Decimal(rng.randint(1, 40))}
            order = await stage.place(**terms | (RESTING if rng.random() < 0.3 else {}))
            orders.append(order)
            if number % 5 == 4 or number == count - 1:
                for one in orders[-5:]:
                    await stage.until_status(one, "WORKING" if one.limit_price else "FILLED")
                    await stage.finish(one)

        for order in orders:
            booked = sum(one.quantity for one in await stage.executions(order))
            assert booked == (0 if order.limit_price else order.quantity)
        assert await stage.violations() == []


@pytest.mark.row(13)
class TestAmended:
    async def test_a_correction_replaces(self, stage, count):
        for _ in range(count):
            stage.simulator.fault("correct_fills", seconds=0.2, points=7)
            order = await stage.place()
            await stage.until_status(order, "FILLED")

            async def corrected(order=order):
                found = await stage.executions(order)
                return found if any(one.revision > 1 for one in found) else None

            found = await until(corrected, what="the correction")

            every = await in_db(lambda order=order: list(Execution.objects.filter(order_id=order.pk)))
            assert len(every) == len(found) + 1
            newest = next(one for one in found if one.revision > 1)
            replaced = next(one for one in every if one.superseded)
            assert newest.price == replaced.price + Decimal("0.07")
            assert (await stage.row(order)).filled_quantity == 10
        assert await stage.violations() == []

    async def test_a_bust_takes_the_fill_back(self, stage, count):
        """The revision that says 0 is ours: the simulator, like IB, tells the new position only."""
        stage.resumes = True
        for _ in range(count):
            order = await stage.place()
            await stage.until_status(order, "FILLED")
            told = [frame for frame in stage.tap.frames if frame.way is Way.IN and frame.number == EXECUTION]
            fields = told[-1].fields
            place = fields.index((await stage.executions(order))[0].ib_exec_id)
            stage.simulator.ask("bust_execution", execId=fields[place])

            fields[place], fields[place + SHARES_AFTER_ID] = fields[place].removesuffix(".01") + ".02", "0"
            stage.tap.inject(*fields)

            async def taken_back(order=order):
                return (await stage.row(order)).filled_quantity == 0

            await until(taken_back, what="the bust")
        assert await stage.violations() == []


@pytest.mark.row(14)
class TestCrossing:
    @pytest.mark.parametrize(
        ("share", "end"), [(0.4, "CANCELLED"), (1.0, "FILLED")], ids=["a part", "all of it"]
    )
    async def test_a_fill_that_meets_the_cancel(self, stage, count, share, end):
        for _ in range(count):
            stage.simulator.fault("fill_on_cancel", share=share)
            order = (await stage.place_resting(quantity=Decimal(10)))[0]

            await as_web(request_cancel, order.pk, by="key:tara0001")

            ended = await stage.until_status(order, end)
            assert ended.filled_quantity == Decimal(10) * Decimal(str(share))
        assert await stage.violations() == []

    async def test_a_fill_after_the_cancel_reopens_the_books(self, stage, count):
        stage.resumes = True
        for _ in range(count):
            stage.simulator.fault("late_fill", seconds=0.3)
            order = (await stage.place_resting(quantity=Decimal(10)))[0]
            await as_web(request_cancel, order.pk, by="key:tara0001")

            ended = await stage.until_status(order, "FILLED")

            assert ended.filled_quantity == 10
        assert await stage.violations() == []


@pytest.mark.row(16)
class TestCodes:
    async def test_no_code_ends_a_live_order(self, stage, count):
        order = (await stage.place_resting())[0]
        number = (await stage.row(order)).ib_order_id
        codes = range(100, 20_001)
        if not IS_CHAOS:
            named = {10349, 399, 404, 2109, 19999, 201, 202, 10147, 10148, 161, 105, 321, 322, 10268, 10311}
            others = [code for code in IB_CODES if code not in named]
            codes = sorted(named) + random.Random(16).sample(others, min(count, len(others)) - len(named))

        for code in codes:
            stage.tap.inject(4, 2, number, code, f"a code {code}", "")

        async def heard_all():
            row = await stage.row(order)
            assert row.status == "WORKING", (row.status, await stage.story(order))
            return any(evidence.get("ib_code") == codes[-1] for _, _, evidence in await stage.story(order))

        await until(heard_all, within_s=900 if IS_CHAOS else 30, what="all codes")
        stage.tap.inject(4, 2, -1, 1102, "Connectivity restored", "")
        await stage.finish(order)
        assert await stage.violations() == []
