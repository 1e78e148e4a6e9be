"""The one function of both gates: every control over one order, all refusals in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.domain.orders import OrderTicket
from apps.domain.risk.limits import Limits
from apps.domain.risk.rules import RULES, Refusal, Rule
from apps.domain.risk.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found: which controls ran, what they refused, by which limits."""

    limits_version: int
    controls: tuple[str, ...]
    refusals: tuple[Refusal, ...]

    @property
    def passed(self) -> bool:
        """Tell whether every control let the order through."""
        return not self.refusals

    @property
    def codes(self) -> list[str]:
        """Return the refusing codes, the first one first."""
        return [refusal.code for refusal in self.refusals]


def evaluate(
    ticket: OrderTicket, seen: Snapshot, limits: Limits, *, rules: Sequence[Rule] = RULES
) -> Verdict:
    """Run every control and list all that refuse.

    Fail closed: a control that raises is a refusal with RISK_UNAVAILABLE, never a pass.
    """
    refusals = [found for rule in rules if (found := _judge(rule, ticket, seen, limits)) is not None]
    return Verdict(limits.version, tuple(rule.__name__ for rule in rules), tuple(refusals))


def _judge(rule: Rule, ticket: OrderTicket, seen: Snapshot, limits: Limits) -> Refusal | None:
    try:
        return rule(ticket, seen, limits)
    except Exception as error:  # noqa: BLE001 - whatever a control raises must deny, not pass
        return Refusal("RISK_UNAVAILABLE", f"{rule.__name__} failed: {type(error).__name__}")
