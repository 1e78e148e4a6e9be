"""Rows of fields that stand in more than one message: contracts, legs, groups of an order."""

from __future__ import annotations

from apps.simulator.frames.layout import Step, given, holds, listed, positive, when

#: A contract as a request names it.
CONTRACT12: tuple[Step, ...] = (
    "conId", "symbol", "secType", "lastTradeDate", "strike", "right", "multiplier",
    "exchange", "primaryExchange", "currency", "localSymbol", "tradingClass",
)  # fmt: skip
#: A contract as orders, executions and positions name it.
CONTRACT11: tuple[Step, ...] = (
    "conId", "symbol", "secType", "lastTradeDate", "strike", "right", "multiplier",
    "exchange", "currency", "localSymbol", "tradingClass",
)  # fmt: skip

LEG4: tuple[Step, ...] = ("conId", "ratio", "action", "exchange")
LEG8: tuple[Step, ...] = (*LEG4, "openClose", "shortSaleSlot", "designatedLocation", "exemptCode")
BAG_LEGS: Step = when(holds("secType", "BAG"), listed("legs", *LEG4))
TAG_VALUE: tuple[Step, ...] = ("tag", "value")

DELTA_NEUTRAL_CONTRACT: tuple[Step, ...] = (
    "deltaNeutralContract",
    when(
        holds("deltaNeutralContract", "1", "TRUE"),
        "deltaNeutralContract.conId",
        "deltaNeutralContract.delta",
        "deltaNeutralContract.price",
    ),
)

SCALE: tuple[Step, ...] = (
    "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement",
    when(
        positive("scalePriceIncrement"),
        "scalePriceAdjustValue", "scalePriceAdjustInterval", "scaleProfitOffset", "scaleAutoReset",
        "scaleInitPosition", "scaleInitFillQty", "scaleRandomPercent",
    ),
)  # fmt: skip
HEDGE: tuple[Step, ...] = ("hedgeType", when(given("hedgeType"), "hedgeParam"))
ALGO: tuple[Step, ...] = ("algoStrategy", when(given("algoStrategy"), listed("algoParams", *TAG_VALUE)))
PEG_BENCH: Step = when(
    holds("orderType", "PEG BENCH", "PEGBENCH"),
    "referenceContractId", "isPeggedChangeAmountDecrease", "peggedChangeAmount", "referenceChangeAmount",
    "referenceExchangeId",
)  # fmt: skip

CONDITIONS: tuple[Step, ...] = (
    listed(
        "conditions",
        "type",
        "conjunction",
        when(holds("type", "1"), "isMore", "price", "conId", "exchange", "triggerMethod"),
        when(holds("type", "3"), "isMore", "time"),
        when(holds("type", "4"), "isMore", "percent"),
        when(holds("type", "5"), "secType", "exchange", "symbol"),
        when(holds("type", "6"), "isMore", "volume", "conId", "exchange"),
        when(holds("type", "7"), "isMore", "changePercent", "conId", "exchange"),
    ),
    when(positive("conditions"), "conditionsIgnoreRth", "conditionsCancelOrder"),
)
