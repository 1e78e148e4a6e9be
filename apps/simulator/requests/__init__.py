"""The table of requests: message id → the function that answers it.

Each module of this package answers for one noun and brings its own rows. A request in no
row is answered with an error, never with silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.requests import account, contracts, history, market_data, orders, pnl, system
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import BadField, Fields

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

REQUESTS: dict[int, Handler] = {
    **system.REQUESTS,
    **market_data.REQUESTS,
    **contracts.REQUESTS,
    **orders.REQUESTS,
    **account.REQUESTS,
    **pnl.REQUESTS,
    **history.REQUESTS,
}

# Requests not played yet: fields before the request id (None: it has no id), and the code that fits.
_NOT_PLAYED: dict[int, tuple[int | None, int, str]] = {
    10: (1, 10092, "Deep market data is not supported for this combination of security type/exchange"),
    11: (1, 310, "Can't find the subscribed market depth"),
    22: (0, 162, "Historical Market Data Service error message:the simulator plays no scanner"),
    23: (1, 365, "No scanner subscription found for ticker id"),
    50: (1, 420, "Invalid Real-time Query:the simulator plays no real-time bars"),
    51: (1, 300, "Can't find EId with tickerId"),
    52: (1, 430, "The fundamentals data for the security specified is not available"),
    96: (0, 10187, "Failed to request historical ticks: not played by the simulator"),
    97: (0, 10189, "Failed to request tick-by-tick data: not played by the simulator"),
    98: (0, 300, "Can't find EId with tickerId"),
    100: (0, 10276, "News feed is not allowed."),
    102: (0, 10276, "News feed is not allowed."),
    12: (None, 321, ""),
    13: (None, 321, ""),
    18: (None, 321, ""),
    19: (None, 321, ""),
    24: (None, 321, ""),
    80: (None, 321, ""),
    82: (None, 321, ""),
    85: (None, 321, ""),
}
_WITH_VERSION_FIELD = frozenset({21, 53, 54, 55, 56, 57, 65, 66, 67, 68, 69, 70})


def refuse_unknown(session: ClientSession, message_id: int, fields: Fields) -> None:
    """Answer a request the simulator does not play."""
    before_id = 1 if message_id in _WITH_VERSION_FIELD else 0
    skipped, code, text = _NOT_PLAYED.get(message_id, (before_id, 321, ""))
    request_id = -1
    if skipped is not None:
        try:
            fields.skip(skipped)
            request_id = fields.integer(default=-1)
        except BadField:
            request_id = -1
    text = text or f"Error validating request:-the simulator does not play request {message_id}"
    session.send_error(request_id, code, text)
