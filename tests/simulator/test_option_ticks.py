"""What the model says of options: with every line, and when a client asks it to reckon."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from ib_insync import Option

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, contract

START = datetime(2026, 11, 18, 15, 0, 2, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


def option(strike=230, right="C", expiry="20261218"):
    return ["0", "AAPL", "OPT", expiry, str(float(strike)), right, "100", "SMART", "", "USD", "", ""]


def line(request_id, asked, *, generic=""):
    return [1, 11, request_id, *asked, 0, generic, 0, 0, ""]


def implied_volatility(request_id, asked, price, spot):
    return [54, 3, request_id, *asked, price, spot, 0, ""]


def option_price(request_id, asked, volatility, spot):
    return [55, 3, request_id, *asked, volatility, spot, 0, ""]


async def computations(client):
    """Return the frames of message 21 by tick type."""
    return {one[2]: one for one in await client.settle() if one[0] == "21"}


class TestLines:
    async def test_tell_what_bid_ask_last_and_model_mean(self, raw):
        raw.send(*line(1, option()))
        told = await computations(raw)
        volatilities = [float(told[tick][4]) for tick in ("10", "11", "12", "13")]

        assert {len(one) for one in told.values()} == {12}
        assert volatilities[0] < volatilities[2] < volatilities[1]
        assert volatilities[2] == pytest.approx(volatilities[3], rel=0.1)
        assert all("" not in one for one in told.values())

    async def test_have_sound_sensitivities(self, raw):
        raw.send(*line(1, option(right="C")))
        call = (await computations(raw))["13"]
        raw.send(*line(2, option(right="P")))
        put = (await computations(raw))["13"]
        names = ("volatility", "delta", "price", "dividend", "gamma", "vega", "theta", "spot")
        call, put = (dict(zip(names, map(float, one[4:]), strict=True)) for one in (call, put))

        assert 0 < call["delta"] < 1
        assert call["delta"] - put["delta"] == pytest.approx(1, abs=1e-3)
        assert call["gamma"] == pytest.approx(put["gamma"])
        assert call["gamma"] > 0
        assert call["theta"] < 0 < call["vega"]
        assert call["spot"] == put["spot"] > 100
        # A call less a put is the stock less the strike, but for a month's interest.
        assert call["price"] - put["price"] == pytest.approx(call["spot"] - 230, abs=1.5)

    async def test_tell_again_only_what_changed(self, raw, simulator, clock):
        raw.send(*line(1, option()))
        await raw.settle()
        simulator.pulse()
        still = await computations(raw)
        clock.advance(30)
        simulator.pulse()

        assert still == {}
        assert "13" in await computations(raw)

    async def test_without_a_possible_volatility_say_so(self, raw):
        raw.send(*line(1, option(strike=120, expiry="20261120")))
        told = await computations(raw)
        bid = told["10"]

        assert (bid[4], bid[5], bid[8:11]) == ("-1", "-2", ["-2", "-2", "-2"])
        assert float(bid[6]) > 0

    async def test_of_stocks_have_none(self, raw):
        raw.send(*line(1, contract("AAPL")))

        assert await computations(raw) == {}

    async def test_carry_the_generic_ticks_of_their_side(self, raw):
        raw.send(*line(1, option(right="P"), generic="mdoff,100,101"))
        sizes = {one[3]: float(one[4]) for one in await raw.settle() if one[0] == "2"}

        assert set(sizes) == {"27", "28", "29", "30"}
        assert (sizes["27"], sizes["29"]) == (0, 0)
        assert sizes["28"] > 0

    async def test_fill_the_greeks_of_ib_insync(self, ib):
        ticker = ib.reqMktData(Option("AAPL", "20261218", 230, "C", "SMART"))
        await until(lambda: ticker.modelGreeks and ticker.bidGreeks and ticker.lastGreeks)

        assert 0 < ticker.modelGreeks.delta < 1
        assert ticker.bidGreeks.optPrice == ticker.bid


class TestDelayed:
    @pytest.fixture
    def simulator_options(self):
        return {"market_data": "delayed"}

    async def test_computations_have_ids_of_their_own(self, raw):
        raw.send(59, 1, 3)
        raw.send(*line(1, option()))

        assert set(await computations(raw)) == {"80", "81", "82", "83"}


class TestCalculations:
    async def test_of_price_and_volatility_undo_each_other(self, raw):
        priced = await raw.ask(21, *option_price(1, option(), 0.35, 228))
        found = await raw.ask(21, *implied_volatility(2, option(), priced[6], 228))

        assert priced[1:5] == ["1", "53", "1", "0.35"]
        assert (len(priced), len(found)) == (12, 12)
        assert float(found[4]) == pytest.approx(0.35, abs=1e-6)
        assert [*map(float, found[5:])] == pytest.approx([*map(float, priced[5:])], abs=1e-4)

    async def test_of_an_impossible_price_say_so(self, raw):
        found = await raw.ask(21, *implied_volatility(1, option(strike=120), 5, 228))

        assert (found[4], found[5], found[8:11]) == ("-1", "-2", ["-2", "-2", "-2"])

    @pytest.mark.parametrize(
        "asked",
        [
            option_price(1, contract("AAPL"), 0.3, 228),
            option_price(1, option(), 0, 228),
            option_price(1, option(), "1.7976931348623157E308", 228),
            option_price(1, option(), 1e200, 228),
            option_price(1, option(), 0.3, ""),
            option_price(1, option(), 0.3, -5),
            implied_volatility(1, option(), -1, 228),
        ],
    )
    async def test_of_nothing_sensible_are_refused(self, raw, asked):
        raw.send(*asked)

        assert (await raw.error(321))[2] == "1"

    async def test_of_an_unknown_option_are_refused(self, raw):
        raw.send(*option_price(1, option(strike=3.33), 0.3, 228))

        assert (await raw.error(200))[2] == "1"

    @pytest.mark.parametrize(("ask", "cancel"), [(implied_volatility, 56), (option_price, 57)])
    async def test_hold_their_id_until_cancelled(self, raw, ask, cancel):
        await raw.ask(21, *ask(1, option(), 0.5, 228))
        raw.send(*ask(1, option(), 0.5, 228))
        raw.send(cancel, 1, 1)
        raw.send(cancel, 1, 1)
        raw.send(*ask(1, option(), 0.5, 228))
        frames = await raw.settle()

        assert [one[3] for one in frames if one[0] == "4"] == ["102", "300"]
        assert len([one for one in frames if one[0] == "21"]) == 1

    async def test_answer_ib_insync(self, ib):
        asked = Option("AAPL", "20261218", 230, "C", "SMART")
        priced = await asyncio.wait_for(ib.calculateOptionPriceAsync(asked, 0.35, 228), PATIENCE_S)
        found = await asyncio.wait_for(
            ib.calculateImpliedVolatilityAsync(asked, priced.optPrice, 228), PATIENCE_S
        )

        assert found.impliedVol == pytest.approx(0.35, abs=1e-6)
