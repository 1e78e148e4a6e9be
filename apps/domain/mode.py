"""Prove which market we are connected to: evidence in, verdict out (spec/safety.md section 4).

A setting says what people want; only the broker's own words say what is. This module
compares the two and knows nothing about where either came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Whose money an order spends."""

    PAPER = "paper"
    LIVE = "live"


class ProofState(StrEnum):
    """How far the evidence goes."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    CONTRADICTED = "contradicted"


#: IB's customary ports: TWS 7496/7497, IB Gateway 4001/4002, and the forwarded
#: ports of the usual container image (4003/4004, 7498/7499).
PORT_CLASSES: Mapping[int, Mode] = {
    7497: Mode.PAPER,
    4002: Mode.PAPER,
    4004: Mode.PAPER,
    7499: Mode.PAPER,
    7496: Mode.LIVE,
    4001: Mode.LIVE,
    4003: Mode.LIVE,
    7498: Mode.LIVE,
}

PAPER_ACCOUNT_PREFIX = "D"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of a proof as people read it: what was looked at, what was seen, does it agree."""

    name: str
    seen: str
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class ModeProof:
    """The verdict and every line that led to it; `reasons` names what is missing or wrong."""

    mode: Mode
    state: ProofState
    evidence: tuple[Evidence, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return a sentence for each line that does not agree."""
        return tuple(f"{line.name}: {line.seen}" for line in self.evidence if line.agrees is not True)


def declared_mode(paper_trading: bool) -> Mode:
    """Return the mode that the setting PAPER_TRADING asks for."""
    return Mode.PAPER if paper_trading else Mode.LIVE


def port_class(port: int, bindings: Mapping[int, Mode] | None = None) -> Mode | None:
    """Return the mode a port stands for, or None if nobody bound it to one.

    `bindings` come from the settings file and may only name ports outside IB's eight.
    """
    return PORT_CLASSES.get(port) or (bindings or {}).get(port)


def account_class(account: str) -> Mode:
    """Return the mode of an account code: paper and demo accounts begin with D."""
    return Mode.PAPER if account.startswith(PAPER_ACCOUNT_PREFIX) else Mode.LIVE


def prove_mode(
    declared: Mode,
    *,
    port: int,
    managed_accounts: Sequence[str],
    bindings: Mapping[int, Mode] | None = None,
) -> ModeProof:
    """Hold declared mode, port and every managed account against each other.

    Accounts not seen yet or a port of no class leave the mode unproven; one line that
    disagrees contradicts it, whatever the others say.
    """
    evidence = (
        Evidence("Declared mode", declared.value, agrees=True),
        _port_evidence(declared, port, bindings),
        _account_evidence(declared, managed_accounts),
    )
    verdicts = {line.agrees for line in evidence}
    state = ProofState.PROVEN
    if False in verdicts:
        state = ProofState.CONTRADICTED
    elif None in verdicts:
        state = ProofState.UNPROVEN
    return ModeProof(declared, state, evidence)


def _port_evidence(declared: Mode, port: int, bindings: Mapping[int, Mode] | None) -> Evidence:
    seen = port_class(port, bindings)
    if seen is None:
        return Evidence("Port", f"{port} belongs to no mode", agrees=None)
    return Evidence("Port", f"{port}, {seen.value} class", agrees=seen is declared)


def _account_evidence(declared: Mode, accounts: Sequence[str]) -> Evidence:
    if not accounts:
        return Evidence("Managed accounts", "no accounts seen yet", agrees=None)
    classes = {account_class(account) for account in accounts}
    return Evidence("Managed accounts", ", ".join(accounts), agrees=classes == {declared})
