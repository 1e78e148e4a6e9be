"""Every kind of order: at what price it trades, what it waits for, where it is refused."""

from __future__ import annotations

import pytest

from tests.simulator.floor import Floor


@pytest.fixture
def floor():
    """A venue where AAPL stands at 230.00: bid 229.99, ask 230.00."""
    floor = Floor()
    floor.price(230)
    return floor


class TestMarket:
    def test_takes_the_book_level_by_level_at_ever_worse_prices(self, floor):
        floor.place(1, quantity=4000)
        prices = floor.prices(1)

        assert floor.status(1) == ["Filled"]
        assert prices[0] == 230.00
        assert prices == sorted(prices)
        assert len(set(prices)) == len(prices) >= 3

    def test_finds_no_share_twice_before_the_book_is_drawn_anew(self, floor):
        floor.place(1, quantity=100_000)
        taken = floor.order(1).filled
        floor.place(2, quantity=100)
        at_once = floor.order(2).filled
        floor.wait(1)

        assert 0 < taken < 100_000
        assert at_once == 0
        assert floor.order(1).filled > taken

    def test_to_limit_rests_at_the_price_of_its_first_trade(self, floor):
        floor.place(1, "MTL", quantity=5000)
        order = floor.order(1)

        assert set(floor.prices(1)) == {230.00}
        assert 0 < order.filled < 5000
        assert (order.status, order.limit_price) == ("Submitted", 230.00)


class TestLimit:
    def test_never_pays_more_than_its_limit(self, floor):
        floor.place(1, "LMT", quantity=20_000, limit=230.02)

        assert floor.status(1) == ["Submitted"]
        assert max(floor.prices(1)) <= 230.02

    def test_at_the_bid_waits_for_those_before_it(self, floor):
        floor.place(1, "LMT", limit=229.99)
        ahead = floor.order(1).queue_ahead

        assert ahead == floor.quote().bid_size
        assert floor.order(1).filled == 0

    def test_is_served_by_trades_at_its_price_after_its_queue(self, floor):
        # The held price trades at the ask, where a sale waits behind what is shown there.
        floor.place(1, "LMT", action="SELL", limit=230.00)
        ahead = floor.order(1).queue_ahead
        floor.wait(120)

        assert ahead > 0
        assert floor.status(1) == ["Filled"]
        assert floor.prices(1) == [230.00] * len(floor.prices(1))
        assert floor.fills(1)[0].liquidity == 1

    def test_is_passed_by_trades_beyond_its_price(self, floor):
        floor.place(1, "LMT", limit=229.50, quantity=50)
        floor.price(229.00)

        assert floor.prices(1) == [229.50]

    def test_keeps_its_place_when_it_gets_smaller_and_loses_it_when_larger(self, floor):
        floor.place(1, "LMT", limit=229.00, quantity=100)
        floor.wait(1)
        placed = floor.order(1).worked_at
        floor.place(1, "LMT", limit=229.00, quantity=50)
        smaller = floor.order(1).worked_at
        floor.place(1, "LMT", limit=229.00, quantity=500)

        assert smaller == placed
        assert floor.order(1).worked_at > placed


class TestStops:
    def test_become_market_orders_at_their_trigger(self, floor):
        floor.place(1, "STP", action="SELL", aux=229)
        waiting = floor.order(1).why_held
        floor.price(228.90)

        assert waiting == "trigger"
        assert floor.prices(1) == [228.89]

    def test_with_a_limit_do_not_follow_below_it(self, floor):
        floor.place(1, "STP LMT", action="SELL", aux=229, limit=228.95)
        floor.price(228)
        elected = floor.status(1)
        floor.price(229)

        assert elected == ["Submitted"]
        assert floor.prices(1) == [228.95]

    @pytest.mark.parametrize(
        ("method", "falls_to", "wakes"),
        [(2, 229.00, True), (4, 229.00, True), (8, 229.00, True), (8, 229.01, False), (7, 229.01, False)],
    )
    def test_are_triggered_by_the_method_they_name(self, floor, method, falls_to, wakes):
        floor.place(1, "STP", action="SELL", aux=229, triggerMethod=method)
        floor.price(falls_to)

        assert (floor.order(1).filled > 0) is wakes

    def test_by_two_trades_want_a_second_one(self, floor):
        floor.place(1, "STP", action="SELL", aux=229, triggerMethod=3)
        floor.wait(2)
        floor.price(228.90)
        at_once = floor.order(1).is_elected
        floor.wait(1)

        assert not at_once
        assert floor.status(1) == ["Filled"]

    def test_see_a_price_that_came_and_went_between_two_pulses(self):
        floor = Floor()
        floor.place(1, "STP", aux=floor.quote().last / 100 + 0.50)
        while floor.status(1) != ["Filled"]:
            floor.jump(600)

        assert floor.prices(1)


class TestTouched:
    def test_buy_below_the_market(self, floor):
        floor.place(1, "MIT", aux=229.50)
        waiting = floor.status(1)
        floor.price(229.40)

        assert waiting == ["PreSubmitted"]
        assert floor.prices(1) == [229.40]

    def test_with_a_limit_wait_at_it(self, floor):
        floor.place(1, "LIT", action="SELL", aux=231, limit=231.50)
        floor.price(231.10)
        touched = floor.status(1)
        floor.price(231.60)

        assert touched == ["Submitted"]
        assert floor.prices(1) == [231.50]


class TestTrailing:
    def test_follows_the_market_up_and_sells_when_it_turns(self, floor):
        floor.place(1, "TRAIL", action="SELL", aux=1.00)
        first = floor.order(1).stop_price
        floor.price(235)
        moved = floor.order(1).stop_price
        floor.price(234.50)
        kept = floor.order(1).stop_price
        floor.price(233.90)

        assert (first, moved, kept) == (229.00, 234.00, 234.00)
        assert floor.prices(1) == [233.89]

    def test_by_percent_follows_at_that_part_of_the_price(self, floor):
        floor.place(1, "TRAIL", trailingPercent=10)
        floor.price(200)

        assert floor.order(1).stop_price == 220.00

    def test_begins_at_the_stop_it_brings(self, floor):
        floor.place(1, "TRAIL", action="SELL", aux=1.00, trailStopPrice=225)

        assert floor.order(1).stop_price == 229.00

    def test_with_a_limit_moves_both(self, floor):
        floor.place(1, "TRAIL LIMIT", action="SELL", aux=1.00, lmtPriceOffset=0.10)
        floor.price(235)
        order = floor.order(1)

        assert (order.stop_price, order.limit_price) == (234.00, 233.90)

    def test_without_a_distance_is_refused(self, floor):
        floor.place(1, "TRAIL", action="SELL")

        assert floor.codes(1) == [403]


class TestAdjustedStop:
    ADJUSTED = {"triggerPrice": 235, "adjustedStopPrice": 234}

    def test_becomes_a_trailing_stop_at_its_trigger(self, floor):
        floor.place(
            1, "STP", action="SELL", aux=225,
            adjustedOrderType="TRAIL", adjustedTrailingAmount=2, **self.ADJUSTED,
        )  # fmt: skip
        before = floor.order(1).kind
        floor.price(235.50)
        order = floor.order(1)

        assert (before, order.kind, order.stop_price) == ("STP", "TRAIL", 234)
        assert floor.kinds_told(1)[-1] == "TRAIL"

    def test_becomes_a_stop_with_a_limit(self, floor):
        floor.place(
            1, "STP", action="SELL", aux=225,
            adjustedOrderType="STP LMT", adjustedStopLimitPrice=233, **self.ADJUSTED,
        )  # fmt: skip
        floor.price(235.50)
        order = floor.order(1)

        assert (order.kind, order.aux_price, order.limit_price) == ("STP LMT", 234, 233)

    def test_without_its_new_stop_is_refused(self, floor):
        floor.place(1, "STP", action="SELL", aux=225, adjustedOrderType="STP", triggerPrice=235)

        assert floor.codes(1) == [362]


class TestPegged:
    @pytest.mark.parametrize(
        ("kind", "terms", "expected"),
        [
            ("REL", {"aux": 0.03}, 800.15 - 0.30 + 0.03),
            ("PASSV REL", {"aux": 0.03}, 800.15 - 0.30 - 0.03),
            ("PEG MKT", {"aux": 0.05}, 800.15 - 0.05),
            ("PEG MID", {}, 800.00),
            ("PEG BEST", {"aux": 0.01}, 800.15 - 0.30 + 0.01),
            ("MIDPRICE", {}, 800.00),
            ("MIDPRICE", {"limit": 799.90}, 799.90),
        ],
    )
    def test_stands_where_its_kind_says(self, floor, kind, terms, expected):
        floor.price(800, "NFLX")
        floor.place(1, kind, symbol="NFLX", **terms)

        assert floor.order(1).queue_points == round(expected * 100)

    def test_moves_with_the_quote(self, floor):
        floor.price(800, "NFLX")
        floor.place(1, "PEG MID", symbol="NFLX")
        floor.price(801, "NFLX")

        assert floor.order(1).queue_points == 80_100

    def test_to_a_benchmark_follows_another_instrument(self, floor):
        floor.price(400, "MSFT")
        floor.place(
            1, "PEG BENCH", limit=240, referenceContractId=272093, startingPrice=220, peggedChangeAmount=0.5,
            referenceChangeAmount=1, stockRefPrice=400,
        )  # fmt: skip
        before = floor.order(1).queue_points
        floor.price(404, "MSFT")
        floor.wait(1)

        assert (before, floor.order(1).queue_points) == (22_000, 22_200)

    @pytest.mark.parametrize(
        ("kind", "expected"), [("SNAP MKT", 230.0), ("SNAP PRIM", 229.99), ("SNAP MID", 229.99)]
    )
    def test_snaps_once(self, floor, kind, expected):
        floor.place(1, kind)
        snapped = floor.order(1).limit_price
        floor.price(235)

        assert (snapped, floor.order(1).limit_price) == (expected, expected)


class TestAttributes:
    def test_all_or_none_waits_for_all(self, floor):
        floor.place(1, "LMT", limit=230.00, quantity=5000, allOrNone=1)
        floor.place(2, "LMT", limit=230.10, quantity=1000, allOrNone=1)

        assert floor.order(1).filled == 0
        assert floor.status(2) == ["Filled"]

    def test_a_minimum_holds_for_the_first_trade(self, floor):
        floor.place(1, "LMT", limit=230.00, quantity=5000, minQty=2000)
        floor.place(2, "LMT", limit=230.00, quantity=5000, minQty=100)

        assert floor.order(1).filled == 0
        assert floor.order(2).filled >= 100

    def test_an_iceberg_goes_to_the_end_of_its_queue_after_each_part(self, floor):
        floor.place(1, "LMT", action="SELL", limit=230.00, quantity=1000, displaySize=100)
        floor.place(2, "LMT", action="SELL", limit=230.00, quantity=1000)
        while not floor.fills(2):
            floor.wait(1)

        assert all(one.shares <= 100 for one in floor.fills(1) if one.liquidity == 1)
        assert floor.order(1).filled < floor.order(2).filled

    def test_a_discretionary_order_goes_further_than_it_shows(self, floor):
        floor.place(1, "LMT", limit=229.95, discretionaryAmt=0.05)
        floor.place(2, "LMT", limit=229.95, discretionaryAmt=0.04)

        assert floor.prices(1) == [230.00]
        assert floor.order(2).queue_points == 22_995

    def test_hidden_shares_stand_behind_all_that_is_shown(self, floor):
        floor.place(1, "LMT", action="SELL", limit=230.00, hidden=1)
        floor.place(2, "LMT", action="SELL", limit=230.00)
        floor.wait(60)

        assert floor.order(2).filled >= floor.order(1).filled


class TestRefused:
    @pytest.mark.parametrize(
        ("code", "kind", "terms"),
        [
            (387, "NOSUCH", {}),
            (387, "PEG STK", {}),
            (387, "VOL", {}),
            (387, "BOX TOP", {}),
            (387, "MKT PRT", {}),
            (387, "STP PRT", {"aux": 225}),
            (10052, "LMT", {"limit": 1, "tif": "SOON"}),
            (113, "MOC", {"tif": "GTC"}),
            (111, "STP", {"aux": 225, "tif": "OPG"}),
            (111, "STP", {"aux": 225, "tif": "IOC"}),
            (158, "REL", {}),
            (159, "REL", {"percentOffset": 2}),
            (157, "LMT", {"limit": 1, "displaySize": 10, "discretionaryAmt": 1}),
            (325, "MKT", {"discretionaryAmt": 1}),
            (152, "MKT", {"hidden": 1}),
            (411, "MOC", {"outsideRth": 1}),
            (110, "STP", {"aux": 225.005}),
            (321, "MIT", {}),
            (321, "STP", {"aux": 225, "triggerMethod": 99}),
            (321, "LMT", {"limit": 1, "minQty": "many"}),
        ],
    )
    def test_with_ib_s_code(self, floor, code, kind, terms):
        floor.place(1, kind, **terms)

        assert floor.codes(1) == [code]
        assert floor.book.find(1, 1) is None


class TestHalts:
    def test_stop_fills_and_triggers(self, floor):
        floor.venue.market.halted["AAPL"] = 1
        floor.place(1)
        floor.place(2, "STP", action="SELL", aux=229)
        floor.price(228)
        halted = [floor.order(1).filled, floor.order(2).is_elected]
        floor.venue.market.halted.clear()
        floor.wait(1)

        assert halted == [0, False]
        assert floor.status(1, 2) == ["Filled", "Filled"]
