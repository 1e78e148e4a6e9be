"""The long order messages, field by field, written down from the protocol and not from the code.

A table is a text of names. `name@162` exists from version 162 on, `name<177` up to 176;
a name with a group behind it (`name+group`) is followed by that group's fields when the
test says the group is there.
"""

from __future__ import annotations

from collections.abc import Collection

VERSIONS = (157, 159, 160, 161, 162, 163, 164, 166, 169, 170, 173, 174, 176, 177, 178)

PLACE = """
orderId conId symbol secType expiry strike right multiplier exchange primaryExchange currency localSymbol
tradingClass secIdType secId action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose
origin orderRef transmit parentId blockOrder sweepToFill displaySize triggerMethod outsideRth hidden+bag
deprecatedShares discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage faProfile<177
modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty
percentOffset eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta
stockRangeLower stockRangeUpper overridePercentageConstraints volatility volatilityType deltaNeutralOrderType
deltaNeutralAuxPrice+deltaNeutral continuousUpdate referencePriceType trailStopPrice trailingPercent
scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement+scale scaleTable activeStartTime activeStopTime
hedgeType+hedge optOutSmartRouting clearingAccount clearingIntent notHeld dncFlag+dnc algoStrategy+algo algoId
whatIf orderMiscOptions solicited randomizeSize randomizePrice+pegBench nConditions+conditions
adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount
adjustableTrailingUnit extOperator softDollarName softDollarValue cashQty mifid2DecisionMaker
mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer
discretionaryUpToLimitPrice usePriceMgmtAlgo duration@158 postToAts@160 autoCancelParent@162
advancedErrorOverride@166 manualOrderTime@169+last
"""

OPEN = """
id orderId conId symbol secType expiry strike right multiplier exchange currency localSymbol tradingClass
action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef clientId
permId outsideRth hidden discretionaryAmt goodAfterTime deprecatedShares faGroup faMethod faPercentage
faProfile<177 modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation
exemptCode auctionStrategy startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize
blockOrder sweepToFill allOrNone minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod
volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice dnConId dnSettlingFirm dnClearingAccount
dnClearingIntent dnOpenClose dnShortSale dnShortSaleSlot dnDesignatedLocation continuousUpdate
referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType comboLegsDescrip nLegs+legs
nOrderLegs+legPrices nSmartParams+smart scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement+scale
hedgeType+hedge optOutSmartRouting clearingAccount clearingIntent notHeld dncFlag+dnc algoStrategy+algo
solicited whatIf status initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange
maintMarginChange equityWithLoanChange initMarginAfter maintMarginAfter equityWithLoanAfter commission
minCommission maxCommission commissionCurrency warningText randomizeSize randomizePrice+pegBench
nConditions+conditions adjustedOrderType triggerPrice adjustedTrailStopPrice lmtPriceOffset adjustedStopPrice
adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit softDollarName softDollarValue
softDollarDisplayName cashQty dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice
usePriceMgmtAlgo duration@158 postToAts@160 autoCancelParent@162 minTradeQty@170 minCompeteSize@170
competeAgainstBestOffset@170 midOffsetAtWhole@170 midOffsetAtHalf@170
"""

COMPLETED = """
id conId symbol secType expiry strike right multiplier exchange currency localSymbol tradingClass
action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef permId
outsideRth hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage faProfile<177 modelCode
goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode startingPrice
stockRefPrice delta stockRangeLower stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType
triggerMethod volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice dnConId dnShortSale
dnShortSaleSlot dnDesignatedLocation continuousUpdate referencePriceType trailStopPrice trailingPercent
comboLegsDescrip nLegs+legs nOrderLegs+legPrices nSmartParams+smart scaleInitLevelSize scaleSubsLevelSize
scalePriceIncrement+scale hedgeType+hedge clearingAccount clearingIntent notHeld dncFlag+dnc
algoStrategy+algo solicited status randomizeSize randomizePrice+pegBench nConditions+conditions
adjustedTrailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate
filledQuantity refFuturesConId autoCancelParent shareholder imbalanceOnly routeMarketableToBbo parentPermId
completedTime completedStatus minTradeQty@170 minCompeteSize@170 competeAgainstBestOffset@170
midOffsetAtWhole@170 midOffsetAtHalf@170
"""

EXECUTION = """
id reqId orderId conId symbol secType expiry strike right multiplier exchange currency localSymbol
tradingClass execId time account executionExchange side shares price permId clientId liquidation cumQty
avgPrice orderRef evRule evMultiplier modelCode lastLiquidity pendingPriceRevision@178
"""

CONTRACT = """
id version<164 reqId symbol secType lastTradeDate strike right exchange currency localSymbol marketName
tradingClass conId minTick mdSizeMultiplier<164 multiplier orderTypes validExchanges priceMagnifier underConId
longName primaryExchange contractMonth industry category subcategory timeZoneId tradingHours liquidHours
evRule evMultiplier nSecIds secIdTag secIdValue aggGroup underSymbol underSecType marketRuleIds
realExpirationDate stockType sizeMinTick@163<164 minSize@164 sizeIncrement@164 suggestedSizeIncrement@164
"""

# What each group consists of; a leading count is the field before it in the tables above.
GROUPS = {
    "scale": """scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset
        scaleInitPosition scaleInitFillQty scaleRandomPercent""",
    "hedge": "hedgeParam",
    "dnc": "dncConId dncDelta dncPrice",
    "pegBench": """referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount
        referenceExchangeId""",
    "deltaNeutral": """dnConId dnSettlingFirm dnClearingAccount dnClearingIntent dnOpenClose dnShortSale
        dnShortSaleSlot dnDesignatedLocation""",
    "algo": "nAlgoParams algoTag0 algoValue0 algoTag1 algoValue1",
    "legs": """leg0ConId leg0Ratio leg0Action leg0Exchange leg0OpenClose leg0Slot leg0Location leg0Exempt
        leg1ConId leg1Ratio leg1Action leg1Exchange leg1OpenClose leg1Slot leg1Location leg1Exempt""",
    "legPrices": "legPrice0 legPrice1",
    "smart": "smartTag0 smartValue0",
    "bag": "nLegs+legs nOrderLegs+legPrices nSmartParams+smart",
    "conditions": """
        price.type price.conjunction price.isMore price.price price.conId price.exchange price.method
        time.type time.conjunction time.isMore time.time
        margin.type margin.conjunction margin.isMore margin.percent
        execution.type execution.conjunction execution.secType execution.exchange execution.symbol
        volume.type volume.conjunction volume.isMore volume.volume volume.conId volume.exchange
        change.type change.conjunction change.isMore change.percent change.conId change.exchange
        conditionsIgnoreRth conditionsCancelOrder""",
    "ats": "minTradeQty",
    "pegBest": "minCompeteSize competeAgainstBestOffset",
    "pegBestInfinite": "minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf",
    "pegMid": "midOffsetAtWhole midOffsetAtHalf",
}  # fmt: skip
LAST = ("ats", "pegBest", "pegBestInfinite", "pegMid")


def names(table: str, version: int, groups: Collection[str] = ()) -> list[str]:
    """Return the field names of a message at one version, with the groups that are present."""
    found: list[str] = []
    for word in table.split():
        field, _, group = word.partition("+")
        field, _, until = field.partition("<")
        name, _, since = field.partition("@")
        if int(since or 0) <= version < int(until or 1_000_000):
            found.append(name)
        if group == "last" and version >= 170:
            for one in LAST:
                found += GROUPS[one].split() if one in groups else []
        elif group in groups or (group in ("legs", "legPrices", "smart") and "bag" in groups):
            found += names(GROUPS[group], version, groups)
    return found


def decode(fields: list[str], table: str, version: int, groups: Collection[str] = ()) -> dict[str, str]:
    """Return the fields of a message by name; their number must be exactly right."""
    wanted = names(table, version, groups)
    assert len(fields) == len(wanted), f"{len(fields)} fields, the table has {len(wanted)}"
    return dict(zip(wanted, fields, strict=True))


def encode_place(values: dict[str, object], version: int, groups: Collection[str] = ()) -> list[str]:
    """Return a placeOrder after its message id; what is not given is empty."""
    return [str(values.get(name, "")) for name in names(PLACE, version, groups)]
