"""Say each step of an order in words: a headline, a sentence, and how it looks.

Pure reading of one event with what belongs to it; which steps there are is decided in stories.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.common import figures
from apps.domain.ib_codes import ib_code
from apps.domain.orders import CLOSED, IN_DOUBT, OrderStatus
from apps.domain.reconcile import LOOKS_NEEDED
from apps.orders.models import Execution, Order, OrderEvent


@dataclass(frozen=True, slots=True)
class Said:
    """A step in words; `look` is plain, ok, doubt, warn, bad or fill."""

    headline: str
    detail: str = ""
    look: str = ""
    icon: str = "right"


@dataclass(frozen=True, slots=True)
class Telling:
    """One event with what its sentence needs: the order, and the execution it books, if any."""

    order: Order
    event: OrderEvent
    execution: Execution | None = None
    gates: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def evidence(self) -> Mapping[str, Any]:
        """Return what the event was written on."""
        evidence: Mapping[str, Any] = self.event.evidence
        return evidence

    @property
    def moved(self) -> bool:
        """Tell whether the status changed."""
        return self.event.from_status != self.event.to_status


Sayer = Callable[[Telling], Said]

#: Where a word of the broker was heard.
SOURCES = {
    "broker_status": "orderStatus",
    "open_order": "openOrder",
    "open_orders": "list of open orders",
    "completed_orders": "list of completed orders",
    "broker_notice": "error message",
    "execution": "execDetails",
}

NEVER_SEEN = "The broker never saw it."


def say(telling: Telling) -> Said:
    """Return a step in words; a cause nobody has written a sentence for speaks for itself."""
    sayer = _SAYERS.get(telling.event.cause)
    return sayer(telling) if sayer else Said(telling.event.cause.replace("_", " ").capitalize())


def _gate(telling: Telling, name: str) -> Mapping[str, Any]:
    return (telling.gates or {}).get(name, {})


def _passed(telling: Telling, name: str) -> str:
    found = _gate(telling, name)
    if not found:
        return ""
    return f"{len(found['controls'])} controls pass, limits version {found['limits_version']}."


def _accepted(telling: Telling) -> Said:
    return Said("ACCEPTED by gate 1", _passed(telling, "G1"), "ok", "check")


def _denied(telling: Telling) -> Said:
    name = str(telling.evidence.get("gate", "G1"))
    refusals = _gate(telling, name).get("refusals", [])
    said = "; ".join(f"{one['detail']} ({one['code']})" for one in refusals)
    reasons = said or ", ".join(telling.evidence.get("reasons", []))
    return Said(f"DENIED by gate {name[-1]}", f"{reasons}. {NEVER_SEEN}", "warn", "shield")


def _in_flight(telling: Telling) -> Said:
    again = _passed(telling, "G2")
    where = f"IB order id {telling.evidence.get('ib_order_id')}, session {telling.event.broker_session}"
    return Said(
        "IN_FLIGHT after gate 2",
        f"{again} Committed before its one frame is written. {where}, epoch {telling.event.epoch}.".strip(),
        "doubt",
        "right",
    )


def _broker_word(telling: Telling) -> Said:
    word, event = telling.evidence.get("broker_status") or "", telling.event
    parts = [f"Heard in {SOURCES[event.cause]}."]
    parts += [f"Held: {telling.evidence['why_held']}."] if telling.evidence.get("why_held") else []
    parts += [f"Warning: {telling.evidence['warning']}."] if telling.evidence.get("warning") else []
    if telling.evidence.get("late_adoption"):
        parts.append("It came after its time was over, so it is cancelled.")
    if telling.evidence.get("incident"):
        parts.append("This contradicts how it had ended.")
    if not telling.moved:
        return Said(f"The broker said “{word}”" if word else "The broker spoke of it", " ".join(parts))
    found = event.from_status in IN_DOUBT and event.cause in {"open_orders", "completed_orders"}
    headline = f"Found at the broker: {event.to_status}" if found else f"{event.to_status}: “{word}”"
    return Said(headline, " ".join(parts), *_look_of(event.to_status))


def _notice(telling: Telling) -> Said:
    code = ib_code(int(telling.evidence.get("ib_code", 0)))
    text = str(telling.evidence.get("ib_message", ""))
    meaning = "" if code.title.startswith("IB message") else f" {code.cause}. {code.fix}."
    return Said(f"IB {code.number}: {code.title}", f"“{text}”{meaning}", "warn", "warn")


def _execution(telling: Telling) -> Said:
    quantity = Decimal(str(telling.evidence.get("quantity", "0")))
    price = Decimal(str(telling.evidence.get("price", "0")))
    tick = telling.order.instrument.min_tick
    if not quantity:
        lead = f"{telling.event.to_status}: " if telling.moved else ""
        return Said(f"{lead}the broker took a fill back", _fill_detail(telling), "warn", "warn")
    what = f"{figures.quantity(quantity)} at {figures.price(price, tick)}"
    lead = f"{telling.event.to_status}:" if telling.moved else "Filled"
    return Said(f"{lead} {what}", _fill_detail(telling), "fill", "bars")


def _fill_detail(telling: Telling) -> str:
    execution = telling.execution
    if execution is None:
        return ""
    if execution.synthetic:
        return f"Entered by hand, executed {figures.clock(execution.executed_at)}."
    parts = [
        f"{execution.exchange or 'Exchange not told'}, broker time {figures.clock(execution.executed_at)}."
    ]
    if execution.commission is not None:
        parts.append(f"Commission {figures.money(execution.commission)} {execution.commission_currency}.")
    elif execution.quantity:
        parts.append("Commission not told yet.")
    if execution.revision > 1:
        parts.append(f"Revision {execution.revision} of this execution.")
    if execution.superseded:
        parts.append("Replaced by a later word.")
    return " ".join(parts)


def _no_word(telling: Telling) -> Said:
    written, now = telling.order.broker_session, telling.evidence.get("session")
    why = "No word of the broker after it was written."
    if written is not None and written != now:
        why = f"Broker session {written}, in which it was written, ended without a word about it."
    return Said("UNKNOWN: the broker may have it", f"{why} It will not be sent again.", "doubt", "question")


def _not_in_lists(telling: Telling) -> Said:
    if telling.event.to_status == OrderStatus.UNKNOWN:
        return Said(
            "UNKNOWN: gone from the broker's lists",
            "Complete lists no longer name it. It will not be sent again.",
            "doubt",
            "question",
        )
    return Said(
        f"{telling.event.to_status}: gone from the broker's lists", "How it ended is not ours to know."
    )


def _look(telling: Telling) -> Said:
    looks = telling.evidence.get("looks", 0)
    return Said("A complete look found no trace", f"Look {looks} of {LOOKS_NEEDED}.", "doubt", "question")


def _not_placed(telling: Telling) -> Said:
    looks = telling.evidence.get("looks", LOOKS_NEEDED)
    return Said(
        "NOT_PLACED",
        f"{looks} complete looks found no trace. If it appears after all, you will be told.",
        "warn",
        "question",
    )


def _rejected(telling: Telling) -> Said:
    number = telling.evidence.get("ib_code")
    title = ib_code(int(number)).title if number else "no code"
    return Said("REJECTED by the broker", f"IB {number}: {title}. A complete look agrees.", "warn", "warn")


def _unsent(telling: Telling) -> Said:
    reason = telling.evidence.get("reason") or "its time was over"
    return Said("EXPIRED_UNSENT", f"Not written: {reason}. {NEVER_SEEN}", "", "clock")


def _change(headline: str, look: str = "", icon: str = "right") -> Sayer:
    def told(telling: Telling) -> Said:
        evidence = telling.evidence
        before, after = evidence.get("before"), evidence.get("after")
        terms = {name: evidence[name] for name in _TERMS if name in evidence}
        said = f"{_terms(before)} became {_terms(after)}." if before and after else _terms(terms)
        if evidence.get("reasons"):
            said = f"{said} {', '.join(evidence['reasons'])}.".strip()
        return Said(headline, said, look, icon)

    return told


_TERMS = {"quantity": "quantity", "limit_price": "limit", "stop_price": "stop"}


def _terms(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{_TERMS[name]} {value}" for name, value in (values or {}).items() if name in _TERMS)


def _cancel_sent(telling: Telling) -> Said:
    return Said(f"Cancel sent, attempt {telling.evidence.get('attempt', 1)}")


def _resolved(telling: Telling) -> Said:
    names = " and ".join(telling.evidence.get("by", []))
    because = telling.evidence.get("because", "")
    return Said(f"{telling.event.to_status}: resolved by hand", f"By {names}: “{because}”", "warn", "people")


def _proposed(telling: Telling) -> Said:
    outcome, by = telling.evidence.get("outcome", ""), " and ".join(telling.evidence.get("by", []))
    return Said(f"Proposed to resolve as {outcome}", f"By {by}: “{telling.evidence.get('because', '')}”")


def _look_of(status: str) -> tuple[str, str]:
    if status in IN_DOUBT:
        return "doubt", "question"
    if status in {OrderStatus.REJECTED, OrderStatus.NOT_PLACED}:
        return "warn", "warn"
    return ("", "cross") if status == OrderStatus.CANCELLED else ("ok" if status in CLOSED else "", "check")


def _fixed(headline: str, detail: str = "", look: str = "", icon: str = "right") -> Sayer:
    said = Said(headline, detail, look, icon)
    return lambda telling: said


_SAYERS: Mapping[str, Sayer] = {
    "accepted": _accepted,
    "denied": _denied,
    "in_flight": _in_flight,
    "landed_unsent": _unsent,
    "expired": _unsent,
    "no_word": _no_word,
    "not_in_lists": _not_in_lists,
    "complete_look": _look,
    "not_placed": _not_placed,
    "rejected": _rejected,
    "broker_status": _broker_word,
    "open_order": _broker_word,
    "open_orders": _broker_word,
    "completed_orders": _broker_word,
    "broker_notice": _notice,
    "execution": _execution,
    "quantity_reached": _fixed("FILLED: the new quantity was reached", look="fill", icon="bars"),
    "cancel_requested": _fixed(
        "Cancel asked for", "The broker has not confirmed it yet, it may still fill.", icon="cross"
    ),
    "cancel_wished": _fixed("Cancel is kept", "It goes out when the order is found, for 24 h.", icon="cross"),
    "cancel_sent": _cancel_sent,
    "cancelled_unsent": _fixed("CANCELLED_UNSENT: dropped", NEVER_SEEN, icon="cross"),
    "change_requested": _change("Change asked for", icon="key"),
    "change_denied": _change("Change denied", "warn", "shield"),
    "modify_in_flight": _change("Change sent, once"),
    "changed": _change("The broker has the new terms", "ok", "check"),
    "change_refused": _change("Change refused by the broker", "warn", "warn"),
    "change_unsent": _change("Change not sent", "", "clock"),
    "change_moot": _change("Change came too late, the order had ended", "", "clock"),
    "terms_changed_at_broker": _change("The broker shows terms we did not ask for", "warn", "warn"),
    "reduced_by_group": _change("Made smaller by the broker: an order of its group traded", "", "clock"),
    "changed_elsewhere": _change("Changed outside of us", "", "people"),
    "twin_gone": _fixed("One of the orders under this reference is gone"),
    "twins_ended": _fixed("The last order under this reference has ended", look="ok", icon="check"),
    "found_external": _fixed("Found at the broker, not made by us", icon="people"),
    "found_orphan": _fixed("Found at the broker under a reference of ours, without a row", "", "bad", "warn"),
    "resolution_proposed": _proposed,
    "resolution_refused": _fixed("The proposal to resolve it by hand was refused", icon="people"),
    "resolved_by_hand": _resolved,
}
