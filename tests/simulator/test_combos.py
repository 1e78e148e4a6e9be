"""Several legs ordered as one, and options exercised by their holder."""

from __future__ import annotations

import pytest

from apps.simulator.control import ControlError, ask_async
from apps.simulator.instruments import combos
from apps.simulator.instruments.hours import eastern_date
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.instruments.lookup import matching_instruments
from tests.simulator.conftest import client_of, until
from tests.simulator.order_tables import COMPLETED, EXECUTION, OPEN, decode, encode_place

VERSION = 176
APPLE, MICROSOFT = 265598, 272093


@pytest.fixture
async def prices(simulator):
    """Pin the legs, so that the combination is worth 200 - 2 x 90 = 20."""
    for symbol, price in (("AAPL", 200), ("MSFT", 90)):
        await ask_async(simulator.control_port, "set_price", symbol=symbol, price=price, hold=True)


def combo(order_id, *, version=VERSION, **fields):
    """Return a placeOrder for one AAPL against two MSFT."""
    values = {
        "orderId": order_id, "symbol": "AAPL,MSFT", "secType": "BAG", "exchange": "SMART", "currency": "USD",
        "action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 30, "tif": "DAY", "transmit": 1,
        "nLegs": 2, "nOrderLegs": 0, "nSmartParams": 1, "smartTag0": "NonGuaranteed", "smartValue0": "1",
        "leg0ConId": APPLE, "leg0Ratio": 1, "leg0Action": "BUY", "leg0Exchange": "SMART",
        "leg1ConId": MICROSOFT, "leg1Ratio": 2, "leg1Action": "SELL", "leg1Exchange": "SMART", **fields,
    }  # fmt: skip
    fields_of_frame = encode_place(values, version, ("bag",))
    # This request names no price for its legs.
    place = fields_of_frame.index("NonGuaranteed") - 3
    assert fields_of_frame[place : place + 2] == ["", ""]
    return [3, *fields_of_frame[:place], *fields_of_frame[place + 2 :]]


def told(frames, table, groups=()):
    kind = {OPEN: "5", EXECUTION: "11", COMPLETED: "101"}[table]
    return [decode(one, table, VERSION, groups) for one in frames if one[0] == kind]


class TestCombination:
    @pytest.mark.usefixtures("prices")
    async def test_fills_as_one_with_an_execution_for_each_leg(self, raw, simulator):
        raw.send(*combo(1))
        while (await raw.until(3))[2] != "Filled":
            pass
        await raw.settle()
        whole, first, second, *rest = told(raw.frames, EXECUTION)

        assert rest == []
        assert (whole["secType"], whole["conId"], whole["shares"]) == ("BAG", "28812380", "10")
        assert [(one["symbol"], one["side"], one["shares"]) for one in (first, second)] == [
            ("AAPL", "BOT", "10"),
            ("MSFT", "SLD", "20"),
        ]
        assert float(first["price"]) - 2 * float(second["price"]) == pytest.approx(float(whole["price"]))
        head = whole["execId"].rsplit(".", 2)[0]
        assert whole["execId"] == f"{head}.01.01"
        assert [first["execId"], second["execId"]] == [f"{head}.02.01.01", f"{head}.03.01.01"]

    @pytest.mark.usefixtures("prices")
    async def test_costs_no_more_than_its_limit(self, raw):
        raw.send(*combo(1, lmtPrice=21))

        assert float((await raw.until(11))[20]) <= 21

    @pytest.mark.usefixtures("prices")
    async def test_charges_and_holds_its_legs(self, raw, simulator):
        raw.send(61, 1)
        await raw.until(62)
        raw.send(*combo(1))
        while (await raw.until(3))[2] != "Filled":
            pass
        await raw.settle()
        charged = [one[2] for one in raw.frames if one[0] == "59"]
        positions = {one[4]: float(one[14]) for one in raw.frames if one[0] == "61"}
        cash = simulator.venue.state.ledger.cash

        assert [one.count(".") for one in charged] == [4, 4]
        assert positions == {"AAPL": 10, "MSFT": -20}
        whole = told(raw.frames, EXECUTION)[0]
        assert cash == pytest.approx(1_000_000 - 10 * float(whole["price"]) - 2, abs=0.01)

    @pytest.mark.usefixtures("prices")
    async def test_rests_and_tells_its_legs(self, raw):
        raw.send(*combo(1, lmtPrice=-5))
        (first, last) = told(await raw.settle(), OPEN, ("legs", "smart"))

        assert [first["status"], last["status"]] == ["PreSubmitted", "Submitted"]
        assert last["comboLegsDescrip"] == f"{APPLE}|1,{MICROSOFT}|-2"
        assert (last["symbol"], last["tradingClass"], last["lmtPrice"]) == ("AAPL,MSFT", "COMB", "-5.0")
        assert (last["nLegs"], last["leg1Action"], last["smartTag0"]) == ("2", "SELL", "NonGuaranteed")
        assert last["trailStopPrice"] == ""

    @pytest.mark.parametrize(
        "fields",
        [{"leg0ConId": 999_999_999}, {"leg1Ratio": 0}, {"leg0Action": "HOLD"}, {"nLegs": 0}],
    )
    async def test_of_unsound_legs_has_no_definition(self, raw, fields):
        if fields == {"nLegs": 0}:
            values = combo(1)
            place = values.index("2", 30)
            values = [*values[:place], "0", *values[place + 17 :]]
        else:
            values = combo(1, **fields)
        raw.send(*values)

        assert (await raw.error(200))[2] == "1"

    @pytest.mark.usefixtures("prices")
    async def test_counts_the_margin_of_its_legs(self, raw):
        raw.send(*combo(1, whatIf=1))
        (answer,) = told(await raw.settle(), OPEN, ("legs", "smart"))

        assert float(answer["initMarginChange"]) == pytest.approx((10 * 200 + 20 * 90) * 0.25, rel=0.05)
        assert float(answer["commission"]) == 2

    @pytest.mark.usefixtures("prices")
    async def test_is_listed_without_a_charge_for_the_whole(self, raw, simulator):
        raw.send(*combo(1))
        while (await raw.until(3))[2] != "Filled":
            pass
        await raw.settle()
        raw.frames.clear()
        await raw.ask(55, 7, 3, 9, 0, "", "", "", "", "", "")
        await raw.settle()
        whole = told(raw.frames, EXECUTION)[0]

        assert len(told(raw.frames, EXECUTION)) == 3
        assert len([one for one in raw.frames if one[0] == "59"]) == 2
        with pytest.raises(ControlError):
            await ask_async(simulator.control_port, "bust_execution", execId=whole["execId"])

    async def test_is_known_again_after_a_restart(self, life):
        client = await client_of(await life())
        client.send(*combo(1, lmtPrice=-5000, tif="GTC"))
        await client.settle()
        await client.close()
        combos._known.clear()

        client = await client_of(await life())
        await client.ask(53, 16, 1)

        assert [one["comboLegsDescrip"] for one in told(client.frames, OPEN, ("legs", "smart"))] == [
            f"{APPLE}|1,{MICROSOFT}|-2"
        ]
        await client.close()

    @pytest.mark.usefixtures("prices")
    async def test_may_name_a_delta_neutral_contract(self, raw):
        values = {"dncFlag": 1, "dncConId": 756733, "dncDelta": 0.5, "dncPrice": 590}
        fields = {
            "orderId": 1, "conId": APPLE, "action": "BUY", "totalQuantity": 1, "orderType": "LMT",
            "lmtPrice": 1, "tif": "DAY", "transmit": 1, **values,
        }  # fmt: skip
        raw.send(3, *encode_place(fields, VERSION, ("dnc",)))
        *_, last = told(await raw.settle(), OPEN, ("dnc",))

        assert (last["status"], last["dncConId"], last["dncDelta"]) == ("Submitted", "756733", "0.5")


class TestExercise:
    @pytest.fixture
    async def option(self, raw, simulator, clock):
        """Two calls on AAPL at 150, bought while the stock stands at 200."""
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=200, hold=True)
        today = eastern_date(clock.epoch())
        asked = AskedContract(symbol="AAPL", sec_type="OPT", right="C")
        calls = matching_instruments(asked, today)
        call = min(calls, key=lambda one: (abs(one.strike - 150), -int(one.expiry)))
        await ask_async(simulator.control_port, "manual_order", conId=call.con_id, action="BUY", quantity=2)
        await self.until_held(simulator, call)
        return call

    @staticmethod
    async def until_held(simulator, call):
        await until(lambda: simulator.venue.state.ledger.position(call.con_id).quantity == 2)

    @staticmethod
    def request(call, *, action=1, quantity=2, override=0, account=""):
        return [
            21, 2, 70, call.con_id, "", "OPT", "", "", "", "", "SMART", "USD", "", "", action, quantity,
            account, override,
        ]  # fmt: skip

    async def test_turns_the_option_into_its_shares_at_the_strike(self, raw, option, simulator):
        raw.send(61, 1)
        await raw.until(62)
        raw.frames.clear()
        raw.send(*self.request(option))
        while (await raw.until(3))[2] != "Filled":
            pass
        fills = told(raw.frames, EXECUTION)
        ledger = simulator.venue.state.ledger

        assert [(one["secType"], one["side"], one["shares"]) for one in fills] == [
            ("OPT", "SLD", "2"),
            ("STK", "BOT", "200"),
        ]
        assert float(fills[1]["price"]) == option.strike
        assert ledger.position(option.con_id).quantity == 0
        assert ledger.position(APPLE).quantity == 200

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"quantity": 3}, 322),
            ({"quantity": 0}, 321),
            ({"action": 3}, 321),
            ({"account": "DU999"}, 321),
        ],
    )
    async def test_of_what_cannot_be_is_refused(self, raw, option, change, code):
        raw.send(*self.request(option, **change))

        assert (await raw.error(code))[2] == "70"

    async def test_out_of_the_money_wants_an_override(self, raw, option, simulator):
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=100, hold=True)
        raw.send(*self.request(option))
        refused = await raw.error(322)
        raw.send(*self.request(option, override=1))

        assert "override" in refused[4]
        assert (await raw.until(11))[5] == "OPT"

    async def test_a_lapse_leaves_the_option_as_it_is(self, raw, option, simulator):
        raw.send(*self.request(option, action=2))
        story = [one[2] for one in await raw.settle() if one[0] == "3"]

        assert story == ["PreSubmitted", "Cancelled"]
        assert simulator.venue.state.ledger.position(option.con_id).quantity == 2
