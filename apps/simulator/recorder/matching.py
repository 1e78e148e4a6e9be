"""Which recorded request a live one is, and which numbers of the recording are which of today.

Request and order ids differ from run to run, so they are mapped; times of day are not
compared. Everything else must be the same, or the difference is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from apps.simulator.frames.describe import Described
from apps.simulator.recorder.recording import Recorded

REQUEST, ORDER = "request", "order"
_ID_FIELDS = {"reqId": REQUEST, "orderId": ORDER, "parentId": ORDER}
_NOT_COMPARED = frozenset({"manualOrderTime", "manualOrderCancelTime", "clientId", "numIds"})
_TIMES = frozenset({"endDateTime", "startDateTime", "time", "startDate", "endDate"})
#: What a program may well choose anew each time; a request that differs only here is still the same one.
_LOOSE = frozenset({"orderRef", "account"})
#: Requests that speak of an id used before: cancels, changes of an order, display groups.
_REFERRING = frozenset(
    {2, 3, 4, 11, 23, 25, 51, 53, 56, 57, 63, 69, 70, 75, 77, 89, 90, 93, 95, 98, 101, 103}
)
_CANCELS = _REFERRING - {3, 69}
_NO_ID = frozenset({"", "0", "-1"})


def is_cancel(told: Described) -> bool:
    """Return whether a request ends something, so that no answer is waited for."""
    return told.message_id in _CANCELS


@dataclass(slots=True)
class IdMap:
    """Ids of the recording and of today, requests and orders apart, and the notes on orders."""

    live: dict[tuple[str, str], str] = field(default_factory=dict)
    recorded: dict[tuple[str, str], str] = field(default_factory=dict)
    order_refs: dict[str, str] = field(default_factory=dict)
    client_ids: dict[str, str] = field(default_factory=dict)

    def learn(self, recorded: Described, live: Described) -> None:
        """Take over the ids of a request that was matched."""
        for (name, old), (_, new) in zip(recorded.fields, live.fields, strict=False):
            if name in ("reqId", "orderId"):
                kind = _ID_FIELDS[name]
                self.live[kind, old], self.recorded[kind, new] = new, old
            elif name == "orderRef" and old:
                self.order_refs[old] = new

    def may_be(self, name: str, recorded: str, live: str) -> bool:
        """Return whether two ids may name the same thing, by what is known of both."""
        kind = _ID_FIELDS[name]
        if recorded in _NO_ID or live in _NO_ID:
            return recorded == live
        known_live, known_recorded = self.live.get((kind, recorded)), self.recorded.get((kind, live))
        if known_live is None and known_recorded is None:
            return True
        return known_live == live

    def translated(self, told: Described) -> Described:
        """Return a recorded answer with the ids of today."""
        return replace(
            told, fields=tuple((name, self._today(told, name, text)) for name, text in told.fields)
        )

    def _today(self, told: Described, name: str, text: str) -> str:
        if name == "orderRef":
            return self.order_refs.get(text, text)
        if name == "clientId":
            return self.client_ids.get(text, text)
        if name not in _ID_FIELDS or told.name == "nextValidId":
            return text
        kind = _ID_FIELDS[name]
        if told.name == "error":
            # An error speaks of a request or of an order with that number.
            return self.live.get((REQUEST, text)) or self.live.get((ORDER, text), text)
        return self.live.get((kind, text), text)


@dataclass(frozen=True, slots=True)
class Match:
    """The recorded request that a live one is, None if there is none, and what differs all the same."""

    found: Recorded | None
    differences: tuple[str, ...] = ()


def best_match(live: Described, candidates: Iterable[Recorded], ids: IdMap) -> Match:
    """Return the recorded request that a live one is, the first that agrees or else the closest."""
    closest: tuple[str, ...] | None = None
    loose: Match | None = None
    for one in candidates:
        if one.told.name != live.name or one.told.message_id != live.message_id:
            continue
        names = _differences(one.told, live, ids)
        if not names:
            return Match(one)
        if loose is None and {name.partition(":")[0] for name in names} <= _LOOSE:
            loose = Match(one, names)
        if closest is None or len(names) < len(closest):
            closest = names
    return loose or Match(None, closest or ())


def _differences(recorded: Described, live: Described, ids: IdMap) -> tuple[str, ...]:
    if [name for name, _ in recorded.fields] != [
        name for name, _ in live.fields
    ] or recorded.left != live.left:
        return ("fields: not the same ones",)
    pairs = zip(recorded.fields, live.fields, strict=True)
    refers = live.message_id in _REFERRING
    return tuple(
        f"{name}: recorded {old!r}, asked {new!r}"
        for (name, old), (_, new) in pairs
        if not _agree(name, old, new, ids=ids if refers else None)
    )


def _agree(name: str, old: str, new: str, *, ids: IdMap | None) -> bool:
    if name in _ID_FIELDS:
        return ids is None or ids.may_be(name, old, new)
    if name in _NOT_COMPARED:
        return True
    if name in _TIMES:
        return bool(old) == bool(new)
    return old == new or _is_same_number(old, new)


def _is_same_number(old: str, new: str) -> bool:
    try:
        return float(old) == float(new)
    except ValueError:
        return False
