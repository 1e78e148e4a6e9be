"""What the kind, the life time and the attributes of an order must be, with IB's codes.

Rules look and answer, like those of admission.py, which asks them first.
"""

from __future__ import annotations

from apps.simulator.exchange import algos
from apps.simulator.exchange.conditions import fault_of, read_conditions
from apps.simulator.exchange.kinds import KINDS
from apps.simulator.exchange.lifetimes import CLOSING_CUTOFF_S, TIFS, end_of, is_for_closing, is_for_opening
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.refusals import Admission, Refusal, Rule, invalid, rejection
from apps.simulator.instruments.hours import session_at
from apps.simulator.instruments.universe import instrument_of, known_instrument
from apps.simulator.time_texts import BadTime, epoch_of
from apps.simulator.wire import BadField

_WRONG_TIME = (
    "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xxx where "
    "yyyymmdd and xxx are optional. E.g.: 20031126 15:59:00 EST. Note that there is a space between the date "
    "and time, and between the time and time-zone. If no date is specified, current date is assumed. If no "
    "time-zone is specified, local time-zone is assumed."
)
_UNSUPPORTED = "Unsupported order type for this exchange and security type."
_OPENING_KINDS = ("MKT", "LMT", "MTL")
_ADJUSTABLE = ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT")
# Pair, beta and currency hedges follow from prices; a delta hedge needs a model of its parent.
_HEDGES = ("P", "B", "F")


def readable(asked: Admission) -> Refusal | None:
    """Refuse terms that hold no number where one belongs."""
    try:
        _ = asked.order.asks
        _ = read_conditions(asked.order.asks.conditions)
    except BadField as error:
        return invalid(str(error))
    return None


def known_kind(asked: Admission) -> Refusal | None:
    order = asked.order
    kind = KINDS.get(order.kind)
    sec_type = instrument_of(order.con_id).sec_type
    if kind is None or not kind.is_played or (kind.sec_types and sec_type not in kind.sec_types):
        return Refusal(387, _UNSUPPORTED)
    return None


def known_tif(asked: Admission) -> Refusal | None:
    order = asked.order
    if order.tif not in TIFS:
        return Refusal(10052, f"Invalid time in force:{order.tif}")
    if is_for_closing(order) and order.tif != "DAY":
        return Refusal(113, "The Tif option should be set to DAY for MOC and LOC orders.")
    if is_for_opening(order) and order.kind not in _OPENING_KINDS:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if order.tif in ("IOC", "FOK") and (order.nature.is_stop or order.nature.is_pegged):
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    return None


def sound_times(asked: Admission) -> Refusal | None:
    order, asks = asked.order, asked.order.asks
    if order.tif == "GTD" and not asks.good_till:
        return Refusal(334, "Invalid Good Till Date order")
    try:
        if order.tif == "GTD" and end_of(order, asked.hours) <= asked.now:
            return Refusal(334, "Invalid Good Till Date order")
        if asks.good_after:
            epoch_of(asks.good_after, now=asked.now)
    except BadTime:
        return Refusal(337, _WRONG_TIME)
    return None


def in_time_for_auction(asked: Admission) -> Refusal | None:
    order = asked.order
    if is_for_opening(order) and session_at(asked.hours, asked.now) is not None:
        return rejection("It is too late for the opening auction of this session.")
    if is_for_closing(order):
        session = session_at(asked.hours, asked.now)
        if session is not None and asked.now >= session.end - CLOSING_CUTOFF_S:
            return rejection("It is too late to submit an order for the close.")
    return None


def sound_attributes(asked: Admission) -> Refusal | None:
    order, asks = asked.order, asked.order.asks
    if asks.display_size and asks.discretionary:
        return Refusal(
            157,
            "An order can be EITHER Iceberg or Discretionary. Please remove either the Discretionary amount "
            "or the Display size.",
        )
    if asks.discretionary and order.kind not in ("LMT", "REL", "STP LMT"):
        return Refusal(
            325, "Discretionary orders are not supported for this combination of exchange and order type."
        )
    if asks.hidden and order.nature.is_market:
        return Refusal(152, 'The "hidden" order attribute may not be specified for this order.')
    if asks.outside_rth and (is_for_closing(order) or is_for_opening(order)):
        return Refusal(411, 'The "Outside Regular Trading Hours" flag is not valid for this order.')
    if asks.percent_offset > 1:
        return Refusal(159, "The percent offset value must be between 0% and 100%.")
    return _refusal_of_offset(order)


def _refusal_of_offset(order: Order) -> Refusal | None:
    asks = order.asks
    if order.nature.trails and not order.aux_price and not asks.trailing_percent:
        return Refusal(403, "Invalid stop price.")
    if order.kind == "TRAIL LIMIT" and order.limit_price is None and asks.limit_offset is None:
        return invalid("Please enter a limit price or a limit price offset")
    if order.kind == "REL" and order.aux_price is None and not asks.percent_offset:
        return Refusal(158, "You must specify an offset amount or a percent offset value.")
    if order.kind == "PEG BENCH":
        bench = asks.benchmark
        if bench is None or known_instrument(bench.con_id) is None or not bench.starting_price:
            return invalid("The reference contract or the starting price of a pegged order is missing")
    return None


def sound_adjustment(asked: Admission) -> Refusal | None:
    order, wanted = asked.order, asked.order.asks.adjusted
    if wanted is None:
        return None
    if wanted.kind not in _ADJUSTABLE or not order.nature.is_stop:
        return Refusal(387, _UNSUPPORTED)
    if wanted.stop_price is None:
        return Refusal(362, "Invalid adjusted stop price.")
    if wanted.kind in ("STP LMT", "TRAIL LIMIT") and wanted.limit_price is None:
        return Refusal(363, "Invalid adjusted stop limit price.")
    if KINDS[wanted.kind].trails and wanted.trailing_amount is None:
        return Refusal(364, "Invalid adjusted trailing amount.")
    return None


def sound_conditions(asked: Admission) -> Refusal | None:
    for one in read_conditions(asked.order.asks.conditions):
        try:
            fault = fault_of(one, now=asked.now)
        except BadTime:
            return Refusal(337, _WRONG_TIME)
        except BadField as error:
            return invalid(str(error))
        if fault:
            return Refusal(147, fault)
    return None


def sound_algo(asked: Admission) -> Refusal | None:
    order = asked.order
    if not order.asks.algo:
        return None
    strategy = algos.strategy_named(order.asks.algo, instrument_of(order.con_id).sec_type)
    if strategy is None:
        return Refusal(439, "Order processing failed. Algorithm definition not found")
    if order.kind not in ("MKT", "LMT"):
        return Refusal(442, "Specified algorithm is not allowed for this order.")
    if order.asks.display_size:
        return Refusal(10023, "The 'Display Size' order attribute may not be specified for this order.")
    for name in algos.params_of(order):
        if name not in strategy.params:
            return Refusal(443, f"Order processing failed. Unknown algo attribute:{name}")
    try:
        fault = algos.fault_of(order, now=asked.now)
    except (BadField, BadTime) as error:
        fault = str(error)
    return Refusal(441, f"Algo attributes validation failed:{fault}") if fault else None


def sound_scale(asked: Admission) -> Refusal | None:
    order, scale = asked.order, asked.order.asks.scale
    if scale is None:
        return None
    if scale.increment < 0:
        return Refusal(408, "Invalid scale order increment.")
    if not scale.first_size:
        return Refusal(409, "Invalid scale order. You must specify order component size.")
    if order.kind != "LMT" or order.tif in ("IOC", "FOK"):
        return Refusal(387, _UNSUPPORTED)
    for name in ("scaleProfitOffset", "scaleAutoReset", "scalePriceAdjustValue", "scaleTable"):
        if order.terms.get(name, "").lower() not in ("", "0", "0.0", "false"):
            return rejection(f"the simulator does not play {name}")
    return None


def sound_hedge(asked: Admission) -> Refusal | None:
    order = asked.order
    if not order.asks.hedge:
        return None
    if not order.parent_id:
        return Refusal(10006, "Missing parent order 0.")
    if order.asks.hedge not in _HEDGES:
        return rejection(f"the simulator does not play hedgeType {order.asks.hedge}")
    return None


ORDER_RULES: tuple[Rule, ...] = (
    known_kind, readable, known_tif, sound_times, in_time_for_auction, sound_attributes, sound_adjustment,
    sound_conditions, sound_algo, sound_scale, sound_hedge,
)  # fmt: skip
