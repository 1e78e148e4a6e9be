"""Orders on combinations: their legs as they came, and the combination known again after a restart."""

from __future__ import annotations

from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.combos import BAG
from apps.simulator.instruments.hours import eastern_date
from apps.simulator.instruments.instrument import Leg
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.instruments.lookup import matching_instruments
from apps.simulator.layout import rows_of
from apps.simulator.order_layouts import LEG_WIDTH
from apps.simulator.wire import whole

# A short sale is told as a sale; where the shares come from is a field of its own.
_SALES = ("SSHORT", "SLONG")


def legs_of(text: str) -> tuple[Leg, ...]:
    """Return the legs of a combination from the list value of that name. Raises BadField."""
    return tuple(
        Leg(whole(con_id), whole(ratio), side_of(action), exchange)
        for con_id, ratio, action, exchange, *_ in rows_of(text, LEG_WIDTH)
    )


def remember_combo(order: Order) -> None:
    """Make the combination of a restored order known again; other orders are left alone."""
    legs = legs_of(order.terms.get("legs", ""))
    if legs:
        asked = AskedContract(sec_type=BAG, symbol=order.terms.get("symbol", ""), legs=legs)
        matching_instruments(asked, eastern_date(order.placed_at))


def side_of(action: str) -> str:
    """Return BUY or SELL for an action in any of its spellings, else the word as it came."""
    return "SELL" if action.upper() in _SALES else action.upper()
