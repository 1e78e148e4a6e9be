"""Client to server: what the fields of each request are called, at versions 157 to 178."""

from __future__ import annotations

from apps.simulator.frames.blocks import BAG_LEGS, CONTRACT12, DELTA_NEUTRAL_CONTRACT
from apps.simulator.frames.layout import Layout, layout, since
from apps.simulator.frames.orders import PLACE_ORDER

REQUESTS: dict[int, Layout] = {
    1: layout(
        "reqMktData", "version", "reqId", *CONTRACT12, BAG_LEGS, *DELTA_NEUTRAL_CONTRACT, "genericTicks",
        "snapshot", "regulatorySnapshot", "options",
    ),
    2: layout("cancelMktData", "version", "reqId"),
    3: PLACE_ORDER,
    4: layout("cancelOrder", "version", "orderId", since(169, "manualOrderCancelTime")),
    5: layout("reqOpenOrders", "version"),
    6: layout("reqAccountUpdates", "version", "subscribe", "account"),
    7: layout(
        "reqExecutions", "version", "reqId", "clientId", "account", "time", "symbol", "secType", "exchange",
        "side",
    ),
    8: layout("reqIds", "version", "numIds"),
    9: layout(
        "reqContractDetails", "version", "reqId", *CONTRACT12, "includeExpired", "secIdType", "secId",
        since(176, "issuerId"),
    ),
    10: layout("reqMktDepth", "version", "reqId", *CONTRACT12, "numRows", "isSmartDepth", "options"),
    11: layout("cancelMktDepth", "version", "reqId", "isSmartDepth"),
    12: layout("reqNewsBulletins", "version", "allMsgs"),
    13: layout("cancelNewsBulletins", "version"),
    14: layout("setServerLogLevel", "version", "logLevel"),
    15: layout("reqAutoOpenOrders", "version", "autoBind"),
    16: layout("reqAllOpenOrders", "version"),
    17: layout("reqManagedAccts", "version"),
    18: layout("requestFA", "version", "faDataType"),
    19: layout("replaceFA", "version", "faDataType", "xml", "reqId"),
    20: layout(
        "reqHistoricalData", "reqId", *CONTRACT12, "includeExpired", "endDateTime", "barSize", "duration",
        "useRTH", "whatToShow", "formatDate", BAG_LEGS, "keepUpToDate", "options",
    ),
    21: layout(
        "exerciseOptions", "version", "reqId", "conId", "symbol", "secType", "lastTradeDate", "strike",
        "right", "multiplier", "exchange", "currency", "localSymbol", "tradingClass", "exerciseAction",
        "exerciseQuantity", "account", "override",
    ),
    22: layout(
        "reqScannerSubscription", "reqId", "numberOfRows", "instrument", "locationCode", "scanCode",
        "abovePrice", "belowPrice", "aboveVolume", "marketCapAbove", "marketCapBelow", "moodyRatingAbove",
        "moodyRatingBelow", "spRatingAbove", "spRatingBelow", "maturityDateAbove", "maturityDateBelow",
        "couponRateAbove", "couponRateBelow", "excludeConvertible", "averageOptionVolumeAbove",
        "scannerSettingPairs", "stockTypeFilter", "filterOptions", "options",
    ),
    23: layout("cancelScannerSubscription", "version", "reqId"),
    24: layout("reqScannerParameters", "version"),
    25: layout("cancelHistoricalData", "version", "reqId"),
    49: layout("reqCurrentTime", "version"),
    50: layout(
        "reqRealTimeBars", "version", "reqId", *CONTRACT12, "barSize", "whatToShow", "useRTH", "options"
    ),
    51: layout("cancelRealTimeBars", "version", "reqId"),
    52: layout(
        "reqFundamentalData", "version", "reqId", "conId", "symbol", "secType", "exchange",
        "primaryExchange", "currency", "localSymbol", "reportType", "optionsCount", "options",
    ),
    53: layout("cancelFundamentalData", "version", "reqId"),
    54: layout(
        "calculateImpliedVolatility", "version", "reqId", *CONTRACT12, "optionPrice", "underPrice",
        "optionsCount", "options",
    ),
    55: layout(
        "calculateOptionPrice", "version", "reqId", *CONTRACT12, "volatility", "underPrice",
        "optionsCount", "options",
    ),
    56: layout("cancelCalculateImpliedVolatility", "version", "reqId"),
    57: layout("cancelCalculateOptionPrice", "version", "reqId"),
    58: layout("reqGlobalCancel", "version"),
    59: layout("reqMarketDataType", "version", "marketDataType"),
    61: layout("reqPositions", "version"),
    62: layout("reqAccountSummary", "version", "reqId", "group", "tags"),
    63: layout("cancelAccountSummary", "version", "reqId"),
    64: layout("cancelPositions", "version"),
    65: layout("verifyRequest", "version", "apiName", "apiVersion"),
    66: layout("verifyMessage", "version", "apiData"),
    67: layout("queryDisplayGroups", "version", "reqId"),
    68: layout("subscribeToGroupEvents", "version", "reqId", "groupId"),
    69: layout("updateDisplayGroup", "version", "reqId", "contractInfo"),
    70: layout("unsubscribeFromGroupEvents", "version", "reqId"),
    71: layout("startApi", "version", "clientId", "optionalCapabilities"),
    72: layout("verifyAndAuthRequest", "version", "apiName", "apiVersion", "opaqueIsvKey"),
    73: layout("verifyAndAuthMessage", "version", "apiData", "xyzResponse"),
    74: layout("reqPositionsMulti", "version", "reqId", "account", "modelCode"),
    75: layout("cancelPositionsMulti", "version", "reqId"),
    76: layout("reqAccountUpdatesMulti", "version", "reqId", "account", "modelCode", "ledgerAndNLV"),
    77: layout("cancelAccountUpdatesMulti", "version", "reqId"),
    78: layout(
        "reqSecDefOptParams", "reqId", "underlyingSymbol", "futFopExchange", "underlyingSecType",
        "underlyingConId",
    ),
    79: layout("reqSoftDollarTiers", "reqId"),
    80: layout("reqFamilyCodes"),
    81: layout("reqMatchingSymbols", "reqId", "pattern"),
    82: layout("reqMktDepthExchanges"),
    83: layout("reqSmartComponents", "reqId", "bboExchange"),
    84: layout("reqNewsArticle", "reqId", "providerCode", "articleId", "options"),
    85: layout("reqNewsProviders"),
    86: layout(
        "reqHistoricalNews", "reqId", "conId", "providerCodes", "startDateTime", "endDateTime",
        "totalResults", "options",
    ),
    87: layout(
        "reqHeadTimestamp", "reqId", *CONTRACT12, "includeExpired", "useRTH", "whatToShow", "formatDate"
    ),
    88: layout("reqHistogramData", "reqId", *CONTRACT12, "includeExpired", "useRTH", "period"),
    89: layout("cancelHistogramData", "reqId"),
    90: layout("cancelHeadTimestamp", "reqId"),
    91: layout("reqMarketRule", "marketRuleId"),
    92: layout("reqPnL", "reqId", "account", "modelCode"),
    93: layout("cancelPnL", "reqId"),
    94: layout("reqPnLSingle", "reqId", "account", "modelCode", "conId"),
    95: layout("cancelPnLSingle", "reqId"),
    96: layout(
        "reqHistoricalTicks", "reqId", *CONTRACT12, "includeExpired", "startDateTime", "endDateTime",
        "numberOfTicks", "whatToShow", "useRTH", "ignoreSize", "options",
    ),
    97: layout("reqTickByTickData", "reqId", *CONTRACT12, "tickType", "numberOfTicks", "ignoreSize"),
    98: layout("cancelTickByTickData", "reqId"),
    99: layout("reqCompletedOrders", "apiOnly"),
    100: layout("reqWshMetaData", "reqId"),
    101: layout("cancelWshMetaData", "reqId"),
    102: layout(
        "reqWshEventData", "reqId", "conId",
        since(171, "filter", "fillWatchlist", "fillPortfolio", "fillCompetitors"),
        since(173, "startDate", "endDate", "totalLimit"),
    ),
    103: layout("cancelWshEventData", "reqId"),
    104: layout("reqUserInfo", "reqId"),
}  # fmt: skip
