"""Every field of the long order messages, at every version the simulator speaks."""

from __future__ import annotations

import pytest

from apps.simulator.exchange.orders import Order, Status
from apps.simulator.protocol.messages import message_text
from apps.simulator.protocol.order_messages import completed_order, open_order, read_place_order
from apps.simulator.wire import BadField, Fields
from tests.simulator.order_tables import (
    COMPLETED,
    CONTRACT,
    EXECUTION,
    GROUPS,
    OPEN,
    PLACE,
    VERSIONS,
    decode,
    encode_place,
    names,
)

UNSET = "1.7976931348623157E308"
NAMED = {"id", "orderId", "clientId", "permId", "status", "commission", "commissionCurrency"}

# Values no two of which are alike, so that a field in the wrong place shows.
PLAIN = {
    "orderId": 12, "conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART",
    "currency": "USD", "action": "BUY", "totalQuantity": 300, "orderType": "LMT", "lmtPrice": 227.5,
    "auxPrice": "", "tif": "GTC", "ocaGroup": "oca-1", "account": "DU1234567", "openClose": "O", "origin": 1,
    "orderRef": "ref-1", "transmit": 1, "parentId": 9, "blockOrder": 1, "sweepToFill": 1, "displaySize": 40,
    "triggerMethod": 7, "outsideRth": 1, "hidden": 1, "discretionaryAmt": 0.03,
    "goodAfterTime": "20261123-14:31:00", "goodTillDate": "20261124-14:32:00", "faGroup": "grp",
    "faMethod": "mth", "faPercentage": "11", "faProfile": "prf", "modelCode": "mdl", "shortSaleSlot": 2,
    "designatedLocation": "loc", "exemptCode": 4, "ocaType": 2, "rule80A": "A", "settlingFirm": "firm",
    "allOrNone": 1, "minQty": 50, "percentOffset": 0.06, "auctionStrategy": 3, "startingPrice": 201.1,
    "stockRefPrice": 202.2, "delta": 0.53, "stockRangeLower": 190.1, "stockRangeUpper": 260.2,
    "overridePercentageConstraints": 1, "volatility": 0.31, "volatilityType": 2, "continuousUpdate": 1,
    "referencePriceType": 2, "trailStopPrice": 219.5, "trailingPercent": 1.25, "scaleInitLevelSize": 60,
    "scaleSubsLevelSize": 61, "activeStartTime": "20261123-15:00:00", "optOutSmartRouting": 1,
    "clearingAccount": "clr", "clearingIntent": "Away", "notHeld": 1, "solicited": 1, "randomizeSize": 1,
    "randomizePrice": 1, "adjustedOrderType": "STP", "triggerPrice": 221.1, "lmtPriceOffset": 0.11,
    "adjustedStopPrice": 222.2, "adjustedStopLimitPrice": 223.3, "adjustedTrailingAmount": 2.22,
    "adjustableTrailingUnit": 1, "softDollarName": "sdn", "softDollarValue": "sdv", "cashQty": 5000,
    "dontUseAutoPriceForHedge": 1, "isOmsContainer": 1, "discretionaryUpToLimitPrice": 1,
    "usePriceMgmtAlgo": 1, "duration": 70, "postToAts": 3, "autoCancelParent": 1,
    "advancedErrorOverride": "8229", "manualOrderTime": "20261120 10:00:00",
}  # fmt: skip

_CONDITIONS = (
    "1 a 1 231.5 265598 SMART 4 3 o 0 20261130-20:00:00 4 a 1 33 5 o STK ISLAND MSFT "
    "6 a 0 900000 272093 NYSE 7 a 1 2.5 4815747 ARCA 1 1"
).split()
GROUP_VALUES = {
    "scale": {
        "scalePriceIncrement": 0.25, "scalePriceAdjustValue": 0.5, "scalePriceAdjustInterval": 60,
        "scaleProfitOffset": 0.75, "scaleAutoReset": 1, "scaleInitPosition": 21, "scaleInitFillQty": 22,
        "scaleRandomPercent": 1,
    },
    "hedge": {"hedgeType": "P", "hedgeParam": "0.4"},
    "dnc": {"dncFlag": 1, "dncConId": 756733, "dncDelta": 0.44, "dncPrice": 590.5},
    "algo": {
        "algoStrategy": "Vwap", "nAlgoParams": 2, "algoTag0": "maxPctVol", "algoValue0": "0.1",
        "algoTag1": "noTakeLiq", "algoValue1": "1",
    },
    "pegBench": {
        "orderType": "PEG BENCH", "referenceContractId": 272093, "isPeggedChangeAmountDecrease": 1,
        "peggedChangeAmount": 0.12, "referenceChangeAmount": 0.34, "referenceExchangeId": "ISLAND",
    },
    "deltaNeutral": {
        "deltaNeutralOrderType": "LMT", "deltaNeutralAuxPrice": 3.5, "dnConId": 756733,
        "dnSettlingFirm": "dsf", "dnClearingAccount": "dca", "dnClearingIntent": "dci", "dnOpenClose": "O",
        "dnShortSale": 1, "dnShortSaleSlot": 2, "dnDesignatedLocation": "dloc",
    },
    "bag": {
        "secType": "BAG", "conId": 28812380, "nLegs": 2, "nOrderLegs": 2, "nSmartParams": 1,
        "leg0ConId": 265598, "leg0Ratio": 1,
        "leg0Action": "BUY", "leg0Exchange": "SMART", "leg0OpenClose": 1, "leg0Slot": 0, "leg0Location": "",
        "leg0Exempt": -1, "leg1ConId": 272093, "leg1Ratio": 2, "leg1Action": "SELL", "leg1Exchange": "ARCA",
        "leg1OpenClose": 2, "leg1Slot": 2, "leg1Location": "lloc", "leg1Exempt": 0, "legPrice0": 228.25,
        "legPrice1": 428.5, "smartTag0": "NonGuaranteed", "smartValue0": "1",
    },
    "conditions": {"nConditions": 6, **dict(zip(GROUPS["conditions"].split(), _CONDITIONS, strict=True))},
    "ats": {"exchange": "IBKRATS", "minTradeQty": 80},
    "pegBest": {"orderType": "PEG BEST", "minCompeteSize": 90, "competeAgainstBestOffset": 0.02},
    "pegBestInfinite": {
        "orderType": "PEG BEST", "minCompeteSize": 90, "competeAgainstBestOffset": "Infinity",
        "midOffsetAtWhole": 0.01, "midOffsetAtHalf": 0.005,
    },
    "pegMid": {"orderType": "PEG MID", "midOffsetAtWhole": 0.01, "midOffsetAtHalf": 0.005},
}  # fmt: skip
TOGETHER = [
    (),
    *[(one,) for one in GROUP_VALUES],
    ("bag", "algo", "scale", "conditions", "hedge", "dnc", "deltaNeutral", "pegBench"),
    ("ats", "pegMid", "conditions"),
]
# In openOrder and completedOrder these stand for themselves, whether there is a group or not.
_NOT_A_GROUP_THERE = {"deltaNeutral", "ats", "pegBest", "pegBestInfinite", "pegMid"}


def as_placed(version, groups):
    """Return the values of a request and the order the gateway keeps of it."""
    values = dict(PLAIN)
    for group in groups:
        values |= GROUP_VALUES[group]
    read = read_place_order(Fields(encode_place(values, version, groups)), version)
    order = Order(
        perm_id=777, order_id=12, client_id=5, con_id=int(read["conId"]), exchange=read["exchange"],
        action=read["action"], quantity=float(read["totalQuantity"]), kind=read["orderType"],
        limit_price=float(read["lmtPrice"]), aux_price=None, tif=read["tif"], oca_group=read["ocaGroup"],
        oca_type=int(read["ocaType"]), parent_id=int(read["parentId"]), order_ref=read["orderRef"],
        transmit=True, account=read["account"], terms={name: text for name, text in read.items() if text},
    )  # fmt: skip
    return values, read, order


def check_echo(told, values, version, groups):
    """Compare every field that is told with what was sent under the same name."""
    derived = NAMED | {
        "deprecatedShares", "strike", "right", "localSymbol", "tradingClass", "openClose", "comboLegsDescrip",
        "adjustedTrailStopPrice", "whatIf", "auxPrice", "softDollarDisplayName",
    }  # fmt: skip
    sent = names(PLACE, version, groups)
    checked = 0
    for name, text in told.items():
        if name in derived or name.startswith(("initMargin", "maintMargin", "equityWithLoan")):
            continue
        if name in values and name in sent:
            assert text == str(values[name]), (name, groups)
            checked += 1
    return checked


@pytest.mark.parametrize("version", VERSIONS)
class TestEveryField:
    def test_of_a_request_is_read_to_its_end_under_its_name(self, version):
        for groups in TOGETHER:
            values, read, _ = as_placed(version, groups)
            fields = Fields(encode_place(values, version, groups))

            read_place_order(fields, version)

            assert fields.left == 0, groups
            for name in names_read(version, groups) & set(values):
                assert read[name] == str(values[name]), (name, groups)

    def test_is_told_back_by_open_order(self, version):
        for groups in TOGETHER:
            values, _, order = as_placed(version, groups)

            message = message_text(open_order(version, order))
            told = decode(message, OPEN, version, set(groups) - _NOT_A_GROUP_THERE)

            assert check_echo(told, values, version, groups) > 70
            assert told["id"] == "5"
            assert (told["orderId"], told["clientId"], told["permId"]) == ("12", "5", "777")

    def test_is_told_back_by_completed_order(self, version):
        for groups in TOGETHER:
            values, _, order = as_placed(version, groups)
            order.status = Status.CANCELLED
            order.completed_at = 1_795_000_000.0
            order.completed_status = "Cancelled by Trader"
            order.placed_at = 1_790_000_000.0

            message = message_text(completed_order(version, order, parent_perm_id=555))
            told = decode(message, COMPLETED, version, set(groups) - _NOT_A_GROUP_THERE)

            assert check_echo(told, values, version, groups) > 55
            assert told["permId"] == "777"
            assert told["completedStatus"] == "Cancelled by Trader"
            assert told["completedTime"] == "20261118 06:06:40 US/Eastern"
            assert told["autoCancelDate"] == "20261231 23:59:59 US/Eastern"
            assert told["parentPermId"] == "555"
            assert told["filledQuantity"] == "0"


def names_read(version, groups):
    """Return the names that stand for themselves: those of counted lists are told elsewhere."""
    lists = ("leg0", "leg1", "legPrice", "smart", "algoTag", "algoValue", "price.", "time.", "margin.")
    lists += ("execution.", "volume.", "change.", "nLegs", "nOrder", "nSmart", "nAlgo", "nCond")
    return {one for one in names(PLACE, version, groups) if not one.startswith(lists)} - {"deprecatedShares"}


class TestUnsetValues:
    @pytest.mark.parametrize(
        "spelling",
        [
            "",
            "1.7976931348623157e+308",
            "1.7976931348623157E308",
            "1.797693135e+308",
            "2147483647",
            "9223372036854775807",
            "170141183460469231731687303715884105727",
        ],
    )
    def test_are_read_as_nothing(self, spelling):
        values = {**PLAIN, "minQty": spelling, "cashQty": spelling, "trailStopPrice": spelling}
        read = read_place_order(Fields(encode_place(values, 178)), 178)

        assert (read["minQty"], read["cashQty"], read["trailStopPrice"]) == ("", "", "")

    def test_of_a_scale_keep_its_group_away(self):
        values = {**PLAIN, "scalePriceIncrement": "1.7976931348623157e+308"}
        fields = Fields(encode_place(values, 178))

        assert read_place_order(fields, 178)["manualOrderTime"] == "20261120 10:00:00"
        assert fields.left == 0

    def test_are_words_like_any_other_in_free_text(self):
        values = {**PLAIN, "orderRef": "2147483647", "ocaGroup": "1.7976931348623157E308"}
        read = read_place_order(Fields(encode_place(values, 178)), 178)

        assert (read["orderRef"], read["ocaGroup"]) == ("2147483647", "1.7976931348623157E308")

    @pytest.mark.parametrize("spelling", ["Infinity", "Infinite"])
    def test_infinity_has_two_spellings_and_one_answer(self, spelling):
        values = {**PLAIN, **GROUP_VALUES["pegBestInfinite"], "competeAgainstBestOffset": spelling}
        _, _, order = as_placed(178, ("pegBestInfinite",))
        order.terms = read_place_order(Fields(encode_place(values, 178, ("pegBestInfinite",))), 178)

        told = decode(message_text(open_order(178, order)), OPEN, 178)

        assert told["competeAgainstBestOffset"] == "Infinity"


class TestHostileCounts:
    @pytest.mark.parametrize("name", ["nLegs", "nOrderLegs", "nAlgoParams", "nConditions"])
    def test_end_with_the_fields_there_are(self, name):
        groups = ("bag", "algo", "conditions")
        values = {**PLAIN, **GROUP_VALUES["bag"], **GROUP_VALUES["algo"], **GROUP_VALUES["conditions"]}

        with pytest.raises(BadField):
            read_place_order(Fields(encode_place({**values, name: 999_999_999}, 178, groups)), 178)

    def test_an_unknown_condition_is_refused(self):
        values = {**PLAIN, **GROUP_VALUES["conditions"], "time.type": "2"}

        with pytest.raises(BadField):
            read_place_order(Fields(encode_place(values, 178, ("conditions",))), 178)


@pytest.mark.parametrize("version", VERSIONS)
class TestARealGateway:
    """What a client hears of a plain order that says nothing it need not say."""

    async def test_writes_its_own_defaults_at_every_version(self, connect, version):
        client = await connect(version=version)
        plain = {
            "orderId": 1, "conId": 265598, "secType": "STK", "exchange": "SMART", "currency": "USD",
            "action": "BUY", "totalQuantity": 100, "orderType": "MKT", "tif": "DAY", "orderRef": "real",
            "openClose": "O", "displaySize": 0, "exemptCode": -1, "dontUseAutoPriceForHedge": 0,
            "transmit": "true", "outsideRth": "false",
        }  # fmt: skip
        client.send(3, *encode_place(plain, version))
        executed = decode(await client.until(11), EXECUTION, version)
        charged = await client.until(59)
        opened = [decode(one, OPEN, version) for one in client.frames if one[0] == "5"]
        completed = decode(await client.ask(101, 99, 0), COMPLETED, version)

        first, _, last = opened
        assert OPEN_VALUES.items() <= first.items()
        assert [one["status"] for one in opened] == ["PreSubmitted", "Filled", "Filled"]
        assert [one["commission"] for one in opened] == ["", "", "1.0"]
        assert last["commissionCurrency"] == "USD"
        assert first["deprecatedShares"] == f"{first['permId']}.0/DU1234567/100"
        assert COMPLETED_VALUES.items() <= completed.items()
        assert completed["permId"] == first["permId"]
        assert EXECUTION_VALUES.items() <= executed.items()
        assert executed["permId"] == first["permId"]
        assert executed["price"] == executed["avgPrice"]
        assert charged[2] == executed["execId"]
        assert charged[5:8] == [UNSET, UNSET, ""]

    async def test_describes_a_stock_in_every_field(self, connect, version):
        client = await connect(version=version)
        issuer = [""] if version >= 176 else []
        asked = [265598, "", "", "", "0.0", "", "", "SMART", "", "USD", "", ""]
        told = decode(await client.ask(10, 9, 8, 50, *asked, 0, "", "", *issuer), CONTRACT, version)

        assert CONTRACT_VALUES.items() <= told.items()
        assert len(told["validExchanges"].split(",")) == len(told["marketRuleIds"].split(","))
        assert {name: told[name] for name in told if name.startswith(("min", "size", "suggested"))} == {
            "minTick": "0.01", **SIZES_OF_VERSION[(version >= 163) + (version >= 164)]
        }  # fmt: skip


OPEN_VALUES = {
    "id": "5", "orderId": "1", "conId": "265598", "symbol": "AAPL", "secType": "STK", "expiry": "",
    "strike": "0", "right": "?", "multiplier": "", "exchange": "SMART", "currency": "USD",
    "localSymbol": "AAPL", "tradingClass": "NMS", "action": "BUY", "totalQuantity": "100",
    "orderType": "MKT", "lmtPrice": "0.0", "auxPrice": "0.0", "tif": "DAY", "ocaGroup": "",
    "account": "DU1234567", "openClose": "", "origin": "0", "orderRef": "real", "clientId": "1",
    "outsideRth": "0", "hidden": "0", "discretionaryAmt": "0", "goodAfterTime": "", "faGroup": "",
    "modelCode": "", "goodTillDate": "", "rule80A": "", "percentOffset": "", "settlingFirm": "",
    "shortSaleSlot": "0", "designatedLocation": "", "exemptCode": "-1", "auctionStrategy": "0",
    "startingPrice": "", "delta": "", "stockRangeUpper": "", "displaySize": "2147483647", "blockOrder": "0",
    "sweepToFill": "0", "allOrNone": "0", "minQty": "", "ocaType": "3", "eTradeOnly": "0",
    "firmQuoteOnly": "0", "nbboPriceCap": "", "parentId": "0", "triggerMethod": "0", "volatility": "",
    "volatilityType": "0", "deltaNeutralOrderType": "None", "deltaNeutralAuxPrice": "", "dnConId": "0",
    "dnSettlingFirm": "", "dnClearingAccount": "", "dnClearingIntent": "", "dnOpenClose": "?",
    "dnShortSale": "0", "dnShortSaleSlot": "0", "dnDesignatedLocation": "", "continuousUpdate": "0",
    "referencePriceType": "0", "trailStopPrice": "", "trailingPercent": "", "basisPoints": "",
    "comboLegsDescrip": "", "nLegs": "0", "nOrderLegs": "0", "nSmartParams": "0",
    "scaleInitLevelSize": "2147483647", "scaleSubsLevelSize": "2147483647", "scalePriceIncrement": "",
    "hedgeType": "", "optOutSmartRouting": "0", "clearingAccount": "", "clearingIntent": "IB",
    "notHeld": "0", "dncFlag": "0", "algoStrategy": "", "solicited": "0", "whatIf": "0",
    **{
        f"{kind}{when}": UNSET
        for kind in ("initMargin", "maintMargin", "equityWithLoan")
        for when in ("Before", "Change", "After")
    },
    "minCommission": "", "maxCommission": "", "warningText": "", "randomizeSize": "0", "nConditions": "0",
    "adjustedOrderType": "None", "triggerPrice": UNSET, "adjustedTrailStopPrice": UNSET,
    "lmtPriceOffset": UNSET, "adjustedStopPrice": UNSET, "adjustedStopLimitPrice": UNSET,
    "adjustedTrailingAmount": UNSET, "adjustableTrailingUnit": "0", "softDollarName": "", "cashQty": "0",
    "dontUseAutoPriceForHedge": "1", "isOmsContainer": "0", "discretionaryUpToLimitPrice": "0",
    "usePriceMgmtAlgo": "0",
}  # fmt: skip
COMPLETED_VALUES = {
    "conId": "265598", "strike": "0", "right": "?", "action": "BUY", "totalQuantity": "0",
    "filledQuantity": "100", "orderType": "MKT", "lmtPrice": "0.0", "tif": "DAY", "orderRef": "real",
    "displaySize": "2147483647", "deltaNeutralOrderType": "None", "dnConId": "0", "dnShortSale": "0",
    "dnDesignatedLocation": "", "trailStopPrice": "", "status": "Filled", "adjustedTrailStopPrice": UNSET,
    "lmtPriceOffset": UNSET, "cashQty": "0", "dontUseAutoPriceForHedge": "1", "isOmsContainer": "0",
    "autoCancelDate": "", "refFuturesConId": "2147483647", "autoCancelParent": "0",
    "shareholder": "Not an insider or substantial shareholder", "imbalanceOnly": "0",
    "routeMarketableToBbo": "0", "parentPermId": "9223372036854775807", "completedStatus": "Filled",
}  # fmt: skip
EXECUTION_VALUES = {
    "id": "11", "reqId": "-1", "orderId": "1", "conId": "265598", "symbol": "AAPL", "secType": "STK",
    "strike": "0.0", "right": "", "currency": "USD", "localSymbol": "AAPL", "account": "DU1234567",
    "side": "BOT", "shares": "100", "clientId": "1", "liquidation": "0", "cumQty": "100",
    "orderRef": "real", "evRule": "", "evMultiplier": "", "modelCode": "", "lastLiquidity": "2",
}  # fmt: skip
CONTRACT_VALUES = {
    "id": "10", "reqId": "50", "symbol": "AAPL", "secType": "STK", "lastTradeDate": "", "strike": "0",
    "right": "", "exchange": "SMART", "currency": "USD", "localSymbol": "AAPL", "marketName": "NMS",
    "tradingClass": "NMS", "conId": "265598", "multiplier": "", "priceMagnifier": "1", "underConId": "0",
    "longName": "APPLE INC", "primaryExchange": "NASDAQ", "contractMonth": "", "timeZoneId": "US/Eastern",
    "nSecIds": "1", "secIdTag": "ISIN", "aggGroup": "1", "underSymbol": "", "realExpirationDate": "",
    "stockType": "COMMON",
}  # fmt: skip
SIZES_OF_VERSION = (
    {},
    {"sizeMinTick": "0.0001"},
    {"minSize": "0.0001", "sizeIncrement": "0.0001", "suggestedSizeIncrement": "100"},
)
