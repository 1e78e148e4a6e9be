"""The long messages about orders: placeOrder as read, openOrder, completedOrder, execution.

Each layout is a table of field names in wire order; a step may be bound to a range of
server versions or be a group that is present only under a condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.clock import eastern_text
from apps.simulator.contract_messages import contract_fields
from apps.simulator.messages import PRICE_REVISION, Message, Out
from apps.simulator.orders import Execution, Order
from apps.simulator.universe import Instrument, instrument_of
from apps.simulator.wire import UNSET_DOUBLE, UNSET_INT, Fields, number_of, number_text

FOREVER = 1_000_000
UNSET_LONG = "9223372036854775807"
_UNSET = frozenset({UNSET_INT, UNSET_LONG, "170141183460469231731687303715884105727"})
_LEG8 = (
    "conId",
    "ratio",
    "action",
    "exchange",
    "openClose",
    "shortSaleSlot",
    "designatedLocation",
    "exemptCode",
)
_CONDITION_LENGTH = {"1": 5, "3": 2, "4": 2, "5": 3, "6": 4, "7": 4}

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Since:
    """Fields that exist from one server version up to, not including, another."""

    version: int
    names: tuple[str, ...]
    until: int = FOREVER


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that are present only if `applies`; `read` consumes them."""

    applies: Callable[[Values], bool]
    read: Callable[[Fields, Values], None]


Step = str | Since | Group


def _fields(*names: str) -> Callable[[Fields, Values], None]:
    def read(fields: Fields, values: Values) -> None:
        for name in names:
            values[name] = _read_text(fields)

    return read


def _counted(name: str, width: int) -> Callable[[Fields, Values], None]:
    def read(fields: Fields, values: Values) -> None:
        count = fields.integer()
        values[name] = str(count)
        fields.skip(count * width)

    return read


def _read_bag(fields: Fields, values: Values) -> None:
    for name, width in (("legCount", len(_LEG8)), ("legPriceCount", 1), ("smartParamCount", 2)):
        _counted(name, width)(fields, values)


def _read_conditions(fields: Fields, values: Values) -> None:
    for _ in range(int(values["conditionsCount"])):
        fields.skip(_CONDITION_LENGTH[fields.text()] + 1)
    _fields("conditionsIgnoreRth", "conditionsCancelOrder")(fields, values)


def _read_peg_best(fields: Fields, values: Values) -> None:
    _fields("minCompeteSize", "competeAgainstBestOffset")(fields, values)
    if values["competeAgainstBestOffset"].startswith("Infinit"):
        _fields("midOffsetAtWhole", "midOffsetAtHalf")(fields, values)


def _positive(name: str) -> Callable[[Values], bool]:
    return lambda values: (number_of(values[name]) or 0) > 0


def _given(name: str) -> Callable[[Values], bool]:
    return lambda values: values[name] != ""


def _is(name: str, *wanted: str) -> Callable[[Values], bool]:
    return lambda values: values[name].upper() in wanted


_DN_FIELDS = (
    "dnConId", "dnSettlingFirm", "dnClearingAccount", "dnClearingIntent",
    "dnOpenClose", "dnShortSale", "dnShortSaleSlot", "dnDesignatedLocation",
)  # fmt: skip
_SCALE_FIELDS = (
    "scalePriceAdjustValue", "scalePriceAdjustInterval", "scaleProfitOffset",
    "scaleAutoReset", "scaleInitPosition", "scaleInitFillQty", "scaleRandomPercent",
)  # fmt: skip
_PEG_BENCH_FIELDS = (
    "referenceContractId", "isPeggedChangeAmountDecrease", "peggedChangeAmount",
    "referenceChangeAmount", "referenceExchangeId",
)  # fmt: skip
_OFFSETS = (
    "minTradeQty",
    "minCompeteSize",
    "competeAgainstBestOffset",
    "midOffsetAtWhole",
    "midOffsetAtHalf",
)

PLACE_ORDER: tuple[Step, ...] = (
    "orderId", "conId", "symbol", "secType", "expiry", "strike", "right", "multiplier", "exchange",
    "primaryExchange", "currency", "localSymbol", "tradingClass", "secIdType", "secId",
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "transmit", "parentId", "blockOrder", "sweepToFill", "displaySize",
    "triggerMethod", "outsideRth", "hidden",
    Group(_is("secType", "BAG"), _read_bag),
    "sharesAllocation", "discretionaryAmt", "goodAfterTime", "goodTillDate",
    "faGroup", "faMethod", "faPercentage", Since(0, ("faProfile",), until=177), "modelCode",
    "shortSaleSlot", "designatedLocation", "exemptCode", "ocaType", "rule80A", "settlingFirm",
    "allOrNone", "minQty", "percentOffset", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "auctionStrategy",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper",
    "overridePercentageConstraints", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice",
    Group(_given("deltaNeutralOrderType"), _fields(*_DN_FIELDS)),
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent",
    "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement",
    Group(_positive("scalePriceIncrement"), _fields(*_SCALE_FIELDS)),
    "scaleTable", "activeStartTime", "activeStopTime",
    "hedgeType", Group(_given("hedgeType"), _fields("hedgeParam")),
    "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld",
    "dncFlag", Group(_is("dncFlag", "1", "TRUE"), _fields("dncConId", "dncDelta", "dncPrice")),
    "algoStrategy", Group(_given("algoStrategy"), _counted("algoParamCount", 2)),
    "algoId", "whatIf", "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice",
    Group(_is("orderType", "PEG BENCH", "PEGBENCH"), _fields(*_PEG_BENCH_FIELDS)),
    "conditionsCount", Group(_positive("conditionsCount"), _read_conditions),
    "adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice",
    "adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator", "softDollarName", "softDollarValue",
    "cashQty", "mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader", "mifid2ExecutionAlgo",
    "dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo",
    Since(158, ("duration",)), Since(160, ("postToAts",)), Since(162, ("autoCancelParent",)),
    Since(166, ("advancedErrorOverride",)), Since(169, ("manualOrderTime",)),
)  # fmt: skip
PLACE_ORDER_SINCE_170: tuple[Step, ...] = (
    Group(_is("exchange", "IBKRATS"), _fields("minTradeQty")),
    Group(_is("orderType", "PEG BEST", "PEGBEST"), _read_peg_best),
    Group(_is("orderType", "PEG MID", "PEGMID"), _fields("midOffsetAtWhole", "midOffsetAtHalf")),
)

OPEN_ORDER: tuple[str | Since, ...] = (
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "clientId", "permId", "outsideRth", "hidden", "discretionaryAmt",
    "goodAfterTime", "sharesAllocation", "faGroup", "faMethod", "faPercentage",
    Since(0, ("faProfile",), until=177), "modelCode", "goodTillDate", "rule80A", "percentOffset",
    "settlingFirm", "shortSaleSlot", "designatedLocation", "exemptCode", "auctionStrategy",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize",
    "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType", "eTradeOnly", "firmQuoteOnly",
    "nbboPriceCap", "parentId", "triggerMethod", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice", *_DN_FIELDS, "continuousUpdate", "referencePriceType",
    "trailStopPrice", "trailingPercent", "basisPoints", "basisPointsType", "comboLegsDescrip",
    "legCount", "legPriceCount", "smartParamCount", "scaleInitLevelSize", "scaleSubsLevelSize",
    "scalePriceIncrement", "hedgeType", "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld",
    "dncFlag", "algoStrategy", "solicited", "whatIf", "status",
    "initMarginBefore", "maintMarginBefore", "equityWithLoanBefore",
    "initMarginChange", "maintMarginChange", "equityWithLoanChange",
    "initMarginAfter", "maintMarginAfter", "equityWithLoanAfter",
    "commission", "minCommission", "maxCommission", "commissionCurrency", "warningText",
    "randomizeSize", "randomizePrice", "conditionsCount", "adjustedOrderType", "triggerPrice",
    "adjustedTrailStopPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice",
    "adjustedTrailingAmount", "adjustableTrailingUnit", "softDollarName", "softDollarValue",
    "softDollarDisplayName", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer",
    "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", Since(158, ("duration",)), Since(160, ("postToAts",)),
    Since(162, ("autoCancelParent",)), Since(170, _OFFSETS),
)  # fmt: skip

COMPLETED_ORDER: tuple[str | Since, ...] = (
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account",
    "openClose", "origin", "orderRef", "permId", "outsideRth", "hidden", "discretionaryAmt", "goodAfterTime",
    "faGroup", "faMethod", "faPercentage", Since(0, ("faProfile",), until=177), "modelCode", "goodTillDate",
    "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot", "designatedLocation", "exemptCode",
    "startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize",
    "sweepToFill", "allOrNone", "minQty", "ocaType", "triggerMethod", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice",
    "dnConId", "dnShortSale", "dnShortSaleSlot", "dnDesignatedLocation",
    "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", "comboLegsDescrip",
    "legCount", "legPriceCount", "smartParamCount", "scaleInitLevelSize", "scaleSubsLevelSize",
    "scalePriceIncrement", "hedgeType", "clearingAccount", "clearingIntent", "notHeld", "dncFlag",
    "algoStrategy", "solicited", "status", "randomizeSize", "randomizePrice", "conditionsCount",
    "adjustedTrailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer",
    "autoCancelDate", "filledQuantity", "refFuturesConId", "autoCancelParent", "shareholder",
    "imbalanceOnly", "routeMarketableToBbo", "parentPermId", "completedTime", "completedStatus",
    Since(170, _OFFSETS),
)  # fmt: skip

# What the real gateway writes where an order says nothing; everything else is empty.
_SILENT: Values = {
    **dict.fromkeys(("lmtPrice", "auxPrice"), "0.0"),
    **dict.fromkeys(
        (
            "origin", "outsideRth", "hidden", "discretionaryAmt", "shortSaleSlot", "auctionStrategy",
            "blockOrder", "sweepToFill", "allOrNone", "eTradeOnly", "firmQuoteOnly", "parentId",
            "triggerMethod", "volatilityType", "dnConId", "dnShortSale", "dnShortSaleSlot",
            "continuousUpdate", "referencePriceType", "legCount", "legPriceCount", "smartParamCount",
            "optOutSmartRouting", "notHeld", "dncFlag", "solicited", "whatIf", "randomizeSize",
            "randomizePrice", "conditionsCount", "adjustableTrailingUnit", "cashQty", "isOmsContainer",
            "discretionaryUpToLimitPrice", "usePriceMgmtAlgo", "autoCancelParent", "imbalanceOnly",
            "routeMarketableToBbo", "filledQuantity",
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


def read_place_order(fields: Fields, version: int) -> Values:
    """Return the fields of a placeOrder by name; every spelling of "unset" becomes empty."""
    values: Values = {}
    steps = PLACE_ORDER + (PLACE_ORDER_SINCE_170 if version >= 170 else ())
    for step in steps:
        match step:
            case str():
                values[step] = _read_text(fields)
            case Since():
                if step.version <= version < step.until:
                    _fields(*step.names)(fields, values)
            case Group():
                if step.applies(values):
                    step.read(fields, values)
    return values


def _read_text(fields: Fields) -> str:
    text = fields.text()
    return "" if text in _UNSET or text.startswith("1.797693") else text


def _write(layout: tuple[str | Since, ...], values: Values, version: int) -> Message:
    message: Message = []
    for step in layout:
        if isinstance(step, str):
            message.append(values.get(step) or _SILENT.get(step, ""))
        elif step.version <= version < step.until:
            message.extend(values.get(name) or _SILENT.get(name, "") for name in step.names)
    return message


def _price(order: Order, price: float | None) -> str:
    return "0.0" if price is None else f"{price:.{_instrument(order).decimals}f}"


def _echo(order: Order) -> Values:
    """Return the order's fields as the gateway tells them back."""
    return {
        **order.terms,
        "action": order.action,
        "totalQuantity": number_text(order.quantity),
        "orderType": order.kind,
        "lmtPrice": _price(order, order.limit_price),
        "auxPrice": _price(order, order.aux_price),
        "tif": order.tif,
        "account": order.account,
        "openClose": "",
        "orderRef": order.order_ref,
        "clientId": str(order.client_id),
        "permId": str(order.perm_id),
        "ocaGroup": order.oca_group,
        "ocaType": str(order.oca_type) if order.oca_type else "",
        "parentId": str(order.parent_id),
        "status": order.status,
        "deltaNeutralOrderType": "",
        "sharesAllocation": "",
    }


def _instrument(order: Order) -> Instrument:
    return instrument_of(order.con_id)


def open_order(version: int, order: Order, *, preview: Values | None = None) -> Message:
    """Return message 5. `preview` holds the margin fields of a what-if."""
    values = _echo(order)
    values["sharesAllocation"] = f"{order.perm_id}.0/{order.account}/{number_text(order.quantity)}"
    if order.commission:
        values |= {"commission": number_text(order.commission), "commissionCurrency": "USD"}
    values |= preview or {}
    contract = contract_fields(_instrument(order), exchange=order.exchange, strike="0", right="?")
    return [Out.OPEN_ORDER, order.order_id, *contract, *_write(OPEN_ORDER, values, version)]


def completed_order(version: int, order: Order, *, parent_perm_id: int | None) -> Message:
    values = _echo(order) | {
        "filledQuantity": number_text(order.filled),
        "completedTime": eastern_text(order.completed_at),
        "completedStatus": order.completed_status,
        "parentPermId": str(parent_perm_id) if parent_perm_id else "",
    }
    contract = contract_fields(_instrument(order), exchange=order.exchange, strike="0", right="?")
    return [Out.COMPLETED_ORDER, *contract, *_write(COMPLETED_ORDER, values, version)]


def order_status(order: Order) -> Message:
    return [
        Out.ORDER_STATUS,
        order.order_id,
        order.status,
        order.filled,
        order.remaining,
        order.average_price,
        order.perm_id,
        order.parent_id,
        order.last_fill_price,
        order.client_id,
        order.why_held,
        "0.0",
    ]


def execution(version: int, request_id: int, fill: Execution) -> Message:
    """Return message 11: exactly 31 fields below 178, or ib_insync loses the fill."""
    instrument = instrument_of(fill.con_id)
    message: Message = [
        Out.EXECUTION,
        request_id,
        fill.order_id,
        *contract_fields(instrument, exchange=fill.exchange),
        fill.exec_id,
        eastern_text(fill.at),
        fill.account,
        fill.exchange,
        fill.side,
        fill.shares,
        f"{fill.price:.{instrument.decimals}f}",
        fill.perm_id,
        fill.client_id,
        0,
        fill.cumulative,
        fill.average_price,
        fill.order_ref,
        "",
        "",
        "",
        fill.liquidity,
    ]
    return [*message, False] if version >= PRICE_REVISION else message
