"""What the fault switches remember: a field for each verb that lasts, by the name of the verb.

A field that is false, empty or None is a switch that is off. Values only; what they do to
the wire stands in the modules of their nouns.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from apps.simulator.exchange.events import Event


@dataclass(frozen=True, slots=True)
class Until:
    """On until a time of the venue's clock."""

    at: float


@dataclass(slots=True)
class Refusal:
    """The next `left` requests of a kind are answered with this error."""

    code: int
    text: str
    left: int = 1


@dataclass(slots=True)
class Drop:
    """The socket closes when the `left`-th request of a kind comes."""

    message: int
    left: int
    reset: bool


@dataclass(frozen=True, slots=True)
class SlowWriting:
    """Bytes trickle to the client in pieces."""

    bytes_per_s: float
    piece: int


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the reply to the hello says instead of the truth."""

    version: str
    time: str


@dataclass(frozen=True, slots=True)
class Said:
    """A text that stands in the place of the true one; it may be empty."""

    text: str


@dataclass(slots=True)
class LinkLost:
    """The gateway has lost IB: what waits until it is back."""

    recovery: str
    fills: str
    orders: str
    code: int
    events: list[Event] = field(default_factory=list, repr=False)
    requests: list[tuple[int, list[str]]] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Times:
    """How the times of executions are written."""

    zone: str
    label: bool
    fold: bool


@dataclass(slots=True)
class FieldFault:
    """The next `left` messages of a kind have a field too many or too few."""

    message: int
    change: int
    left: int


@dataclass(frozen=True, slots=True)
class Copies:
    """Messages of these kinds are sent so many times."""

    messages: tuple[int, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Order messages are collected and sent in another order."""

    window: int
    seed: int


@dataclass(slots=True)
class Rejection:
    """New orders are rejected: how many, how likely, and in which order it is told."""

    code: int
    text: str
    told: str
    chance: float
    seed: int
    left: int


@dataclass(slots=True)
class CancelFill:
    """Cancels meet a fill of so much of what remains, so many seconds later."""

    seconds: float
    share: float
    left: int


@dataclass(slots=True)
class Amendment:
    """Fills are corrected or taken back so many seconds later."""

    seconds: float
    points: int
    left: int


@dataclass(slots=True)
class ConnectionFaults:
    """Sockets and frames."""

    refuse: Until | None = None
    freeze: Until | None = None
    half_open: Until | None = None
    busy_client_id: float = 0.0
    drop_before: Drop | None = None
    drop_after: Drop | None = None
    slow_reader: float = 0.0
    slow_writer: SlowWriting | None = None
    no_handshake: Until | None = None
    bad_handshake: Handshake | None = None
    silent_after_start: bool = False
    disclaimer: int = 0
    extra_field: FieldFault | None = None
    missing_field: FieldFault | None = None


@dataclass(slots=True)
class SessionFaults:
    """What the gateway as such says."""

    withhold: set[int] = field(default_factory=set)
    pacing: bool = False
    read_only_api: bool = False
    link_lost: LinkLost | None = None
    slow_sync: float = 0.0
    managed_accounts: Said | None = None
    announce_id: Said | None = None
    localised_errors: bool = False
    exec_times: Times | None = None
    account_not_ready: bool = False


@dataclass(slots=True)
class DataFaults:
    """Market data, history, contracts."""

    burst: float = 0.0
    competing_session: Until | None = None
    no_permission: Refusal | None = None
    too_many_lines: Refusal | None = None
    too_many_ticks: Refusal | None = None
    too_many_history: Refusal | None = None
    pacing_violation: Refusal | None = None
    refuse_request: dict[int, Refusal] = field(default_factory=dict)
    stale_ticks: float = 0.0
    delist: set[str] = field(default_factory=set)
    ambiguous: set[str] = field(default_factory=set)


@dataclass(slots=True)
class OrderFaults:
    """What becomes of order requests."""

    eat_order: int = 0
    eat_cancel: int = 0
    hold_fills: bool = False
    reject_orders: Rejection | None = None
    reject_modify: Refusal | None = None
    order_notice: Refusal | None = None
    delay_cancel: float = 0.0
    fill_on_cancel: CancelFill | None = None
    late_fill: CancelFill | None = None
    answer_cancel: Refusal | None = None
    twin_order: int = 0


@dataclass(slots=True)
class ReportFaults:
    """What is told of orders, and when."""

    delay_acks: float = 0.0
    duplicate: Copies | None = None
    duplicate_status: int = 0
    duplicate_executions: int = 0
    out_of_order: Shuffle | None = None
    filled_before_execution: float = 0.0
    execution_before_ack: bool = False
    commission_first: bool = False
    delay_commission: float = 0.0
    commission_on_request: bool = False
    stale_status: bool = False
    two_perm_ids: int = 0
    correct_fills: Amendment | None = None
    bust_fills: Amendment | None = None


def spend(state: Any, name: str) -> Any:
    """Return what a counted switch holds and count it down by one; None if it is off."""
    held = getattr(state, name)
    if not held:
        return None
    if isinstance(held, int):
        setattr(state, name, held - 1)
        return held
    held.left -= 1
    if held.left <= 0:
        setattr(state, name, None)
    return held


def lift(state: Any, name: str) -> None:
    """Turn one switch off."""
    setattr(state, name, getattr(type(state)(), name))


def switches_on(state: Any, now: float) -> dict[str, Any]:
    """Return the switches of a noun that are on, as they are shown."""
    found = {one.name: shown(getattr(state, one.name), now) for one in dataclasses.fields(state)}
    return {name: value for name, value in found.items() if value}


def shown(value: Any, now: float) -> Any:
    """Return a switch for people: the seconds left, the numbers it holds."""
    if isinstance(value, Until):
        return max(0.0, round(value.at - now, 3))
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict):
        return {str(key): shown(one, now) for key, one in sorted(value.items())}
    if dataclasses.is_dataclass(value):
        return {
            one.name: shown(getattr(value, one.name), now) for one in dataclasses.fields(value) if one.repr
        }
    return list(value) if isinstance(value, tuple) else value
