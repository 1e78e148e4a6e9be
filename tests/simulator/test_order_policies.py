"""What the account, its permissions, sizes and precautions let an order be; and what they remark."""

from __future__ import annotations

import json

import pytest

from apps.simulator.control import ControlError, ask_async
from apps.simulator.instruments.futures import ROOTS, lead_contract
from apps.simulator.instruments.hours import eastern_date
from tests.simulator.order_tables import OPEN, decode, encode_place

VERSION = 178
APPLE, EURO, BITCOIN, BOND_FUND = 265598, 12087792, 479624278, 15547841


@pytest.fixture
async def control(simulator):
    async def ask(command, **arguments):
        return await ask_async(simulator.control_port, command, **arguments)

    await ask("set_price", symbol="AAPL", price=200, hold=True)
    return ask


@pytest.fixture
async def client(connect):
    """A client at 178 that sends orders by field name."""
    client = await connect(version=VERSION)
    await client.settle()

    def place(order_id, **fields):
        values = {
            "orderId": order_id, "conId": APPLE, "exchange": "SMART", "action": "BUY", "totalQuantity": 10,
            "orderType": "LMT", "lmtPrice": 1, "tif": "DAY", "transmit": 1, **fields,
        }  # fmt: skip
        client.send(3, *encode_place(values, client.version))

    client.place = place
    return client


@pytest.fixture
def future(clock):
    """The future everybody trades now."""
    return lead_contract(ROOTS[0], eastern_date(clock.epoch()))


def codes(frames):
    return [int(one[3]) for one in frames if one[0] == "4"]


def opened(frames, version=VERSION):
    return [decode(one, OPEN, version) for one in frames if one[0] == "5"]


class TestAccount:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [({}, 435), ({"faGroup": "all"}, 436), ({"account": "DU999"}, 321)],
    )
    async def test_must_be_named_where_there_are_several(self, client, control, fields, code):
        await control("policies", must_name_account=True)
        client.place(1, **fields)

        assert codes(await client.settle()) == [code]

    async def test_named_is_enough(self, client, control):
        await control("policies", must_name_account=True)
        client.place(1, account="DU1234567")

        assert codes(await client.settle()) == []

    async def test_without_permission_may_not_trade(self, client, control):
        await control("policies", no_permission=["STK"], not_allowed=["EUR"])
        client.place(1)
        client.place(2, conId=EURO, exchange="IDEALPRO")

        assert codes(await client.settle()) == [460, 203]


class TestFractions:
    async def test_of_a_share_fill(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="", totalQuantity=0.25)
        fill = await client.until(11)

        assert fill[19] == "0.25"

    async def test_are_refused_to_clients_that_could_not_read_them(self, connect):
        old = await connect(version=162)
        values = {"orderId": 1, "conId": APPLE, "action": "BUY", "orderType": "MKT", "totalQuantity": 0.25}
        old.send(3, *encode_place({**values, "tif": "DAY", "transmit": 1}, 162))

        assert await old.error(10318)

    @pytest.mark.parametrize(
        ("con_id", "quantity", "code"),
        [
            (APPLE, 0.00005, 461),
            (APPLE, 0, 434),
            (None, 0.5, 10318),
            (EURO, 0.5, 388),
            (BITCOIN, 0.000001, 388),
            (BITCOIN, 0.123456789, 461),
        ],
    )
    async def test_too_fine_have_ib_s_code(self, client, future, *, con_id, quantity, code):
        client.place(1, conId=con_id or future.con_id, totalQuantity=quantity, orderType="MKT", lmtPrice="")

        assert codes(await client.settle()) == [code]


class TestCashQuantity:
    async def test_buys_as_many_shares_as_the_money_pays(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="", totalQuantity=0, cashQty=1000)
        fill = await client.until(11)
        told = opened(client.frames)

        assert float(fill[19]) == pytest.approx(5, abs=0.01)
        assert told[0]["cashQty"] == "1000"

    async def test_of_a_pair_is_money_of_its_second_currency(self, client, control):
        client.place(1, conId=EURO, exchange="IDEALPRO", lmtPrice=1.0, totalQuantity="", cashQty=20_000)
        told = opened(await client.settle())

        assert told[0]["totalQuantity"] == "20000"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"orderType": "STP", "lmtPrice": "", "auxPrice": 300}, 10244),
            ({"cashQty": "much"}, 321),
            ({"cashQty": -5}, 321),
        ],
    )
    async def test_is_refused_where_it_means_nothing(self, client, fields, code):
        client.place(1, **{"totalQuantity": 0, "cashQty": 1000, **fields})

        assert codes(await client.settle()) == [code]

    async def test_is_refused_for_futures(self, client, future):
        client.place(1, conId=future.con_id, totalQuantity=0, cashQty=1000)

        assert codes(await client.settle()) == [10244]


class TestPrecautions:
    async def test_are_off_until_they_are_set(self, client, control):
        client.place(1, totalQuantity=3000)

        assert codes(await client.settle()) == []

    @pytest.mark.parametrize(
        ("policy", "fields", "code"),
        [
            ({"size_limit": 500}, {"totalQuantity": 501}, 383),
            ({"price_percent": 3}, {"lmtPrice": 193}, 163),
            ({"price_percent": 3}, {"orderType": "STP", "lmtPrice": "", "auxPrice": 220}, 109),
            ({"tick_limit": 10}, {"lmtPrice": 199.8}, 382),
        ],
    )
    async def test_keep_an_order_from_being_transmitted(self, client, control, *, policy, fields, code):
        await control("policies", **policy)
        client.place(1, **fields)
        told = await client.settle()

        assert codes(told) == [code]
        assert "options" in json.loads(told[0][5])["rejects"][0]
        assert (await control("book"))["orders"] == []

    async def test_within_their_bounds_say_nothing(self, client, control):
        await control("policies", size_limit=500, price_percent=3, tick_limit=1000)
        client.place(1, lmtPrice=195, totalQuantity=500)

        assert codes(await client.settle()) == []

    async def test_can_be_answered_in_the_words_of_the_refusal(self, client, control):
        await control("policies", size_limit=5)
        client.place(1)
        (told,) = await client.settle()
        answer = json.loads(told[5])["rejects"][0]["options"][0]["id"]
        client.place(2, advancedErrorOverride=answer)

        assert codes(await client.settle()) == []

    async def test_on_prices_can_be_overridden(self, client, control):
        await control("policies", price_percent=3)
        client.place(1, overridePercentageConstraints=1)

        assert codes(await client.settle()) == []

    async def test_tell_older_clients_no_more_than_they_can_read(self, connect, control):
        await control("policies", size_limit=5)
        old = await connect(version=163)
        values = {"orderId": 1, "conId": APPLE, "action": "BUY", "orderType": "MKT", "totalQuantity": 10}
        old.send(3, *encode_place({**values, "tif": "DAY", "transmit": 1}, 163))

        assert len(await old.error(383)) == 5


class TestNotices:
    async def test_tell_that_a_market_order_has_no_other_hours(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="", outsideRth=1)
        await client.until(11)

        assert codes(client.frames)[-1:] == [2109]

    async def test_tell_that_a_sale_is_more_than_what_is_held(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="")
        await client.until(59)
        client.place(2, action="SELL", totalQuantity=15, lmtPrice=400)

        assert codes(await client.settle()) == [2137]

    async def test_tell_that_a_size_was_cut_down(self, client):
        client.place(1, conId=EURO, exchange="IDEALPRO", lmtPrice=0.9, totalQuantity=8_000_000)
        told = await client.settle()

        assert codes(told) == [481]
        assert opened(told)[0]["totalQuantity"] == "7000000"


class TestLocate:
    async def test_holds_a_short_sale_until_shares_are_found(self, client, control):
        await control("hard_to_borrow", symbol="AAPL")
        client.place(1, action="SELL", orderType="MKT", lmtPrice="")
        held = await client.settle()
        await control("hard_to_borrow", symbol="AAPL", on=False)
        fill = await client.until(11)

        assert [one[0] for one in held] == ["5", "3", "4"]
        assert (held[1][2], held[1][10]) == ("PreSubmitted", "locate")
        assert codes(held) == [404]
        assert fill[18] == "SLD"

    async def test_lets_sales_of_what_is_held_pass(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="")
        await client.until(59)
        await control("hard_to_borrow", symbol="AAPL")
        client.place(2, action="SELL", orderType="MKT", lmtPrice="")

        assert (await client.until(11))[18] == "SLD"

    async def test_ends_with_a_cancel(self, client, control):
        await control("hard_to_borrow", symbol="AAPL")
        client.place(1, action="SELL", orderType="MKT", lmtPrice="")
        client.send(4, 1, 1, "")

        assert (await client.error(202))[2] == "1"

    async def test_of_an_unknown_symbol_is_refused(self, control):
        with pytest.raises(ControlError):
            await control("hard_to_borrow", symbol="NOSUCHSYMBOL")


class TestPreview:
    async def test_tells_each_margin_before_after_and_its_change(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="", totalQuantity=100)
        await client.until(59)
        client.place(2, orderType="MKT", lmtPrice="", totalQuantity=50, whatIf=1)
        (told,) = opened(await client.settle())

        assert told["whatIf"] == "1"
        assert told["orderId"] == "2"
        for kind, before, change in (("initMargin", 5000, 2500), ("maintMargin", 4500, 2250)):
            assert float(told[f"{kind}Before"]) == pytest.approx(before, rel=0.001)
            assert float(told[f"{kind}Change"]) == pytest.approx(change, rel=0.001)
            assert float(told[f"{kind}After"]) == pytest.approx(before + change, rel=0.001)
        assert float(told["equityWithLoanChange"]) == -1
        assert (told["commission"], told["minCommission"], told["maxCommission"]) == ("1.00",) * 3
        assert told["commissionCurrency"] == "USD"

    async def test_of_a_sale_sets_margin_free(self, client, control):
        client.place(1, orderType="MKT", lmtPrice="", totalQuantity=100)
        await client.until(59)
        client.place(2, action="SELL", orderType="MKT", lmtPrice="", totalQuantity=100, whatIf=1)
        (told,) = opened(await client.settle())

        assert float(told["initMarginAfter"]) == pytest.approx(0, abs=1)

    @pytest.mark.parametrize(("con_id", "part"), [(EURO, 0.03), (BITCOIN, 1.0)])
    async def test_depends_on_the_kind_of_instrument(self, client, con_id, part):
        price = {EURO: 1.0, BITCOIN: 50_000.0}[con_id]
        client.place(1, conId=con_id, exchange="", lmtPrice=price, totalQuantity=1, whatIf=1)
        told = opened(await client.settle())

        assert float(told[0]["initMarginChange"]) == pytest.approx(price * part, abs=0.01)

    async def test_that_would_be_rejected_is_an_error_and_nothing_else(self, client, simulator):
        client.place(1, orderType="MKT", lmtPrice="", totalQuantity=500_000, whatIf=1)
        told = await client.settle()
        client.place(1)

        assert [one[0] for one in told] == ["4"]
        assert codes(told) == [201]
        assert await client.error(103)
        assert list(simulator.venue.state.book.all_orders()) == []
