"""A fresh proof of who acts, for one act on one object (spec/security.md S4).

A session that was left open, or stolen, must not do what cannot be taken back. So people prove
again who they are; the proof is good for five minutes, for this person, this act and this object,
and for nothing else. Which acts demand one is said by the services that do them.
"""

from dataclasses import dataclass
from typing import Any

from apps.audit.services import record
from apps.common.clock import boottime
from apps.domain.errors import DomainError

FRESH_FOR_S = 300.0


class StepUpNeeded(DomainError):
    """Type your password again: this is done only by the person who signed in"""

    code = "CONSOLE_ONLY"


@dataclass(frozen=True, slots=True)
class StepUp:
    """Who has proven themselves for which act on which object; `at` is the BOOTTIME of it."""

    actor: str
    act: str
    subject: str
    at: float


def step_up(person: Any, *, password: str, actor: str, act: str, subject: str) -> StepUp:
    """Return the proof that this is the person who signed in; a wrong password leaves an audit line.

    Raises StepUpNeeded.
    """
    if not person.check_password(password):
        if password:
            record(kind="stepup.failed", actor=actor, object=subject, reason=act)
        raise StepUpNeeded
    return StepUp(actor, act, subject, boottime())


def require_step_up(proof: StepUp, *, actor: str, act: str, subject: str) -> None:
    """Raise StepUpNeeded unless the proof is fresh and for exactly this."""
    is_for_this = (proof.actor, proof.act, proof.subject) == (actor, act, subject)
    if not is_for_this or boottime() - proof.at > FRESH_FOR_S:
        raise StepUpNeeded
