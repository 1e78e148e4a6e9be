"""The long messages about orders: placeOrder, openOrder, completedOrder, execDetails."""

from __future__ import annotations

from apps.simulator.frames.blocks import (
    ALGO,
    CONDITIONS,
    CONTRACT11,
    CONTRACT12,
    DELTA_NEUTRAL_CONTRACT,
    HEDGE,
    LEG8,
    PEG_BENCH,
    SCALE,
    TAG_VALUE,
)
from apps.simulator.frames.layout import Seen, Step, before, given, holds, layout, listed, since, when

_FA: tuple[Step, ...] = ("faGroup", "faMethod", "faPercentage", before(177, "faProfile"))
_SHORT_SALE: tuple[Step, ...] = ("shortSaleSlot", "designatedLocation", "exemptCode")
_STOCK_RANGE: tuple[Step, ...] = (
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper",
)  # fmt: skip
_COMBO: tuple[Step, ...] = (
    listed("comboLegs", *LEG8), listed("orderComboLegs", "price"), listed("smartComboParams", *TAG_VALUE),
)  # fmt: skip
_PEG_TAIL = since(
    170,
    "minTradeQty",
    "minCompeteSize",
    "competeAgainstBestOffset",
    "midOffsetAtWhole",
    "midOffsetAtHalf",
)


def _is_offset_infinite(seen: Seen) -> bool:
    return seen["competeAgainstBestOffset"].lower().startswith("inf")


PLACE_ORDER = layout(
    "placeOrder",
    "orderId", *CONTRACT12, "secIdType", "secId",
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "transmit", "parentId", "blockOrder", "sweepToFill", "displaySize",
    "triggerMethod", "outsideRth", "hidden", when(holds("secType", "BAG"), *_COMBO),
    "sharesAllocation", "discretionaryAmt", "goodAfterTime", "goodTillDate", *_FA, "modelCode",
    *_SHORT_SALE, "ocaType", "rule80A", "settlingFirm", "allOrNone", "minQty", "percentOffset",
    "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "auctionStrategy", *_STOCK_RANGE,
    "overridePercentageConstraints", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice",
    when(
        given("deltaNeutralOrderType"),
        "deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount",
        "deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale",
        "deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation",
    ),
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", *SCALE,
    "scaleTable", "activeStartTime", "activeStopTime", *HEDGE, "optOutSmartRouting",
    "clearingAccount", "clearingIntent", "notHeld", *DELTA_NEUTRAL_CONTRACT, *ALGO, "algoId", "whatIf",
    "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice", PEG_BENCH, *CONDITIONS,
    "adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice",
    "adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator", "softDollarTier.name",
    "softDollarTier.value", "cashQty", "mifid2DecisionMaker", "mifid2DecisionAlgo",
    "mifid2ExecutionTrader", "mifid2ExecutionAlgo", "dontUseAutoPriceForHedge", "isOmsContainer",
    "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", since(158, "duration"), since(160, "postToAts"),
    since(162, "autoCancelParent"), since(166, "advancedErrorOverride"), since(169, "manualOrderTime"),
    since(
        170,
        when(holds("exchange", "IBKRATS"), "minTradeQty"),
        when(
            holds("orderType", "PEG BEST", "PEGBEST"), "minCompeteSize", "competeAgainstBestOffset",
            when(_is_offset_infinite, "midOffsetAtWhole", "midOffsetAtHalf"),
        ),
        when(holds("orderType", "PEG MID", "PEGMID"), "midOffsetAtWhole", "midOffsetAtHalf"),
    ),
)  # fmt: skip

OPEN_ORDER = layout(
    "openOrder",
    "orderId", *CONTRACT11, "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif",
    "ocaGroup", "account", "openClose", "origin", "orderRef", "clientId", "permId", "outsideRth", "hidden",
    "discretionaryAmt", "goodAfterTime", "sharesAllocation", *_FA, "modelCode", "goodTillDate", "rule80A",
    "percentOffset", "settlingFirm", *_SHORT_SALE, "auctionStrategy", *_STOCK_RANGE, "displaySize",
    "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType", "eTradeOnly", "firmQuoteOnly",
    "nbboPriceCap", "parentId", "triggerMethod", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice",
    when(
        given("deltaNeutralOrderType"),
        "deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount",
        "deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale",
        "deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation",
    ),
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", "basisPoints",
    "basisPointsType", "comboLegsDescrip", *_COMBO, *SCALE, *HEDGE, "optOutSmartRouting",
    "clearingAccount", "clearingIntent", "notHeld", *DELTA_NEUTRAL_CONTRACT, *ALGO, "solicited", "whatIf",
    "status", "initMarginBefore", "maintMarginBefore", "equityWithLoanBefore", "initMarginChange",
    "maintMarginChange", "equityWithLoanChange", "initMarginAfter", "maintMarginAfter",
    "equityWithLoanAfter", "commission", "minCommission", "maxCommission", "commissionCurrency",
    "warningText", "randomizeSize", "randomizePrice", PEG_BENCH, *CONDITIONS, "adjustedOrderType",
    "triggerPrice", "adjusted.trailStopPrice", "lmtPriceOffset", "adjustedStopPrice",
    "adjustedStopLimitPrice", "adjustedTrailingAmount", "adjustableTrailingUnit", "softDollarTier.name",
    "softDollarTier.value", "softDollarTier.displayName", "cashQty", "dontUseAutoPriceForHedge",
    "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", since(158, "duration"),
    since(160, "postToAts"), since(162, "autoCancelParent"), _PEG_TAIL,
)  # fmt: skip

COMPLETED_ORDER = layout(
    "completedOrder",
    *CONTRACT11, "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup",
    "account", "openClose", "origin", "orderRef", "permId", "outsideRth", "hidden", "discretionaryAmt",
    "goodAfterTime", *_FA, "modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm",
    *_SHORT_SALE, *_STOCK_RANGE, "displaySize", "sweepToFill", "allOrNone", "minQty", "ocaType",
    "triggerMethod", "volatility", "volatilityType", "deltaNeutralOrderType", "deltaNeutralAuxPrice",
    when(
        given("deltaNeutralOrderType"),
        "deltaNeutralConId", "deltaNeutralShortSale", "deltaNeutralShortSaleSlot",
        "deltaNeutralDesignatedLocation",
    ),
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", "comboLegsDescrip",
    *_COMBO, *SCALE, *HEDGE, "clearingAccount", "clearingIntent", "notHeld", *DELTA_NEUTRAL_CONTRACT,
    *ALGO, "solicited", "status", "randomizeSize", "randomizePrice", PEG_BENCH, *CONDITIONS,
    "adjusted.trailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer",
    "autoCancelDate", "filledQuantity", "refFuturesConId", "autoCancelParent", "shareholder",
    "imbalanceOnly", "routeMarketableToBbo", "parentPermId", "completedTime", "completedStatus", _PEG_TAIL,
)  # fmt: skip

EXECUTION = layout(
    "execDetails",
    "reqId", "orderId", *CONTRACT11, "execId", "time", "account", "executedAt", "side", "shares", "price",
    "permId", "clientId", "liquidation", "cumQty", "avgPrice", "orderRef", "evRule", "evMultiplier",
    "modelCode", "lastLiquidity", since(178, "pendingPriceRevision"),
)  # fmt: skip
