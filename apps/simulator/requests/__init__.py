"""The table of requests: message id → the function that answers it.

Each module of this package answers for one noun and brings its own rows. A request in no
row is answered with an error, never with silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.requests import (
    account,
    contracts,
    depth,
    executions,
    histogram,
    history,
    market_data,
    news,
    option_calculations,
    orders,
    pnl,
    real_time_bars,
    reference,
    scanner,
    system,
    ticks,
)
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import BadField, Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

REQUESTS: dict[int, Handler] = {
    **system.REQUESTS,
    **market_data.REQUESTS,
    **contracts.REQUESTS,
    **orders.REQUESTS,
    **executions.REQUESTS,
    **account.REQUESTS,
    **pnl.REQUESTS,
    **history.REQUESTS,
    **real_time_bars.REQUESTS,
    **ticks.REQUESTS,
    **histogram.REQUESTS,
    **depth.REQUESTS,
    **option_calculations.REQUESTS,
    **news.REQUESTS,
    **scanner.REQUESTS,
    **reference.REQUESTS,
}


def refuse_unknown(session: ClientSession, message_id: int, fields: Fields) -> None:
    """Answer a request the simulator does not play."""
    try:
        request_id = fields.integer(default=-1)
    except BadField:
        request_id = -1
    text = f"Error validating request:-the simulator does not play request {message_id}"
    session.send_error(request_id, 321, text)
