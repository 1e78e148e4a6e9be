"""Requests to compute an option: its volatility from a price, its price from a volatility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.market.option_computations import (
    MOST_VOLATILITY,
    Computation,
    from_price,
    from_volatility,
)
from apps.simulator.protocol.data_messages import option_computation
from apps.simulator.protocol.messages import In
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.tick_types import Tick
from apps.simulator.wire import Fields, number_of

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

VOLATILITIES, PRICES = "implied volatility", "option price"
# A number outside of these is no price of anything, and the model could not reckon with it.
_LEAST, _MOST_PRICE = 1e-6, 1e9


class Calculated(Stream):
    """A calculation that was answered: it holds its id until it is cancelled."""


def _calculate(kind: str) -> Handler:
    def answer(session: ClientSession, fields: Fields) -> None:
        fields.skip()
        request_id = fields.integer()
        asked = read_contract(fields)
        value, spot = number_of(fields.text()), number_of(fields.text())
        fields.skip(fields.left)
        if session.has_stream(kind, request_id):
            session.send_error(request_id, 102, "Duplicate ticker ID.")
            return
        option = find_or_refuse(session, request_id, asked)
        if option is None:
            return
        found = _computed(kind, option, value, spot, at=session.venue.clock.epoch())
        if found is None:
            text = f"Error validating request:-the {kind} cannot be calculated from this"
            session.send_error(request_id, 321, text)
            return
        session.open_stream(kind, request_id, Calculated())
        session.send(option_computation(request_id, Tick.CUSTOM_OPTION, found))

    return answer


def _computed(
    kind: str, option: Instrument, value: float | None, spot: float | None, *, at: float
) -> Computation | None:
    """Return what was asked for, or None if it was asked of no option or with impossible figures."""
    most = MOST_VOLATILITY if kind == PRICES else _MOST_PRICE
    if not option.is_option or value is None or spot is None:
        return None
    if not (_LEAST <= value <= most and _LEAST <= spot <= _MOST_PRICE):
        return None
    if kind == PRICES:
        return from_volatility(option, value, spot=spot, at=at)
    return from_price(option, price=value, spot=spot, at=at)


def _cancel(kind: str) -> Handler:
    def answer(session: ClientSession, fields: Fields) -> None:
        fields.skip()
        request_id = fields.integer()
        if not session.close_stream(kind, request_id):
            session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")

    return answer


REQUESTS: dict[int, Handler] = {
    In.CALCULATE_IMPLIED_VOLATILITY: _calculate(VOLATILITIES),
    In.CALCULATE_OPTION_PRICE: _calculate(PRICES),
    In.CANCEL_IMPLIED_VOLATILITY: _cancel(VOLATILITIES),
    In.CANCEL_OPTION_PRICE: _cancel(PRICES),
}
