"""The whole story of one order in its order: one selector for its page and for its timeline.

Everything is read from rows: events with the audit line beside each, executions, changes, gate
decisions and incidents. Nothing is judged again here, and what was never kept is not made up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.audit.selectors import events_of_object
from apps.domain.ib_codes import IbCode, ib_code
from apps.domain.identity import plain
from apps.domain.incidents import INCIDENTS, IncidentKind
from apps.orders.models import Execution, Order, OrderChange, OrderEvent
from apps.orders.story_summary import doubt_of, summary_of
from apps.orders.story_words import SOURCES, Said, Telling, say
from apps.safety.models import Incident
from apps.safety.selectors import incidents_about

#: Causes that are the broker's own word.
_HEARD = frozenset(SOURCES)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when, of what kind, in words, and what proves it; `data` is the same for programs."""

    at: datetime
    kind: str
    said: Said
    by: str = ""
    seq: int | None = None
    audit_seq: int | None = None
    status: str = ""
    since_s: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokerWord:
    """What the broker said, verbatim, where we heard it, and what IB's number means."""

    at: datetime
    message: str
    text: str
    code: IbCode | None


@dataclass(frozen=True, slots=True)
class GateRow:
    """One control that said no, with the numbers that decided."""

    gate: str
    control: str
    limits_version: int
    refusal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """An order from the request to its end, or to now."""

    order: Order
    steps: list[Step]
    words: list[BrokerWord]
    executions: list[Execution]
    changes: list[OrderChange]
    refused: list[GateRow]
    incidents: list[Incident]
    doubt_s: float
    in_doubt_since: datetime | None
    summary: list[str]
    accept_to_wire_ms: int | None
    wire_to_ack_ms: int | None

    @property
    def commission(self) -> Decimal | None:
        """Return the commissions told so far, None while there are none."""
        told = [
            one.commission for one in self.executions if one.commission is not None and not one.superseded
        ]
        return sum(told, Decimal(0)) if told else None

    @property
    def commission_currency(self) -> str:
        """Return the currency of the commissions."""
        return next((one.commission_currency for one in self.executions if one.commission_currency), "")

    @property
    def value(self) -> Decimal | None:
        """Return what was traded, without commission."""
        average = self.order.average_price
        return None if average is None else average * self.order.filled_quantity

    @property
    def told(self) -> list[Step]:
        """Return the steps for people: what a gate said stands in the step it led to."""
        return [step for step in self.steps if step.kind != "gate"]

    @property
    def ran(self) -> list[tuple[str, int, list[str]]]:
        """Return each gate that judged the order, with its limits version and the controls it ran."""
        return [
            (str(one.get("gate", "")), int(one.get("limits_version", 0)), list(one.get("controls", [])))
            for one in self.order.decisions
        ]


def story_of(order: Order) -> Story:
    """Return the story of an order in six queries; account and instrument should be joined."""
    events = list(OrderEvent.objects.filter(order=order).order_by("seq"))
    executions = list(Execution.objects.filter(order=order).order_by("executed_at", "pk"))
    incidents = incidents_about([f"order:{order.uuid}", f"ref:{order.order_ref}"])
    doubt_s, since = doubt_of(events)
    steps = _steps(order, events, executions, incidents)
    return Story(
        order=order,
        steps=steps,
        words=[word for event in events if (word := _word(event)) is not None],
        executions=executions,
        changes=list(OrderChange.objects.filter(order=order).order_by("pk")),
        refused=_refused(order),
        incidents=incidents,
        doubt_s=doubt_s,
        in_doubt_since=since,
        summary=summary_of(order, events, executions, doubt_s=doubt_s),
        accept_to_wire_ms=_ms(order.created_at, order.in_flight_at),
        wire_to_ack_ms=_ms(order.in_flight_at, _first_word_at(events)),
    )


def _steps(
    order: Order, events: Sequence[OrderEvent], executions: Sequence[Execution], incidents: Sequence[Incident]
) -> list[Step]:
    lines = {
        row.after.get("seq"): row
        for row in events_of_object(f"order:{order.uuid}").filter(kind__startswith="order.")
        if isinstance(row.after, dict)
    }
    by_exec_id = {one.ib_exec_id: one for one in executions}
    gates = {str(one.get("gate")): one for one in order.decisions}
    steps = [_asked(order)]
    for event in events:
        steps += _gate_steps(order, event, gates)
        execution = by_exec_id.get(str(event.evidence.get("ib_exec_id", "")))
        line = lines.get(event.seq)
        steps.append(
            Step(
                at=event.at,
                kind=event.cause,
                said=say(Telling(order, event, execution, gates)),
                by=line.actor if line is not None else "",
                seq=event.seq,
                audit_seq=line.seq if line is not None else None,
                status=event.to_status,
                since_s=_since(order, event.at),
                data={**event.evidence, **_fill_data(execution), **_request_data(order, event)},
            )
        )
    return _with_incidents(order, steps, incidents)


def _asked(order: Order) -> Step:
    if not order.principal:
        return Step(
            order.created_at, "seen", Said("First seen", f"{order}, made outside of us", icon="people")
        )
    return Step(
        order.created_at,
        "asked",
        Said(
            f"Asked for by {order.principal}", f"{order}, client_order_id {order.client_order_id}", icon="key"
        ),
        by=order.principal,
        data={"client_order_id": order.client_order_id, "request_id": order.request_id},
    )


def _gate_steps(order: Order, event: OrderEvent, gates: dict[str, Any]) -> list[Step]:
    """Return the verdict of the gate whose outcome the event is; programs read it apart."""
    name = str(event.evidence.get("gate", ""))
    if event.cause not in {"accepted", "denied", "in_flight"} or name not in gates:
        return []
    found = gates[name]
    verdict = "refuse" if found["refusals"] else "pass"
    codes = ", ".join(one["code"] for one in found["refusals"])
    said = Said(f"Gate {name[-1]}: {verdict}", codes, "warn" if codes else "", "shield")
    data = {
        "gate": name,
        "verdict": verdict,
        "limits_version": found["limits_version"],
        "reasons": [one["code"] for one in found["refusals"]],
    }
    return [Step(event.at, "gate", said, since_s=_since(order, event.at), data=data)]


def _with_incidents(order: Order, steps: list[Step], incidents: Sequence[Incident]) -> list[Step]:
    """Put each incident behind the last step before it; steps keep the order of their numbers."""
    for incident in incidents:
        meaning = INCIDENTS[IncidentKind(incident.kind)]
        place = sum(1 for step in steps if step.at <= incident.at)
        effect = "Trading was reduced." if incident.tripped_at else ""
        said = Said(f"Incident: {meaning.title}", f"{incident.detail}. {effect}".strip(), "bad", "warn")
        data = {"incident": incident.kind, "detail": incident.detail}
        step = Step(incident.at, "incident", said, since_s=_since(order, incident.at), data=data)
        steps.insert(max(place, 1), step)
    return steps


def _word(event: OrderEvent) -> BrokerWord | None:
    if event.cause not in _HEARD:
        return None
    evidence = event.evidence
    if event.cause == "broker_notice":
        number = int(evidence.get("ib_code", 0))
        return BrokerWord(event.at, f"error {number}", str(evidence.get("ib_message", "")), ib_code(number))
    if event.cause == "execution":
        said = f"{evidence.get('quantity', '')} at {evidence.get('price', '')}"
        return BrokerWord(event.at, SOURCES[event.cause], said, None)
    said = " ".join(
        str(evidence[name]) for name in ("broker_status", "why_held", "warning") if evidence.get(name)
    )
    return BrokerWord(event.at, SOURCES[event.cause], said, None)


def _refused(order: Order) -> list[GateRow]:
    rows: list[GateRow] = []
    for found in order.decisions:
        refusals = list(found.get("refusals", []))
        version, gate = int(found.get("limits_version", 0)), str(found.get("gate", ""))
        rows += [GateRow(gate, one["code"], version, one) for one in refusals]
    return rows


def _fill_data(execution: Execution | None) -> dict[str, Any]:
    if execution is None:
        return {}
    return {
        "executed_at": execution.executed_at,
        "exchange": execution.exchange,
        "commission": None if execution.commission is None else plain(execution.commission),
        "commission_currency": execution.commission_currency or None,
        "synthetic": execution.synthetic,
        "superseded": execution.superseded,
    }


def _request_data(order: Order, event: OrderEvent) -> dict[str, Any]:
    return {"request_id": order.request_id} if event.seq == 1 and order.request_id else {}


def _first_word_at(events: Sequence[OrderEvent]) -> datetime | None:
    return next((event.at for event in events if event.cause in _HEARD), None)


def _since(order: Order, moment: datetime) -> float:
    return max(0.0, (moment - order.created_at).total_seconds())


def _ms(begin: datetime | None, end: datetime | None) -> int | None:
    if begin is None or end is None or end < begin:
        return None
    return round((end - begin).total_seconds() * 1000)
