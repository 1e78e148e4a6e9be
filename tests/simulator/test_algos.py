"""Orders worked in parts: strategies by the clock, scale orders by the price."""

from __future__ import annotations

import pytest

from tests.simulator.floor import Floor


@pytest.fixture
def floor():
    """A venue where AAPL stands at 230.00."""
    floor = Floor()
    floor.price(230)
    return floor


WINDOW = {"startTime": "20261118 15:00:10 UTC", "endTime": "20261118 15:10:10 UTC"}


class TestStrategies:
    @pytest.mark.parametrize("name", ["Twap", "Vwap", "ArrivalPx", "DarkIce"])
    def test_work_between_their_times(self, floor, name):
        floor.place(1, quantity=1000, algoStrategy=name, params=WINDOW)
        floor.wait(8)
        early = floor.order(1).filled
        floor.wait(302, step=1)
        half = floor.order(1).filled
        floor.wait(302, step=1)

        assert early == 0
        assert 0 < half < 1000
        assert floor.status(1) == ["Filled"]
        assert len(floor.fills(1)) > 10

    def test_of_arrival_are_ahead_of_even_ones(self, floor):
        floor.place(1, quantity=1000, algoStrategy="ArrivalPx", params=WINDOW)
        floor.place(2, quantity=1000, algoStrategy="Twap", params=WINDOW)
        floor.wait(200, step=1)

        assert floor.order(1).filled > floor.order(2).filled

    def test_adaptive_fills_by_its_priority(self, floor):
        floor.place(1, quantity=600, algoStrategy="Adaptive", params={"adaptivePriority": "Urgent"})
        floor.place(2, quantity=600, algoStrategy="Adaptive", params={"adaptivePriority": "Patient"})
        floor.wait(5)

        assert floor.status(1) == ["Filled"]
        assert 0 < floor.order(2).filled < 600

    def test_of_volume_take_their_part_of_it(self, floor):
        floor.place(1, quantity=100_000, algoStrategy="PctVol", params={"pctVol": "0.1", **WINDOW})
        floor.wait(70, step=1)
        traded = floor.venue.market.stretch(
            floor.look_up("AAPL"), int(floor.clock.epoch()) - 60, int(floor.clock.epoch()) + 1
        ).volume

        assert floor.order(1).filled == pytest.approx(traded * 0.1, rel=0.1)

    def test_accumulate_by_components(self, floor):
        floor.place(
            1, quantity=300, algoStrategy="AD", params={"componentSize": "100", "timeBetweenOrders": "60"}
        )
        filled = []
        for _ in range(3):
            floor.wait(1)
            filled.append(floor.order(1).filled)
            floor.wait(60, step=1)

        assert filled == [100, 200, 300]

    def test_never_trade_beyond_their_limit(self, floor):
        floor.place(1, "LMT", limit=229.90, quantity=1000, algoStrategy="Twap", params=WINDOW)
        floor.wait(120, step=1)

        assert floor.order(1).filled == 0
        assert floor.status(1) == ["Submitted"]

    def test_that_would_start_after_the_close_end_at_once(self, floor):
        floor.place(1, algoStrategy="Vwap", params={"startTime": "20261119 15:00:00 UTC"})

        assert floor.status(1) == ["Cancelled"]
        assert floor.notices(1)[0].text == "Order Canceled - reason:Vwap: start time is after close time"

    @pytest.mark.parametrize(
        ("code", "name", "params"),
        [
            (439, "Inline", {}),
            (439, "BalanceImpactRisk", {"maxPctVol": "0.1"}),
            (443, "Twap", {"strategyType": "Marketable"}),
            (441, "Vwap", {"maxPctVol": "7"}),
            (441, "ArrivalPx", {"riskAversion": "Brave"}),
            (441, "Twap", {"startTime": "soon"}),
        ],
    )
    def test_unknown_or_wrong_are_refused(self, floor, code, name, params):
        floor.place(1, algoStrategy=name, params=params)

        assert floor.codes(1) == [code]

    def test_are_for_market_and_limit_orders(self, floor):
        floor.place(1, "STP", aux=240, algoStrategy="Twap")

        assert floor.codes(1) == [442]


class TestScale:
    def test_works_one_component_after_the_other_each_at_its_price(self, floor):
        floor.place(
            1, "LMT", quantity=300, limit=229.50,
            scaleInitLevelSize=100, scaleSubsLevelSize=100, scalePriceIncrement=0.50,
        )  # fmt: skip
        filled = []
        for price in (229.40, 228.90, 228.40):
            floor.price(price)
            floor.wait(1)
            filled.append(floor.order(1).filled)

        assert filled == [100, 200, 300]
        assert floor.prices(1) == [229.50, 229.00, 228.50]

    @pytest.mark.parametrize(
        ("code", "kind", "terms"),
        [
            (409, "LMT", {}),
            (408, "LMT", {"scaleInitLevelSize": 10, "scalePriceIncrement": -1}),
            (387, "MKT", {"scaleInitLevelSize": 10}),
            (201, "LMT", {"scaleInitLevelSize": 10, "scaleProfitOffset": 1}),
        ],
    )
    def test_wants_sizes_and_steps(self, floor, code, kind, terms):
        floor.place(1, kind, limit=229, **{"scalePriceIncrement": 0.5, **terms})

        assert floor.codes(1) == [code]
