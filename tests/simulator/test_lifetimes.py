"""From when until when orders live: times in force, sessions, auctions, good after and till."""

from __future__ import annotations

from datetime import datetime

import pytest

from apps.simulator.clock import EASTERN
from apps.simulator.instruments.hours import HOURS, extended_at, session_at
from apps.simulator.time_texts import BadTime, epoch_of
from tests.simulator.floor import Floor


def eastern(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=EASTERN)


@pytest.fixture
def floor():
    """A venue of round-the-clock hours where AAPL stands at 230.00."""
    floor = Floor()
    floor.price(230)
    return floor


def new_york(clock_time, day="2026-11-18"):
    floor = Floor(at=eastern(f"{day} {clock_time}"), hours="nyse")
    floor.price(230)
    return floor


class TestTimeTexts:
    NOW = eastern("2026-11-18 10:00").timestamp()

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("20261118 15:30:00 US/Eastern", "2026-11-18 15:30"),
            ("20261118 15:30:00", "2026-11-18 15:30"),
            ("20261118-20:30:00", "2026-11-18 15:30"),
            ("20261118 20:30:00 UTC", "2026-11-18 15:30"),
            ("20261118 20:30:00 GMT", "2026-11-18 15:30"),
            ("20261118 21:30:00 Europe/Berlin", "2026-11-18 15:30"),
            ("20261118 14:30:00 CST", "2026-11-18 15:30"),
            ("15:30:00 EST", "2026-11-18 15:30"),
            ("15:30", "2026-11-18 15:30"),
        ],
    )
    def test_are_read_with_any_zone(self, text, expected):
        assert epoch_of(text, now=self.NOW) == eastern(expected).timestamp()

    @pytest.mark.parametrize(
        "text", ["", "soon", "20261399 10:00:00", "25:00:00", "20261118 10:00:00 Mars/Base"]
    )
    def test_are_refused_when_they_are_none(self, text):
        with pytest.raises(BadTime):
            epoch_of(text, now=self.NOW)


class TestImmediate:
    def test_or_cancel_keeps_what_it_got(self, floor):
        floor.place(1, "LMT", quantity=5000, limit=230, tif="IOC")

        assert floor.status(1) == ["Cancelled"]
        assert 0 < floor.order(1).filled < 5000
        assert floor.codes(1) == [202]

    def test_fill_or_kill_is_all_or_nothing(self, floor):
        floor.place(1, "LMT", quantity=5000, limit=230, tif="FOK")
        floor.place(2, "LMT", quantity=2000, limit=230.05, tif="FOK")

        assert floor.status(1, 2) == ["Inactive", "Filled"]
        assert floor.order(1).filled == 0


class TestDay:
    def test_ends_with_its_session_and_gtc_does_not(self):
        floor = new_york("15:59")
        floor.place(1, "LMT", limit=1)
        floor.place(2, "LMT", limit=1, tif="GTC")
        floor.jump(120)

        assert floor.status(1, 2) == ["Cancelled", "Submitted"]

    def test_outside_regular_hours_ends_with_the_extended_ones(self):
        floor = new_york("15:59")
        floor.place(1, "LMT", limit=1, outsideRth=1)
        floor.jump(120)
        after_close = floor.status(1)
        floor.jump(4 * 3600)

        assert after_close == ["Submitted"]
        assert floor.status(1) == ["Cancelled"]


class TestGoodTill:
    def test_ends_at_its_date(self, floor):
        floor.place(1, "LMT", limit=1, tif="GTD", goodTillDate="20261118 15:01:00 UTC")
        floor.wait(59)
        before = floor.status(1)
        floor.wait(1)

        assert (before, floor.status(1)) == (["Submitted"], ["Cancelled"])

    @pytest.mark.parametrize(("code", "text"), [(334, ""), (334, "20201118 15:01:00 UTC"), (337, "tomorrow")])
    def test_wants_a_date_to_come(self, floor, code, text):
        floor.place(1, "LMT", limit=1, tif="GTD", goodTillDate=text)

        assert floor.codes(1) == [code]


class TestGoodAfter:
    def test_waits_for_its_time(self, floor):
        floor.place(1, goodAfterTime="20261118 15:00:10 UTC")
        floor.wait(9)
        before = floor.status(1)
        floor.wait(1)

        assert (before, floor.status(1)) == (["PreSubmitted"], ["Filled"])


class TestHours:
    def test_have_an_extended_session_in_new_york(self):
        hours = HOURS["nyse"]
        early = eastern("2026-11-18 04:30").timestamp()

        assert session_at(hours, early) is None
        assert extended_at(hours, early) is not None
        assert extended_at(hours, eastern("2026-11-18 20:30").timestamp()) is None
        assert extended_at(hours, eastern("2026-11-21 12:00").timestamp()) is None

    def test_before_the_opening_an_order_waits_and_is_told_until_when(self):
        floor = new_york("09:00")
        floor.place(1)
        waiting = floor.status(1)
        floor.jump(1801)

        assert waiting == ["PreSubmitted"]
        assert floor.codes(1) == [399]
        assert floor.notices(1)[0].text == (
            "Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order will not be placed at the exchange "
            "until 2026-11-18 09:30:00 US/Eastern."
        )
        assert floor.status(1) == ["Filled"]

    def test_outside_regular_ones_trades_at_once(self):
        floor = new_york("09:00")
        floor.place(1, "LMT", limit=231, outsideRth=1)

        assert floor.status(1) == ["Filled"]
        assert floor.codes(1) == []

    def test_quotes_move_before_the_opening(self):
        floor = Floor(at=eastern("2026-11-18 08:00"), hours="nyse")
        first = floor.quote()
        floor.jump(600)

        assert floor.quote() != first


class TestClosingAuction:
    def test_fills_at_the_last_price_of_the_session(self):
        floor = new_york("15:00")
        floor.place(1, "MOC", quantity=500)
        floor.place(2, "LOC", limit=231.00)
        floor.place(3, "LOC", limit=229.00)
        waiting = floor.status(1, 2, 3)
        floor.jump(3000)
        floor.price(230.55)
        floor.jump(601)

        assert waiting == ["Submitted"] * 3
        assert floor.status(1, 2, 3) == ["Filled", "Filled", "Cancelled"]
        assert floor.prices(1) == floor.prices(2) == [230.55]

    def test_is_missed_in_its_last_minutes(self):
        floor = new_york("15:55")
        floor.place(1, "MOC")

        assert floor.status(1) == ["Inactive"]
        assert floor.codes(1) == [201]

    def test_has_a_size_that_market_orders_get_first(self):
        floor = new_york("15:00")
        floor.place(1, "LOC", symbol="T", quantity=800_000, limit=240)
        floor.place(2, "MOC", symbol="T", quantity=800_000)
        floor.jump(3601)

        assert floor.order(2).filled == 800_000
        assert floor.order(1).filled == 32_000_000 * 0.03 - 800_000


class TestOpeningAuction:
    def test_fills_at_the_first_price_of_the_session(self):
        floor = new_york("09:00")
        floor.place(1, tif="OPG")
        floor.place(2, "LMT", limit=200, tif="OPG")
        floor.jump(1801)

        assert floor.status(1, 2) == ["Filled", "Cancelled"]
        assert floor.prices(1) == [230.00]

    def test_is_missed_once_the_session_runs(self):
        floor = new_york("10:00")
        floor.place(1, tif="OPG")

        assert floor.codes(1) == [201]

    def test_of_the_next_day_is_reached_over_night(self):
        floor = new_york("17:00")
        floor.place(1, tif="OPG")
        floor.jump(16 * 3600 + 1801)

        assert floor.status(1) == ["Filled"]
