"""The life of an order in words: ticket, statuses and their groups, the table of allowed moves.

The law is spec/orders.md section 2. What moves an order is decided elsewhere; here it is
only said which moves exist, so that an illegal one cannot be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Return the side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order's price is decided."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"

    @property
    def needs_limit(self) -> bool:
        """Tell whether a limit price is part of the order."""
        return self in {OrderType.LIMIT, OrderType.STOP_LIMIT}

    @property
    def needs_stop(self) -> bool:
        """Tell whether a stop price is part of the order."""
        return self in {OrderType.STOP, OrderType.STOP_LIMIT}


class TimeInForce(StrEnum):
    """How long the broker keeps an order working."""

    DAY = "DAY"
    GTC = "GTC"


class OrderStatus(StrEnum):
    """Where an order stands; the values are the words of API, database and screen."""

    PENDING_APPROVAL = "PENDING_APPROVAL"
    ACCEPTED = "ACCEPTED"
    IN_FLIGHT = "IN_FLIGHT"
    UNKNOWN = "UNKNOWN"
    WORKING = "WORKING"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    EXPIRED_UNSENT = "EXPIRED_UNSENT"
    CANCELLED_UNSENT = "CANCELLED_UNSENT"
    NOT_PLACED = "NOT_PLACED"


class Origin(StrEnum):
    """Who made an order: we, somebody in TWS, or we in a life we have no row of."""

    OWN = "OWN"
    EXTERNAL = "EXTERNAL"
    ORPHAN = "ORPHAN"


_S = OrderStatus

UNSENT = frozenset({_S.PENDING_APPROVAL, _S.ACCEPTED})
IN_DOUBT = frozenset({_S.IN_FLIGHT, _S.UNKNOWN})
OPEN = frozenset({_S.WORKING, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL})
CLOSED = frozenset(_S) - UNSENT - IN_DOUBT - OPEN
NOT_CLOSED = UNSENT | IN_DOUBT | OPEN

#: Statuses that need no broker to be final: the frame was never written.
NEVER_SENT = frozenset({_S.DENIED, _S.EXPIRED_UNSENT, _S.CANCELLED_UNSENT})

GROUPS: Mapping[str, frozenset[OrderStatus]] = {
    "unsent": UNSENT,
    "in_doubt": IN_DOUBT,
    "open": OPEN,
    "closed": CLOSED,
}

_SEEN_AT_BROKER = OPEN | {_S.FILLED, _S.CANCELLED, _S.REJECTED}

#: From -> to. A closed order that the broker contradicts is reopened only through
#: LATE_EVIDENCE, never through this table.
MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_APPROVAL: frozenset({_S.ACCEPTED, _S.DENIED, _S.CANCELLED_UNSENT, _S.EXPIRED_UNSENT}),
    _S.ACCEPTED: frozenset({_S.IN_FLIGHT, _S.DENIED, _S.CANCELLED_UNSENT, _S.EXPIRED_UNSENT}),
    _S.IN_FLIGHT: _SEEN_AT_BROKER | {_S.UNKNOWN, _S.EXPIRED_UNSENT},
    _S.UNKNOWN: _SEEN_AT_BROKER | {_S.NOT_PLACED},
    _S.WORKING: _SEEN_AT_BROKER | {_S.UNKNOWN},
    _S.PARTIALLY_FILLED: _SEEN_AT_BROKER | {_S.UNKNOWN},
    _S.PENDING_CANCEL: _SEEN_AT_BROKER | {_S.UNKNOWN},
}

#: Moves that only recorded broker evidence may make, each with an incident (I6, ST6). What our
#: rows say was never sent may be at the broker all the same: after a restore, or where a database
#: forgot its last commits.
LATE_EVIDENCE: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_APPROVAL: _SEEN_AT_BROKER,
    _S.ACCEPTED: _SEEN_AT_BROKER,
    _S.DENIED: _SEEN_AT_BROKER,
    _S.CANCELLED_UNSENT: _SEEN_AT_BROKER,
    _S.NOT_PLACED: _SEEN_AT_BROKER,
    _S.CANCELLED: frozenset({_S.WORKING, _S.PARTIALLY_FILLED, _S.FILLED}),
    _S.REJECTED: _SEEN_AT_BROKER,
    _S.EXPIRED_UNSENT: _SEEN_AT_BROKER,
    _S.FILLED: frozenset({_S.PARTIALLY_FILLED, _S.CANCELLED, _S.WORKING}),
}


def may_move(before: OrderStatus, after: OrderStatus) -> bool:
    """Tell whether an ordinary move exists."""
    return after in MOVES.get(before, frozenset())


def is_late_evidence(before: OrderStatus, after: OrderStatus) -> bool:
    """Tell whether only the broker's late word can make this move."""
    return after in LATE_EVIDENCE.get(before, frozenset())


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """The immutable request: what somebody asked us to trade.

    `symbol` is normalised; prices are per share in the instrument's currency; `expires_in_s`
    bounds the time from acceptance to the wire. `tag` is the caller's workflow word.
    """

    account: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    outside_rth: bool = False
    expires_in_s: int | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may write to the wire now: a connection's lease owner with its epoch and session."""

    connection: str
    owner: str
    epoch: int
    session: int
    client_id: int
    next_valid_id: int
