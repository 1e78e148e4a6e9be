"""Read what the status bar shows, from the selectors of the parts that know it.

At most eight queries, because the bar stands on every page and is fetched every five seconds.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.order_gate import VERSION_MISMATCH, closed_gate
from apps.accounts.selectors import connections
from apps.console import bar
from apps.console.rights import may, who_may
from apps.orders.selectors import OrderCounts, order_counts
from apps.safety.selectors import EVERYTHING, all_states


@dataclass(frozen=True, slots=True)
class Moment:
    """What one page knows of the whole: read once, so that bar and page cannot disagree."""

    now: datetime
    connections: list[Any]
    connection: Any
    states: list[Any]
    counts: OrderCounts

    @property
    def everything(self) -> Any:
        """Return the state of everything."""
        return next(row for row in self.states if row.scope == EVERYTHING)

    @property
    def facts(self) -> bar.ConnectionFacts | None:
        """Return what the bar needs of the connection."""
        return connection_facts(self.connection, self.now)


def moment_of(request: HttpRequest) -> Moment:
    """Return the moment this request is answered in; the first call reads it."""
    found: Moment | None = getattr(request, "console_moment", None)
    if found is None:
        states = sorted(all_states(), key=lambda row: (row.scope != EVERYTHING, row.scope))
        known = list(connections())
        found = Moment(_now(known), known, chosen_connection(known), states, order_counts())
        request.console_moment = found  # type: ignore[attr-defined]  # as long as the request
    return found


def bar_state(request: HttpRequest) -> bar.BarState:
    """Return everything the status bar says at this moment, for this person."""
    moment = moment_of(request)
    now, facts = moment.now, moment.facts
    trading = trading_facts(moment.states)
    block = bar.mode_block(facts, now)
    doubt = bar.DoubtFacts(number=moment.counts.in_doubt, oldest_at=moment.counts.oldest_doubt_at)
    cells = bar.segments(facts, trading, doubt, now)
    local_time, utc_time = bar.times(now)
    may_halt = may(request.user, "halt")
    return bar.BarState(
        mode=block,
        segments=linked(cells),
        local_time=local_time,
        utc_time=utc_time,
        may_halt=may_halt,
        ask="" if may_halt else who_may("halt"),
        title=bar.page_title(block, cells),
        banner=bar.banner(trading, facts, now),
    )


def linked(cells: tuple[bar.Segment, ...]) -> tuple[bar.Segment, ...]:
    """Return the segments with the address of the page that explains each."""
    safety, link = reverse("console:safety"), reverse("console:connection")
    pages = {
        "proof": f"{safety}#proof",
        "connection": link,
        "trading": safety,
        "doubts": reverse("admin:orders_order_changelist") + "?group=in_doubt",
        "lines": f"{link}#data",
    }
    return tuple(replace(cell, href=pages[cell.name]) for cell in cells)


def _now(known: list[Any]) -> datetime:
    """Return the database's clock, which wrote what ages are shown of; ours if it told none."""
    return next((row.asked_at for row in known), datetime.now(UTC))


def chosen_connection(known: list[Any]) -> Any:
    """Return the connection the bar shows: the configured one, or None before the first start."""
    named = [row for row in known if row.name == settings.JAXBROKER_CONNECTION]
    return next(iter([*named, *known]), None)


#: What keeps orders waiting while the broker session stands, in the words of the bar.
_ORDERS_WAIT = {"RESTART_WINDOW": "orders wait for IB's restart", VERSION_MISMATCH: "orders wait, other code"}


def connection_facts(row: Any, now: datetime) -> bar.ConnectionFacts | None:
    """Return what the bar needs of a connection's row."""
    if row is None:
        return None
    gate = closed_gate(row, now=now)
    return bar.ConnectionFacts(
        name=row.name,
        mode=row.mode,
        simulator=row.simulator,
        phase=row.phase,
        reasons=tuple(row.reasons),
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        session=row.session,
        heartbeat_at=row.heartbeat_at,
        proof=row.mode_proof,
        evidence=tuple((line["name"], line["seen"], line["agrees"]) for line in row.evidence),
        lines_used=row.lines_used,
        lines_limit=row.lines_limit,
        orders_wait=_ORDERS_WAIT.get(gate.reason, "") if gate else "",
        orders_wait_because=gate.sentence if gate else "",
    )


def trading_facts(states: list[Any]) -> bar.TradingFacts:
    """Return the state of everything and how many narrower scopes are stricter."""
    rows = {row.scope: row for row in states}
    everything = rows.pop(EVERYTHING)
    return bar.TradingFacts(
        state=everything.state,
        at=everything.at,
        actor=everything.actor,
        confirmed_at=everything.confirmed_at,
        narrower_halted=sum(row.state == "HALTED" for row in rows.values()),
        narrower_reducing=sum(row.state == "REDUCING" for row in rows.values()),
    )
