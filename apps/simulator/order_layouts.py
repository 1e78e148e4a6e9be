"""The long order messages field by field: placeOrder, openOrder, completedOrder.

Tables only, in wire order; what a step means is layout.py, what the fields hold is
order_messages.py.
"""

from __future__ import annotations

from apps.simulator.layout import (
    Conditions,
    Counted,
    Since,
    Step,
    Values,
    When,
    given,
    infinite,
    one_of,
    positive,
)
from apps.simulator.wire import UNSET_DOUBLE, UNSET_INT

UNSET_LONG = "9223372036854775807"
PEG_BENCH, PEG_BEST, PEG_MID = ("PEG BENCH", "PEGBENCH"), ("PEG BEST", "PEGBEST"), ("PEG MID", "PEGMID")
LEG_WIDTH, PAIR_WIDTH = 8, 2

_LEGS = (Counted("legs", LEG_WIDTH), Counted("legPrices", 1), Counted("smartParams", PAIR_WIDTH))
_SCALE = When(
    positive("scalePriceIncrement"),
    (
        "scalePriceAdjustValue", "scalePriceAdjustInterval", "scaleProfitOffset", "scaleAutoReset",
        "scaleInitPosition", "scaleInitFillQty", "scaleRandomPercent",
    ),
)  # fmt: skip
_DELTA_NEUTRAL = When(
    given("deltaNeutralOrderType"),
    (
        "dnConId", "dnSettlingFirm", "dnClearingAccount", "dnClearingIntent", "dnOpenClose", "dnShortSale",
        "dnShortSaleSlot", "dnDesignatedLocation",
    ),
)  # fmt: skip
_DELTA_NEUTRAL_DONE = When(
    given("deltaNeutralOrderType"), ("dnConId", "dnShortSale", "dnShortSaleSlot", "dnDesignatedLocation")
)
_HEDGE = When(given("hedgeType"), ("hedgeParam",))
_DNC = When(one_of("dncFlag", "1", "TRUE"), ("dncConId", "dncDelta", "dncPrice"))
_ALGO = When(given("algoStrategy"), (Counted("algoParams", PAIR_WIDTH),))
_PEG_BENCH = When(
    one_of("orderType", *PEG_BENCH),
    (
        "referenceContractId", "isPeggedChangeAmountDecrease", "peggedChangeAmount",
        "referenceChangeAmount", "referenceExchangeId",
    ),
)  # fmt: skip
_CONDITIONS = (Conditions(), When(given("conditions"), ("conditionsIgnoreRth", "conditionsCancelOrder")))
_FA_PROFILE = Since(0, ("faProfile",), until=177)
_OFFSETS = Since(
    170,
    ("minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf"),
)

PLACE_ORDER: tuple[Step, ...] = (
    "orderId", "conId", "symbol", "secType", "expiry", "strike", "right", "multiplier", "exchange",
    "primaryExchange", "currency", "localSymbol", "tradingClass", "secIdType", "secId",
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "transmit", "parentId", "blockOrder", "sweepToFill", "displaySize",
    "triggerMethod", "outsideRth", "hidden",
    When(one_of("secType", "BAG"), _LEGS),
    "sharesAllocation", "discretionaryAmt", "goodAfterTime", "goodTillDate",
    "faGroup", "faMethod", "faPercentage", _FA_PROFILE, "modelCode",
    "shortSaleSlot", "designatedLocation", "exemptCode", "ocaType", "rule80A", "settlingFirm",
    "allOrNone", "minQty", "percentOffset", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "auctionStrategy",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper",
    "overridePercentageConstraints", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice", _DELTA_NEUTRAL,
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent",
    "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement", _SCALE,
    "scaleTable", "activeStartTime", "activeStopTime", "hedgeType", _HEDGE,
    "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld", "dncFlag", _DNC,
    "algoStrategy", _ALGO, "algoId", "whatIf", "orderMiscOptions", "solicited",
    "randomizeSize", "randomizePrice", _PEG_BENCH, *_CONDITIONS,
    "adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice",
    "adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator", "softDollarName", "softDollarValue",
    "cashQty", "mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader", "mifid2ExecutionAlgo",
    "dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo",
    Since(158, ("duration",)), Since(160, ("postToAts",)), Since(162, ("autoCancelParent",)),
    Since(166, ("advancedErrorOverride",)), Since(169, ("manualOrderTime",)),
    Since(170, (
        When(one_of("exchange", "IBKRATS"), ("minTradeQty",)),
        When(one_of("orderType", *PEG_BEST), (
            "minCompeteSize", "competeAgainstBestOffset",
            When(infinite("competeAgainstBestOffset"), ("midOffsetAtWhole", "midOffsetAtHalf")),
        )),
        When(one_of("orderType", *PEG_MID), ("midOffsetAtWhole", "midOffsetAtHalf")),
    )),
)  # fmt: skip

OPEN_ORDER: tuple[Step, ...] = (
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "clientId", "permId", "outsideRth", "hidden", "discretionaryAmt",
    "goodAfterTime", "sharesAllocation", "faGroup", "faMethod", "faPercentage",
    _FA_PROFILE, "modelCode", "goodTillDate", "rule80A", "percentOffset",
    "settlingFirm", "shortSaleSlot", "designatedLocation", "exemptCode", "auctionStrategy",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize",
    "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType", "eTradeOnly", "firmQuoteOnly",
    "nbboPriceCap", "parentId", "triggerMethod", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice", _DELTA_NEUTRAL, "continuousUpdate",
    "referencePriceType", "trailStopPrice", "trailingPercent", "basisPoints", "basisPointsType",
    "comboLegsDescrip", *_LEGS, "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement", _SCALE,
    "hedgeType", _HEDGE, "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld",
    "dncFlag", _DNC, "algoStrategy", _ALGO, "solicited", "whatIf", "status",
    "initMarginBefore", "maintMarginBefore", "equityWithLoanBefore",
    "initMarginChange", "maintMarginChange", "equityWithLoanChange",
    "initMarginAfter", "maintMarginAfter", "equityWithLoanAfter",
    "commission", "minCommission", "maxCommission", "commissionCurrency", "warningText",
    "randomizeSize", "randomizePrice", _PEG_BENCH, *_CONDITIONS, "adjustedOrderType", "triggerPrice",
    "adjustedTrailStopPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice",
    "adjustedTrailingAmount", "adjustableTrailingUnit", "softDollarName", "softDollarValue",
    "softDollarDisplayName", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer",
    "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", Since(158, ("duration",)), Since(160, ("postToAts",)),
    Since(162, ("autoCancelParent",)), _OFFSETS,
)  # fmt: skip

COMPLETED_ORDER: tuple[Step, ...] = (
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "permId", "outsideRth", "hidden", "discretionaryAmt", "goodAfterTime",
    "faGroup", "faMethod", "faPercentage", _FA_PROFILE, "modelCode", "goodTillDate",
    "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot", "designatedLocation", "exemptCode",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize",
    "sweepToFill", "allOrNone", "minQty", "ocaType", "triggerMethod", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice", _DELTA_NEUTRAL_DONE,
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", "comboLegsDescrip",
    *_LEGS, "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement", _SCALE,
    "hedgeType", _HEDGE, "clearingAccount", "clearingIntent", "notHeld", "dncFlag", _DNC,
    "algoStrategy", _ALGO, "solicited", "status", "randomizeSize", "randomizePrice",
    _PEG_BENCH, *_CONDITIONS,
    "adjustedTrailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer",
    "autoCancelDate", "filledQuantity", "refFuturesConId", "autoCancelParent", "shareholder",
    "imbalanceOnly", "routeMarketableToBbo", "parentPermId", "completedTime", "completedStatus", _OFFSETS,
)  # fmt: skip

# Free words: here a number that elsewhere says "unset" is a word like any other.
TEXTS = frozenset({
    "symbol", "localSymbol", "tradingClass", "secIdType", "secId", "ocaGroup", "account", "orderRef",
    "faGroup", "faMethod", "faProfile", "modelCode", "designatedLocation", "settlingFirm", "clearingAccount",
    "extOperator", "scaleTable", "orderMiscOptions", "algoId", "softDollarName", "softDollarValue",
    "advancedErrorOverride",
})  # fmt: skip

# What the real gateway writes where an order says nothing; everything else is empty.
SILENT: Values = {
    **dict.fromkeys(("lmtPrice", "auxPrice"), "0.0"),
    **dict.fromkeys(
        (
            "origin", "outsideRth", "hidden", "discretionaryAmt", "shortSaleSlot", "auctionStrategy",
            "blockOrder", "sweepToFill", "allOrNone", "eTradeOnly", "firmQuoteOnly", "parentId",
            "triggerMethod", "volatilityType", "dnConId", "dnShortSale", "dnShortSaleSlot",
            "continuousUpdate", "referencePriceType", "optOutSmartRouting", "notHeld", "dncFlag", "solicited",
            "whatIf", "randomizeSize", "randomizePrice", "adjustableTrailingUnit", "cashQty",
            "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", "autoCancelParent",
            "imbalanceOnly", "routeMarketableToBbo", "filledQuantity", "conditionsIgnoreRth",
            "conditionsCancelOrder", "scaleAutoReset", "scaleRandomPercent", "isPeggedChangeAmountDecrease",
            "referenceContractId",
        ),
        "0",
    ),
    **dict.fromkeys(
        ("displaySize", "scaleInitLevelSize", "scaleSubsLevelSize", "refFuturesConId"), UNSET_INT,
    ),
    **dict.fromkeys(
        (
            "initMarginBefore", "maintMarginBefore", "equityWithLoanBefore", "initMarginChange",
            "maintMarginChange", "equityWithLoanChange", "initMarginAfter", "maintMarginAfter",
            "equityWithLoanAfter", "triggerPrice", "adjustedTrailStopPrice", "lmtPriceOffset",
            "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount",
        ),
        UNSET_DOUBLE,
    ),
    "exemptCode": "-1",
    "ocaType": "3",
    "deltaNeutralOrderType": "None",
    "adjustedOrderType": "None",
    "dnOpenClose": "?",
    "clearingIntent": "IB",
    "dontUseAutoPriceForHedge": "1",
    "shareholder": "Not an insider or substantial shareholder",
    "parentPermId": UNSET_LONG,
}  # fmt: skip
