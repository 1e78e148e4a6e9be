"""Word the status bar: facts in, segments out; the one place its sentences stand.

Pure, so that each value of design/console.md section 3 is a test. Where the facts come from
is the selectors' matter; segments for which there is no data yet are absent, never invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from apps.common.figures import EXCHANGE_ZONE, age, clock
from apps.domain.mode import account_class

SILENT_AFTER = timedelta(seconds=20)
IN_FLIGHT_IS_PLAIN_FOR_S = 2
DOUBT_NEEDS_A_PERSON_AFTER_S = 120


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What the bar needs of the connection it shows."""

    name: str
    mode: str
    simulator: bool
    phase: str
    reasons: Sequence[str]
    attempt: int
    next_attempt_at: datetime | None
    session: int
    heartbeat_at: datetime | None
    proof: str
    evidence: Sequence[tuple[str, str, bool | None]]
    lines_used: int
    lines_limit: int
    #: Why new orders wait although the session stands: a few words, and a sentence.
    orders_wait: str = ""
    orders_wait_because: str = ""

    def is_silent(self, now: datetime) -> bool:
        """Tell whether no gateway speaks for this connection."""
        return self.heartbeat_at is None or now - self.heartbeat_at > SILENT_AFTER


@dataclass(frozen=True, slots=True)
class TradingFacts:
    """The state of everything, and how many narrower scopes are stricter than it."""

    state: str
    at: datetime | None
    actor: str
    confirmed_at: datetime | None
    narrower_halted: int = 0
    narrower_reducing: int = 0


@dataclass(frozen=True, slots=True)
class DoubtFacts:
    """How many orders are in doubt, and since when the oldest of them is."""

    number: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Segment:
    """One cell of the bar: what it is about, what holds, a note, and how loud it is."""

    label: str
    value: str
    note: str = ""
    look: str = ""
    icon: str = ""
    name: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Banner:
    """The one sentence under the bar, for a state that stops or narrows trading."""

    look: str
    icon: str
    head: str
    text: str


@dataclass(frozen=True, slots=True)
class ModeBlock:
    """The block that says whose money is spent."""

    word: str
    css: str
    icon: str


@dataclass(frozen=True, slots=True)
class BarState:
    """Everything the bar shows at one moment."""

    mode: ModeBlock
    segments: tuple[Segment, ...]
    local_time: str
    utc_time: str
    may_halt: bool
    ask: str
    title: str
    banner: Banner | None


def segments(
    facts: ConnectionFacts | None, trading: TradingFacts, doubt: DoubtFacts, now: datetime
) -> tuple[Segment, ...]:
    """Return the segments in their fixed order, each under its name."""
    rows = (
        ("proof", proof_segment(facts, now)),
        ("connection", connection_segment(facts, now)),
        ("trading", trading_segment(trading, facts, now)),
        ("doubts", doubt_segment(doubt, now)),
        ("lines", lines_segment(facts)),
    )
    return tuple(replace(segment, name=name) for name, segment in rows)


def mode_block(facts: ConnectionFacts | None, now: datetime) -> ModeBlock:
    """Return the mode as far as it is proven; nothing else may look like paper or live.

    A gateway that is silent proves nothing, as in the mode that the API's answers carry.
    """
    if facts is None or facts.proof == "unproven" or facts.is_silent(now):
        return ModeBlock("MODE NOT PROVEN", "m-unproven", "question")
    if facts.proof == "contradicted":
        return ModeBlock("MODE CONTRADICTED", "m-contradicted", "halt")
    if facts.simulator:
        return ModeBlock("SIMULATOR", "m-sim", "flask")
    if facts.mode == "live":
        return ModeBlock("LIVE", "m-live", "bolt")
    return ModeBlock("PAPER", "m-paper", "page")


def proof_segment(facts: ConnectionFacts | None, now: datetime) -> Segment:
    """Say how far the evidence of the mode goes, and which line is missing or wrong."""
    if facts is None:
        return Segment("Mode proof", "No connection", look="warn", icon="question")
    if facts.is_silent(now):
        return Segment("Mode proof", "Gateway is silent", look="warn", icon="question")
    agreeing = sum(1 for _, _, agrees in facts.evidence if agrees)
    if facts.proof == "proven":
        return Segment("Mode proof", f"{agreeing} of {len(facts.evidence)} agree", icon="check", look="fine")
    if facts.proof == "contradicted":
        return Segment("Mode proof", _contradiction(facts), look="bad", icon="cross")
    missing = [name.lower() for name, _, agrees in facts.evidence if agrees is None]
    return Segment("Mode proof", f"Waiting for {_shortened(missing)}", look="warn", icon="question")


def connection_segment(facts: ConnectionFacts | None, now: datetime) -> Segment:
    """Say where the connection stands, unless nobody speaks for it."""
    if facts is None:
        return Segment("Connection", "NONE", "not set up yet", look="warn")
    if facts.is_silent(now):
        return Segment("Connection", "NO GATEWAY", _silence(facts, now), look="bad", icon="cross")
    note, look, icon = {
        "READY": (f"session {facts.session}", "", ""),
        "RECONCILING": ("reading the broker's lists", "warn", "refresh"),
        "CONNECTING": (f"attempt {facts.attempt}" if facts.attempt else "", "warn", "refresh"),
        "DISCONNECTED": (_next_try(facts, now), "bad", "cross"),
        "RESET_WINDOW": ("IB restarts, back by itself", "warn", "clock"),
        "AWAITING_LOGIN": ("approve on your phone", "bad", "lock"),
        "STOPPED": ("switched off", "warn", "halt"),
    }.get(facts.phase, ("", "warn", ""))
    if facts.phase == "READY" and facts.orders_wait:
        note, look, icon = facts.orders_wait, "warn", "clock"
    return Segment("Connection", facts.phase, note, look=look, icon=icon)


def trading_segment(trading: TradingFacts, facts: ConnectionFacts | None, now: datetime) -> Segment:
    """Say whether trading is allowed, and of a halt whether the gateway has confirmed it."""
    if trading.state == "HALTED":
        return _halted(trading, facts, now)
    if trading.state == "REDUCING":
        note = f"since {clock(trading.at, now)}"
        return Segment("Trading", "REDUCING", note, look="warn", icon="down")
    note = _narrower(trading)
    if not note and (facts is None or facts.is_silent(now) or facts.phase != "READY" or facts.orders_wait):
        note = "orders wait"
    return Segment("Trading", "ACTIVE", note, icon="play")


def doubt_segment(doubt: DoubtFacts, now: datetime) -> Segment:
    """Say how many orders nobody knows the fate of, and for how long the oldest is like that."""
    if not doubt.number or doubt.oldest_at is None:
        return Segment("In doubt", "0")
    seconds = (now - doubt.oldest_at).total_seconds()
    if seconds < IN_FLIGHT_IS_PLAIN_FOR_S:
        return Segment("In doubt", f"{doubt.number}", f"in flight {age(seconds)}")
    if seconds > DOUBT_NEEDS_A_PERSON_AFTER_S:
        note = f"for {age(seconds)}, needs a person"
        return Segment("In doubt", f"{doubt.number}", note, look="bad", icon="question")
    return Segment("In doubt", f"{doubt.number}", f"for {age(seconds)}", look="doubt", icon="question")


def lines_segment(facts: ConnectionFacts | None) -> Segment:
    """Say how many of the broker's market-data lines are used."""
    if facts is None:
        return Segment("Data lines", "–")
    full = facts.lines_limit > 0 and facts.lines_used * 10 >= facts.lines_limit * 9
    note = f"of {facts.lines_limit}" + (", browsers wait first" if full else "")
    return Segment("Data lines", f"{facts.lines_used}", note, look="warn" if full else "")


def banner(trading: TradingFacts, facts: ConnectionFacts | None, now: datetime) -> Banner | None:
    """Return the worst state that stops or narrows trading, in a sentence; never two."""
    silent = facts is None or facts.is_silent(now)
    if trading.state == "HALTED":
        by = f" by {trading.actor.removeprefix('user:')}" if trading.actor else ""
        head = f"Halted {clock(trading.at, now)}{by}."
        if silent:
            return Banner(
                "bad",
                "halt",
                head,
                "The gateway is silent. Nothing can be committed for sending. Orders at the broker stay"
                " open until it is back.",
            )
        return Banner("bad", "halt", head, "Nothing new is sent. Cancels go on.")
    if facts is not None and facts.proof == "contradicted":
        return Banner("bad", "halt", f"{_contradiction(facts)}.", "The line was dropped, nothing is sent.")
    if facts is not None and silent:
        return Banner(
            "bad",
            "cross",
            f"No gateway, {_silence(facts, now)}.",
            "Orders are refused, cancels are kept, the halt works.",
        )
    if trading.state == "REDUCING":
        return Banner(
            "warn",
            "down",
            f"Reducing since {clock(trading.at, now)}.",
            "Only orders that shrink a position pass.",
        )
    if facts is not None and facts.phase == "READY" and facts.orders_wait:
        return Banner("warn", "clock", "New orders wait.", f"{facts.orders_wait_because}. Cancels go on.")
    if facts is not None and facts.phase not in {"READY", "STOPPED"}:
        reason = facts.reasons[0] if facts.reasons else "The connection is not READY."
        return Banner(
            "warn",
            "refresh",
            f"{facts.phase}.",
            f"{reason} Orders are refused, cancels are kept, the halt works.",
        )
    return None


def page_title(block: ModeBlock, cells: Sequence[Segment]) -> str:
    """Return what the browser's title begins with: the mode, then only what is not calm."""
    loud = [segment.value for segment in cells if segment.name == "trading" and segment.value != "ACTIVE"]
    loud += [
        f"{segment.value} in doubt" for segment in cells if segment.name == "doubts" and segment.value != "0"
    ]
    return " · ".join([block.word, *loud])


def times(now: datetime) -> tuple[str, str]:
    """Return the exchange's time and UTC with its date, as the bar writes them."""
    local, utc = now.astimezone(EXCHANGE_ZONE), now.astimezone(UTC)
    return f"{local:%H:%M:%S} New York", f"{utc:%H:%M:%S} UTC, {utc:%a} {utc.day} {utc:%b}"


def _halted(trading: TradingFacts, facts: ConnectionFacts | None, now: datetime) -> Segment:
    if trading.confirmed_at is not None:
        note = f"gateway confirmed {clock(trading.confirmed_at, now)}"
        return Segment("Trading", "HALTED", note, look="bad", icon="halt")
    if facts is None or facts.is_silent(now):
        since = f" since {clock(facts.heartbeat_at, now)}" if facts and facts.heartbeat_at else ""
        return Segment("Trading", "HALTED", f"gateway silent{since}", look="bad", icon="halt")
    return Segment("Trading", "HALTING", "gateway has not confirmed yet", look="bad", icon="halt")


def _narrower(trading: TradingFacts) -> str:
    parts = []
    if trading.narrower_halted:
        parts.append(f"{trading.narrower_halted} narrower halted")
    if trading.narrower_reducing:
        parts.append(f"{trading.narrower_reducing} narrower reducing")
    return ", ".join(parts)


def _silence(facts: ConnectionFacts, now: datetime) -> str:
    if facts.heartbeat_at is None:
        return "never heard of"
    return f"silent for {age((now - facts.heartbeat_at).total_seconds())}"


def _next_try(facts: ConnectionFacts, now: datetime) -> str:
    if facts.next_attempt_at is None:
        return ""
    seconds = (facts.next_attempt_at - now).total_seconds()
    return f"next try in {age(seconds)}" if seconds > 0 else "trying now"


def _contradiction(facts: ConnectionFacts) -> str:
    """Name the two that disagree: `Port says live, accounts say paper`."""
    seen = {name: (words, agrees) for name, words, agrees in facts.evidence}
    _, port_agrees = seen.get("Port", ("", None))
    named, accounts_agree = seen.get("Managed accounts", ("", None))
    port_says = facts.mode if port_agrees else _other(facts.mode)
    classes = (
        {account_class(code).value for code in named.split(", ")} if accounts_agree is not None else set()
    )
    if len(classes) > 1:
        return "Accounts are paper and live mixed"
    if port_agrees is None or (port_agrees and accounts_agree):
        return "Evidence disagrees"
    accounts_say = next(iter(classes), "")
    if not accounts_say:
        return f"Port says {port_says}, {facts.mode} is declared"
    if port_says == accounts_say:
        return f"Port and accounts say {port_says}"
    return f"Port says {port_says}, accounts say {accounts_say}"


def _other(mode: str) -> str:
    return "live" if mode == "paper" else "paper"


def _shortened(missing: Sequence[str]) -> str:
    words = {"managed accounts": "accounts"}
    return " and ".join(words.get(name, name) for name in missing) or "evidence"
