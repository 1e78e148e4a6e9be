"""Server to client: what the fields of each message are called, at versions 157 to 178."""

from __future__ import annotations

from apps.simulator.frames.blocks import CONTRACT11, TAG_VALUE
from apps.simulator.frames.layout import Layout, Step, before, holds, layout, listed, since, when
from apps.simulator.frames.orders import COMPLETED_ORDER, EXECUTION, OPEN_ORDER

# The contract of message 7 has a primary exchange where the others have an exchange.
_HELD: tuple[Step, ...] = tuple("primaryExchange" if one == "exchange" else one for one in CONTRACT11)
_SIZES = since(164, "minSize", "sizeIncrement", "suggestedSizeIncrement")

CONTRACT_DATA = layout(
    "contractData",
    before(164, "version"), "reqId", "symbol", "secType", "lastTradeDate", "strike", "right", "exchange",
    "currency", "localSymbol", "marketName", "tradingClass", "conId", "minTick",
    before(164, "mdSizeMultiplier"), "multiplier", "orderTypes", "validExchanges", "priceMagnifier",
    "underConId", "longName", "primaryExchange", "contractMonth", "industry", "category", "subcategory",
    "timeZoneId", "tradingHours", "liquidHours", "evRule", "evMultiplier", listed("secIds", *TAG_VALUE),
    "aggGroup", "underSymbol", "underSecType", "marketRuleIds", "realExpirationDate", "stockType",
    since(163, "sizeMinTick", until=164), _SIZES,
)  # fmt: skip

BOND_CONTRACT_DATA = layout(
    "bondContractData",
    before(164, "version"), "reqId", "symbol", "secType", "cusip", "coupon", "maturity", "issueDate",
    "ratings", "bondType", "couponType", "convertible", "callable", "putable", "descAppend", "exchange",
    "currency", "marketName", "tradingClass", "conId", "minTick", before(164, "mdSizeMultiplier"),
    "orderTypes", "validExchanges", "nextOptionDate", "nextOptionType", "nextOptionPartial", "notes",
    "longName", "evRule", "evMultiplier", listed("secIds", *TAG_VALUE), "aggGroup", "marketRuleIds",
    _SIZES,
)  # fmt: skip

ANSWERS: dict[int, Layout] = {
    1: layout("tickPrice", "version", "reqId", "tickType", "price", "size", "attrMask"),
    2: layout("tickSize", "version", "reqId", "tickType", "size"),
    3: layout(
        "orderStatus", "orderId", "status", "filled", "remaining", "avgFillPrice", "permId", "parentId",
        "lastFillPrice", "clientId", "whyHeld", "mktCapPrice",
    ),
    4: layout("error", "version", "reqId", "code", "text", since(166, "advancedOrderRejectJson")),
    5: OPEN_ORDER,
    6: layout("updateAccountValue", "version", "key", "value", "currency", "account"),
    7: layout(
        "updatePortfolio", "version", *_HELD, "position", "marketPrice", "marketValue", "averageCost",
        "unrealizedPNL", "realizedPNL", "account",
    ),
    8: layout("updateAccountTime", "version", "time"),
    9: layout("nextValidId", "version", "orderId"),
    10: CONTRACT_DATA,
    11: EXECUTION,
    12: layout("marketDepth", "version", "reqId", "position", "operation", "side", "price", "size"),
    13: layout(
        "marketDepthL2", "version", "reqId", "position", "marketMaker", "operation", "side", "price", "size",
        "isSmartDepth",
    ),
    14: layout("newsBulletin", "version", "msgId", "msgType", "message", "origExchange"),
    15: layout("managedAccounts", "version", "accounts"),
    16: layout("receiveFA", "version", "faDataType", "xml"),
    17: layout(
        "historicalData", "reqId", "startDate", "endDate",
        listed("bars", "date", "open", "high", "low", "close", "volume", "wap", "count"),
    ),
    18: BOND_CONTRACT_DATA,
    19: layout("scannerParameters", "version", "xml"),
    20: layout(
        "scannerData", "version", "reqId",
        listed(
            "rows", "rank", "conId", "symbol", "secType", "lastTradeDate", "strike", "right", "exchange",
            "currency", "localSymbol", "marketName", "tradingClass", "distance", "benchmark", "projection",
            "legsStr",
        ),
    ),
    21: layout(
        "tickOptionComputation", "reqId", "tickType", "tickAttrib", "impliedVol", "delta", "optPrice",
        "pvDividend", "gamma", "vega", "theta", "undPrice",
    ),
    45: layout("tickGeneric", "version", "reqId", "tickType", "value"),
    46: layout("tickString", "version", "reqId", "tickType", "text"),
    47: layout(
        "tickEFP", "version", "reqId", "tickType", "basisPoints", "formattedBasisPoints", "totalDividends",
        "holdDays", "futureLastTradeDate", "dividendImpact", "dividendsToLastTradeDate",
    ),
    49: layout("currentTime", "version", "epoch"),
    50: layout(
        "realTimeBar", "version", "reqId", "time", "open", "high", "low", "close", "volume", "wap", "count"
    ),
    51: layout("fundamentalData", "version", "reqId", "xml"),
    52: layout("contractDataEnd", "version", "reqId"),
    53: layout("openOrderEnd", "version"),
    54: layout("accountDownloadEnd", "version", "account"),
    55: layout("execDetailsEnd", "version", "reqId"),
    56: layout("deltaNeutralValidation", "version", "reqId", "conId", "delta", "price"),
    57: layout("tickSnapshotEnd", "version", "reqId"),
    58: layout("marketDataType", "version", "reqId", "type"),
    59: layout(
        "commissionReport", "version", "execId", "commission", "currency", "realizedPNL", "yield",
        "yieldRedemptionDate",
    ),
    61: layout("position", "version", "account", *CONTRACT11, "position", "avgCost"),
    62: layout("positionEnd", "version"),
    63: layout("accountSummary", "version", "reqId", "account", "tag", "value", "currency"),
    64: layout("accountSummaryEnd", "version", "reqId"),
    65: layout("verifyMessageAPI", "version", "apiData"),
    66: layout("verifyCompleted", "version", "isSuccessful", "text"),
    67: layout("displayGroupList", "version", "reqId", "groups"),
    68: layout("displayGroupUpdated", "version", "reqId", "contractInfo"),
    71: layout(
        "positionMulti", "version", "reqId", "account", *CONTRACT11, "position", "avgCost", "modelCode"
    ),
    72: layout("positionMultiEnd", "version", "reqId"),
    73: layout("accountUpdateMulti", "version", "reqId", "account", "modelCode", "key", "value", "currency"),
    74: layout("accountUpdateMultiEnd", "version", "reqId"),
    75: layout(
        "secDefOptParams", "reqId", "exchange", "underlyingConId", "tradingClass", "multiplier",
        listed("expirations"), listed("strikes"),
    ),
    76: layout("secDefOptParamsEnd", "reqId"),
    77: layout("softDollarTiers", "reqId", listed("tiers", "name", "value", "displayName")),
    78: layout("familyCodes", listed("families", "accountId", "familyCode")),
    79: layout(
        "symbolSamples", "reqId",
        listed(
            "hits", "conId", "symbol", "secType", "primaryExchange", "currency", listed("derivatives"),
            since(176, "description", "issuerId"),
        ),
    ),
    80: layout(
        "mktDepthExchanges",
        listed("exchanges", "exchange", "secType", "listingExch", "serviceDataType", "aggGroup"),
    ),
    81: layout("tickReqParams", "reqId", "minTick", "bboExchange", "snapshotPermissions"),
    82: layout("smartComponents", "reqId", listed("components", "bitNumber", "exchange", "exchangeLetter")),
    83: layout("newsArticle", "reqId", "articleType", "text"),
    84: layout("tickNews", "reqId", "time", "providerCode", "articleId", "headline", "extraData"),
    85: layout("newsProviders", listed("providers", "code", "name")),
    86: layout("historicalNews", "reqId", "time", "providerCode", "articleId", "headline"),
    87: layout("historicalNewsEnd", "reqId", "hasMore"),
    88: layout("headTimestamp", "reqId", "text"),
    89: layout("histogramData", "reqId", listed("levels", "price", "size")),
    90: layout(
        "historicalDataUpdate", "reqId", "barCount", "date", "open", "close", "high", "low", "wap", "volume"
    ),
    91: layout("rerouteMktDataReq", "reqId", "conId", "exchange"),
    92: layout("rerouteMktDepthReq", "reqId", "conId", "exchange"),
    93: layout("marketRule", "marketRuleId", listed("increments", "lowEdge", "increment")),
    94: layout("pnl", "reqId", "dailyPnL", "unrealizedPnL", "realizedPnL"),
    95: layout("pnlSingle", "reqId", "position", "dailyPnL", "unrealizedPnL", "realizedPnL", "value"),
    96: layout("historicalTicks", "reqId", listed("ticks", "time", "ignored", "price", "size"), "done"),
    97: layout(
        "historicalTicksBidAsk", "reqId",
        listed("ticks", "time", "mask", "priceBid", "priceAsk", "sizeBid", "sizeAsk"), "done",
    ),
    98: layout(
        "historicalTicksLast", "reqId",
        listed("ticks", "time", "mask", "price", "size", "exchange", "specialConditions"), "done",
    ),
    99: layout(
        "tickByTick", "reqId", "tickType", "time",
        when(holds("tickType", "1", "2"), "price", "size", "mask", "exchange", "specialConditions"),
        when(holds("tickType", "3"), "bidPrice", "askPrice", "bidSize", "askSize", "mask"),
        when(holds("tickType", "4"), "midPoint"),
    ),
    100: layout("orderBound", "permId", "clientId", "orderId"),
    101: COMPLETED_ORDER,
    102: layout("completedOrdersEnd"),
    103: layout("replaceFAEnd", "reqId", "text"),
    104: layout("wshMetaData", "reqId", "json"),
    105: layout("wshEventData", "reqId", "json"),
    106: layout(
        "historicalSchedule", "reqId", "startDateTime", "endDateTime", "timeZone",
        listed("sessions", "startDateTime", "endDateTime", "refDate"),
    ),
    107: layout("userInfo", "reqId", "whiteBrandingId"),
}  # fmt: skip
