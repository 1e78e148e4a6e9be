"""One function a control; the numbers are those of spec/safety.md section 3.

A control returns the Refusal it found or None. It never raises for what it judges and never
looks at anything but its arguments. What a later edition adds is one more function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from apps.domain.identity import plain
from apps.domain.instruments import is_on_tick, nearest_ticks, tick_at
from apps.domain.mode import ProofState
from apps.domain.orders import OrderTicket, OrderType, Side
from apps.domain.risk.limits import MAX_PRICE, MAX_QUANTITY, MIN_PRICE, MIN_QUANTITY, Limits
from apps.domain.risk.snapshot import Snapshot, TradingStateName, open_quantity

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one control says no: its code, a sentence, and the two numbers that decided."""

    code: str
    detail: str
    limit: str = ""
    observed: str = ""
    nearest: tuple[str, ...] = ()


Rule = Callable[[OrderTicket, Snapshot, Limits], Refusal | None]


def trading_state(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R01: nothing while HALTED, only what shrinks the position while REDUCING."""
    if TradingStateName.HALTED in seen.states:
        return Refusal("TRADING_HALTED", "Trading is halted")
    if TradingStateName.REDUCING in seen.states and not shrinks(ticket, seen):
        return Refusal("TRADING_REDUCING", "Only orders that shrink a position pass")
    return None


def mode_proof(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R02: the mode was proven in this broker session."""
    if seen.proof is ProofState.PROVEN:
        return None
    return Refusal("MODE_MISMATCH", f"The mode is {seen.proof}", limit="proven", observed=seen.proof)


def instrument_and_type(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R04: stocks only, and only the order types and times that are switched on."""
    if seen.instrument.sec_type != "STK":
        return Refusal("RISK_INSTRUMENT", f"{seen.instrument.sec_type} is switched off", "STK")
    for word, allowed in (
        (ticket.order_type, limits.order_types),
        (ticket.time_in_force, limits.times_in_force),
    ):
        if word not in allowed:
            return Refusal("RISK_ORDER_TYPE", f"{word} is switched off", ", ".join(allowed), word)
    if ticket.outside_rth and not limits.outside_rth_allowed:
        return Refusal("RISK_ORDER_TYPE", "Trading outside regular hours is switched off")
    return None


def envelope(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R05: the absolute bounds that no setting moves."""
    if not MIN_QUANTITY <= ticket.quantity <= MAX_QUANTITY or ticket.quantity % 1:
        return Refusal("VALIDATION_RANGE", f"Quantity {plain(ticket.quantity)} is out of range")
    for price in (ticket.limit_price, ticket.stop_price):
        if price is not None and not MIN_PRICE <= price <= MAX_PRICE:
            return Refusal("VALIDATION_RANGE", f"Price {plain(price)} is out of range")
    return None


def max_quantity(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R06: shares of one order."""
    if ticket.quantity <= limits.max_quantity:
        return None
    return _over("RISK_MAX_QTY", "Quantity", ticket.quantity, limits.max_quantity)


def max_notional(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R07: the value of one order, rounded up."""
    value = notional(ticket, seen, limits)
    if value is None or value <= limits.max_notional:
        return None
    return _over("RISK_MAX_NOTIONAL", "Notional", value, limits.max_notional)


def price_collar(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R08: limit and stop within their distance of the reference price."""
    if seen.reference is None:
        return None
    if ticket.limit_price is not None:
        over = (ticket.limit_price - seen.reference) * ticket.side.sign
        allowed = limits.aggressive_collar if over > 0 else limits.passive_collar
        refusal = _collar("Limit", ticket.limit_price, seen.reference, allowed)
        if refusal is not None:
            return refusal
    if ticket.stop_price is not None:
        return _collar("Stop", ticket.stop_price, seen.reference, limits.stop_collar)
    return None


def quote_freshness(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R09: a reference price, young enough, of live data where live data is asked for."""
    if seen.reference is None or seen.quote_age_s is None:
        return Refusal("RISK_STALE_QUOTE", "There is no price to judge the order by")
    if seen.is_halted_at_exchange:
        return Refusal("RISK_STALE_QUOTE", "The instrument is halted at its exchange")
    if limits.live_data_only and not seen.quote_is_live:
        return Refusal("RISK_STALE_QUOTE", "The quote is not live data")
    if seen.quote_age_s > limits.max_quote_age_s:
        return _over("RISK_STALE_QUOTE", "Quote age in seconds", seen.quote_age_s, limits.max_quote_age_s)
    return None


def tick_and_lot(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R10: prices on the grid of the market rule, quantity in whole lots."""
    for price in (ticket.limit_price, ticket.stop_price):
        if price is None:
            continue
        tick = tick_at(price, seen.instrument.tick_rules, default=seen.instrument.min_tick)
        if tick > 0 and not is_on_tick(price, tick):
            near = tuple(plain(edge) for edge in nearest_ticks(price, tick))
            return Refusal(
                "RISK_TICK_SIZE",
                f"{plain(price)} is between ticks. Nearest: {near[0]} and {near[1]}",
                plain(tick),
                plain(price),
                near,
            )
    if seen.instrument.lot_size > 0 and ticket.quantity % seen.instrument.lot_size:
        return Refusal("RISK_LOT_SIZE", f"Quantity is no multiple of {plain(seen.instrument.lot_size)}")
    return None


def max_open_orders(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R11: orders of the account that are not closed, those in doubt included."""
    if seen.not_closed < limits.max_open_orders:
        return None
    return _over(
        "RISK_MAX_OPEN_ORDERS",
        "Orders not closed",
        Decimal(seen.not_closed + 1),
        Decimal(limits.max_open_orders),
    )


def duplicate(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R14: the same order from the same caller inside the window."""
    if not seen.earlier_duplicate:
        return None
    return Refusal(
        "RISK_DUPLICATE_ORDER",
        f"Same order as {seen.earlier_duplicate}, less than {limits.duplicate_window_s} s ago",
        str(limits.duplicate_window_s),
        seen.earlier_duplicate,
    )


def max_position(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R16: the worst case of position and open orders after this one, in shares."""
    if shrinks(ticket, seen):
        return None
    open_same_side = open_quantity(seen.same_instrument, ticket.side)
    after = abs(seen.position_most + ticket.side.sign * (open_same_side + ticket.quantity))
    if after <= limits.max_position:
        return None
    return _over("RISK_MAX_POSITION", "Worst-case position", after, limits.max_position)


def short_sale(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    """R18: sell no more than is held and not already being sold."""
    if ticket.side is Side.BUY or limits.short_sale_allowed:
        return None
    free = seen.position - open_quantity(seen.same_instrument, Side.SELL)
    if ticket.quantity <= free:
        return None
    return _over("RISK_SHORT_NOT_ALLOWED", "Quantity", ticket.quantity, max(free, Decimal(0)))


RULES: tuple[Rule, ...] = (
    trading_state,
    mode_proof,
    instrument_and_type,
    envelope,
    max_quantity,
    quote_freshness,
    max_notional,
    price_collar,
    tick_and_lot,
    max_open_orders,
    duplicate,
    max_position,
    short_sale,
)

#: A leg of a bracket trades only what its parent filled, so what looks at the position today
#: would judge it by the wrong one; its size and side are checked against the parent instead.
LEG_RULES: tuple[Rule, ...] = tuple(
    rule for rule in RULES if rule not in {duplicate, max_position, short_sale}
)


def shrinks(ticket: OrderTicket, seen: Snapshot) -> bool:
    """Tell whether the order can only bring the position nearer to zero, never across it."""
    if seen.position * ticket.side.sign >= 0:
        return False
    already = open_quantity(seen.same_instrument, ticket.side)
    return ticket.quantity + already <= abs(seen.position)


def notional(ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Decimal | None:
    """Return the order's value in the instrument's currency, rounded up to the cent (R07).

    A buy limit counts at its limit, a sell limit at the dearer of limit and reference; market
    and stop orders at the reference plus the collar. None without a reference to value by.
    """
    price = ticket.limit_price if ticket.order_type is OrderType.LIMIT else None
    if price is not None and ticket.side is Side.SELL and seen.reference is not None:
        price = max(price, seen.reference)
    if price is None and seen.reference is not None:
        price = seen.reference * (1 + limits.aggressive_collar)
    return None if price is None else (ticket.quantity * price).quantize(_CENT, ROUND_CEILING)


def _collar(name: str, price: Decimal, reference: Decimal, allowed: Decimal) -> Refusal | None:
    distance = abs(price - reference) / reference
    if distance <= allowed:
        return None
    percent = (distance * 100).quantize(_CENT, ROUND_CEILING)
    return Refusal(
        "RISK_PRICE_COLLAR",
        f"{name} {plain(price)} is {percent} % from {plain(reference)}, allowed: {plain(allowed * 100)} %",
        plain(allowed * 100),
        plain(percent),
    )


def _over(code: str, what: str, observed: Decimal, limit: Decimal) -> Refusal:
    return Refusal(
        code, f"{what} {plain(observed)} is over the limit {plain(limit)}", plain(limit), plain(observed)
    )
