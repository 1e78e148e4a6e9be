"""History on the wire: forms of dates, errors, cancels."""

from __future__ import annotations

import pytest

from tests.simulator.raw_client import contract


def ask(request_id, *, symbol="AAPL", end="", bar="1 min", duration="3600 S", kind="TRADES", form=1, live=0):
    return [20, request_id, *contract(symbol), 0, end, bar, duration, 1, kind, form, live, ""]


class TestBars:
    async def test_text_dates_carry_the_zone(self, raw):
        answer = await raw.ask(17, *ask(1))

        assert answer[5].endswith("US/Eastern")
        assert len(answer) == 5 + int(answer[4]) * 8

    async def test_epoch_dates_on_request(self, raw):
        answer = await raw.ask(17, *ask(1, form=2))

        assert int(answer[13]) - int(answer[5]) == 60

    async def test_days_are_dates_in_either_form(self, raw):
        for form in (1, 2):
            answer = await raw.ask(17, *ask(form, bar="1 day", duration="5 D", form=form))

            assert len(answer[5]) == 8
            assert int(answer[4]) == 5

    async def test_prices_are_whole_cents(self, raw):
        answer = await raw.ask(17, *ask(1))

        assert {
            len(one.partition(".")[2]) for bar in range(60) for one in answer[6 + bar * 8 : 10 + bar * 8]
        } == {2}

    async def test_end_in_utc_and_in_a_zone_mean_the_same(self, raw):
        utc = await raw.ask(17, *ask(1, end="20261118-15:00:00"))
        zone = await raw.ask(17, *ask(2, end="20261118 10:00:00 US/Eastern"))

        assert utc[4:] == zone[4:]
        assert utc[-8].startswith("20261118 09:59:00")

    async def test_ask_is_above_bid(self, raw):
        bid = await raw.ask(17, *ask(1, kind="BID", end="20261118-15:00:00"))
        asked = await raw.ask(17, *ask(2, kind="ASK", end="20261118-15:00:00"))

        assert all(float(b) < float(a) for b, a in zip(bid[6::8], asked[6::8], strict=True))

    async def test_go_back_to_the_first_data_and_no_further(self, raw):
        answer = await raw.ask(17, *ask(1, bar="1 month", duration="9999 Y"))

        assert answer[5].startswith("201001")

    async def test_schedule_ends_today(self, raw):
        answer = await raw.ask(
            106, *ask(1, kind="SCHEDULE", bar="1 day", duration="3 D", end="99991231-00:00:00")
        )

        assert answer[5] == "3"

    async def test_schedule_lists_sessions(self, raw):
        answer = await raw.ask(106, *ask(1, kind="SCHEDULE", bar="1 day", duration="3 D"))

        assert answer[5] == "3"
        assert len(answer) == 6 + 3 * 3


class TestKinds:
    @pytest.mark.parametrize("kind", ["HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"])
    async def test_that_are_no_prices_are_told_without_volume(self, raw, kind):
        answer = await raw.ask(17, *ask(1, kind=kind, bar="1 day", duration="1 M"))
        rows = [answer[place : place + 8] for place in range(5, len(answer), 8)]

        assert len(rows) > 20
        for _, opening, high, low, closing, volume, _, count in rows:
            assert 0 < float(low) <= min(float(opening), float(closing))
            assert max(float(opening), float(closing)) <= float(high) < 1
            assert (volume, count) == ("-1", "-1")

    async def test_of_volatility_go_on_where_they_ended(self, raw):
        answer = await raw.ask(17, *ask(1, kind="HISTORICAL_VOLATILITY", bar="1 hour", duration="2 D"))
        rows = [answer[place : place + 8] for place in range(5, len(answer), 8)]

        assert [float(one[4]) for one in rows[:-2]] == pytest.approx(
            [float(one[1]) for one in rows[1:-1]], abs=1e-5
        )

    async def test_of_volatility_agree_with_the_generic_tick(self, raw):
        answer = await raw.ask(17, *ask(1, kind="OPTION_IMPLIED_VOLATILITY", bar="1 min", duration="120 S"))
        raw.send(1, 11, 2, *contract("AAPL"), 0, "mdoff,106", 0, 0, "")
        (tick,) = [one for one in await raw.settle() if one[0] == "45"]

        assert float(tick[4]) == pytest.approx(float(answer[-4]), rel=1e-3)

    async def test_of_both_sides_hold_bid_and_ask(self, raw):
        sides = [
            await raw.ask(17, *ask(number, kind=kind, end="20261118-15:00:00"))
            for number, kind in enumerate(("BID", "ASK", "BID_ASK"))
        ]
        bid, asked, both = (one[5:] for one in sides)

        assert both[2::8] == asked[2::8]
        assert both[3::8] == bid[3::8]
        assert all(float(one) < float(two) for one, two in zip(both[1::8], both[4::8], strict=True))

    @pytest.mark.parametrize("bar", ["1W", "1 W", "1M", "1 M", "1D", "1 D"])
    async def test_of_length_have_short_names(self, raw, bar):
        answer = await raw.ask(17, *ask(1, bar=bar, duration="3 M"))

        assert int(answer[4]) >= 3
        assert len(answer[5]) == 8

    async def test_without_a_zone_are_answered_with_a_warning(self, raw):
        raw.send(*ask(1, end="20261118 10:00:00"))
        warning = await raw.error(2174)
        naive = await raw.until(17)
        zoned = await raw.ask(17, *ask(2, end="20261118-15:00:00"))

        assert warning[2] == "1"
        assert naive[4:] == zoned[4:]


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "fields"),
        [
            (200, {"symbol": "NOSUCH"}),
            (321, {"bar": "7 mins"}),
            (321, {"duration": "400 D"}),
            (321, {"duration": "soon"}),
            (321, {"duration": "1 SD"}),
            (10314, {"end": "yesterday"}),
            (321, {"kind": "GOSSIP"}),
            (162, {"kind": "YIELD_BID"}),
            (162, {"kind": "AGGTRADES"}),
            (321, {"duration": "86401 S"}),
            (321, {"kind": "ADJUSTED_LAST", "end": "20261118-15:00:00"}),
            (321, {"kind": "ADJUSTED_LAST", "live": 1}),
            (321, {"bar": "1 secs", "live": 1}),
            (10314, {"end": "20261118 10:00:00 Nowhere/Here"}),
            (162, {"bar": "1 secs", "duration": "30 D"}),
            (162, {"end": "19990101-00:00:00", "bar": "1 day", "duration": "1 M"}),
            (162, {"end": "00010101-00:00:00", "bar": "1 day", "duration": "2 Y"}),
            (321, {"end": "20261118-15:00:00", "live": 1}),
        ],
    )
    async def test_have_ib_s_code(self, raw, code, fields):
        raw.send(*ask(9, **fields))

        assert (await raw.error(code))[2] == "9"

    async def test_an_id_in_use_is_102(self, raw):
        await raw.ask(17, *ask(1, live=1))
        raw.send(*ask(1))

        assert (await raw.error(102))[2] == "1"

    async def test_cancel_is_told_and_a_second_is_unknown(self, raw):
        await raw.ask(17, *ask(1, live=1))
        raw.send(25, 1, 1)
        raw.send(25, 1, 1)

        assert (await raw.error(162))[2] == "1"
        assert (await raw.error(366))[2] == "1"
