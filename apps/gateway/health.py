"""How the process, the broker session and trading are, from rows: for probes and people.

Read by web processes, so it knows no broker code. "Connected" is READY and nothing less; each
failed check says why. /health itself is the bridge's, out of `health_facts`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from apps.accounts.models import Connection, Phase
from apps.accounts.order_gate import runs_our_code
from apps.accounts.selectors import ConnectionNotFound, connection, gateway_is_silent
from apps.common.db import database_now
from apps.common.store import missing_migrations
from apps.common.turns import late_work
from apps.domain.mode import ProofState
from apps.safety.selectors import EVERYTHING, states, strictest

_migrated = False


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a readiness answer; `code` and `detail` say what is wrong, `facts` are its numbers.

    An `is_advice` line is shown and does not decide whether orders can be taken.
    """

    name: str
    ok: bool
    code: str = ""
    detail: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    is_advice: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the line as JSON, what is empty left out."""
        words = {"code": self.code, "detail": self.detail} if not self.ok else {}
        return {"name": self.name, "ok": self.ok} | {k: v for k, v in words.items() if v} | self.facts


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether orders can be taken now, and every check that led to it."""

    ready: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """Where the configured connection stands; `connected` is READY with a living gateway.

    `phase` is DISCONNECTED if its gateway is silent, whatever it wrote last.
    """

    connected: bool
    phase: str
    mode: str
    mode_proof: str
    market_data_type: str
    trading_state: str
    reasons: tuple[str, ...]
    next_attempt_at: datetime | None
    simulator: bool
    paper_trading: bool


def livez() -> dict[str, bool]:
    """Say that this process serves; touches nothing."""
    return {"live": True}


def readiness(now: datetime | None = None) -> Readiness:
    """Return whether orders can be taken: database, migrations, gateway, READY, code, mode proof.

    `now` is the database's clock, with which the gateway's sign of life was written.
    """
    try:
        at = now or database_now()
        migrated = _is_migrated()
        row = connection() if migrated else None
    except ConnectionNotFound:
        row = None
    except DatabaseError:
        return Readiness(ready=False, checks=(_no_database(),))
    checks = (
        Check("database", ok=True),
        Check("migrations", ok=migrated, code="STORE_UNAVAILABLE", detail="The schema is not up to date"),
        _heartbeat(row, at),
        _session(row, at),
        _same_code(row),
        _mode_proof(row, at),
        *([_clock_work(at)] if migrated else []),
    )
    return Readiness(ready=all(check.ok or check.is_advice for check in checks), checks=checks)


def health_facts(now: datetime | None = None) -> HealthFacts:
    """Return what /health tells of the configured connection. Raises DatabaseError.

    `now` is the database's clock.
    """
    now = now or database_now()
    try:
        row = connection()
    except ConnectionNotFound:
        row = None
    silent = row is None or gateway_is_silent(row, now)
    phase = Phase.DISCONNECTED if row is None or silent else Phase(row.phase)
    return HealthFacts(
        connected=phase is Phase.READY,
        phase=phase.value,
        mode=settings.JAXBROKER_MODE.value,
        mode_proof=_proof_word(row, silent=silent),
        market_data_type="unknown" if row is None or silent else row.market_data_type,
        trading_state=strictest(states([EVERYTHING])).value,
        reasons=_reasons(row, silent=silent),
        next_attempt_at=None if row is None or silent else row.next_attempt_at,
        simulator=settings.JAXBROKER_SIMULATOR if row is None else row.simulator,
        paper_trading=settings.PAPER_TRADING,
    )


def _no_database() -> Check:
    return Check("database", ok=False, code="STORE_UNAVAILABLE", detail="The database does not answer")


def _is_migrated() -> bool:
    """Tell whether every migration is applied; once true it stays true for this process."""
    global _migrated  # noqa: PLW0603  the graph of all migrations is too slow for every probe
    if not _migrated:
        _migrated = not missing_migrations()
    return _migrated


def _heartbeat(row: Connection | None, now: datetime) -> Check:
    if row is None or row.heartbeat_at is None:
        return Check("gateway_heartbeat", ok=False, code="BROKER_NOT_READY", detail="No gateway ever ran")
    return Check(
        "gateway_heartbeat",
        ok=not gateway_is_silent(row, now),
        code="BROKER_NOT_READY",
        detail="The gateway is silent",
        facts={"age_s": max(0, int((now - row.heartbeat_at).total_seconds()))},
    )


def _session(row: Connection | None, now: datetime) -> Check:
    if row is not None and not gateway_is_silent(row, now) and row.phase == Phase.READY:
        return Check("broker_session", ok=True)
    awaits_login = row is not None and row.phase == Phase.AWAITING_LOGIN
    return Check(
        "broker_session",
        ok=False,
        code="AWAITING_LOGIN" if awaits_login else "BROKER_NOT_READY",
        detail="; ".join(_reasons(row, silent=row is None)) or (Phase.STOPPED if row is None else row.phase),
    )


def _same_code(row: Connection | None) -> Check:
    """Web and gateway run the same code; which code that is, is not for strangers."""
    return Check(
        "code_version",
        ok=row is None or runs_our_code(row),
        code="BROKER_NOT_READY",
        detail="VERSION_MISMATCH: the gateway runs another version of the code",
    )


def _clock_work(now: datetime) -> Check:
    """Say which clock work is late; no order waits for it."""
    late = late_work(now)
    said = [f"{one.name} {'never done' if one.for_s is None else _late_for(one.for_s)}" for one in late]
    return Check("clock_work", ok=not late, detail=", ".join(said), is_advice=True)


def _late_for(seconds: float) -> str:
    return f"{int(seconds // 60)} min late"


def _mode_proof(row: Connection | None, now: datetime) -> Check:
    word = _proof_word(row, silent=row is None or gateway_is_silent(row, now))
    return Check(
        "mode_proof", ok=word == ProofState.PROVEN, code="MODE_MISMATCH", detail=f"The mode is {word}"
    )


def _proof_word(row: Connection | None, *, silent: bool) -> str:
    """A proof ends with the session that gave it; a contradiction stays until it is gone."""
    if row is None or (silent and row.mode_proof == ProofState.PROVEN):
        return ProofState.UNPROVEN.value
    return row.mode_proof


def _reasons(row: Connection | None, *, silent: bool) -> tuple[str, ...]:
    if row is None:
        return ("no gateway has registered this connection",)
    if silent:
        return ("the gateway is silent",)
    return tuple(row.reasons)
