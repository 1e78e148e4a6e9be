"""Why a broker session ended, in words for people, and in which phase we wait for the next one."""

from dataclasses import dataclass

from apps.accounts.models import Phase
from apps.broker.port import BrokerRefused, BrokerTimeout, BrokerUnavailable
from apps.common.aio import DatabaseTimeout
from apps.domain.errors import DomainError
from apps.domain.mode import ModeProof, ProofState

__all__ = [
    "STOPPED",
    "STORE_AWAY",
    "SWITCHED_OFF",
    "Ending",
    "ModeNotProven",
    "Phase",
    "SessionOver",
    "ending_of",
    "leaves",
]

CLIENT_ID_IN_USE = 326

STORE_AWAY = "the database does not answer"
STOPPED = "gateway stopped"
SWITCHED_OFF = "switched off"


class SessionOver(DomainError):
    """This broker session is to end; the detail says why."""

    code = "BROKER_NOT_READY"


class ModeNotProven(DomainError):
    """The broker's own words do not prove the declared mode, so nothing may be written."""

    code = "MODE_MISMATCH"

    def __init__(self, proof: ModeProof) -> None:
        super().__init__("; ".join(proof.reasons), reasons=list(proof.reasons))
        self.proof = proof


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session is over, and the phase in which we wait for the next."""

    reasons: tuple[str, ...]
    phase: Phase = Phase.DISCONNECTED

    @property
    def is_wish(self) -> bool:
        """Tell whether people asked for it."""
        return self.reasons[0] in {STOPPED, SWITCHED_OFF}

    @property
    def is_ours(self) -> bool:
        """Tell whether our own database ended it; IB Gateway need not be spared then."""
        return self.reasons == (STORE_AWAY,)


def ending_of(errors: BaseExceptionGroup[Exception]) -> Ending:
    """Return the reasons people should read: a wish first, then a failed proof, then the rest."""
    found = [error for error in leaves(errors) if isinstance(error, DomainError)]
    for error in found:
        if isinstance(error, SessionOver) and error.detail in {STOPPED, SWITCHED_OFF}:
            return Ending((error.detail,))
        if isinstance(error, ModeNotProven):
            return _not_proven(error.proof)
    sentences = tuple(dict.fromkeys(_sentence(error) for error in found))
    return Ending(sentences or (STORE_AWAY,))


def _not_proven(proof: ModeProof) -> Ending:
    if proof.state is ProofState.CONTRADICTED:
        return Ending(proof.reasons)
    return Ending(proof.reasons, Phase.AWAITING_LOGIN)


def _sentence(error: DomainError) -> str:
    if isinstance(error, DatabaseTimeout):
        return STORE_AWAY
    if isinstance(error, BrokerRefused) and error.ib_code == CLIENT_ID_IN_USE:
        return "The client id is still in use at IB Gateway (326); waiting for it to be free"
    if isinstance(error, BrokerRefused):
        return f"IB Gateway refused: {error.ib_message} ({error.ib_code})"
    if isinstance(error, BrokerTimeout):
        return f"IB Gateway did not answer in time: {error.detail}"
    if isinstance(error, BrokerUnavailable):
        return f"IB Gateway cannot be reached: {error.detail}"
    return error.detail


def leaves(errors: BaseExceptionGroup[Exception]) -> list[BaseException]:
    """Return the errors themselves, however deep the groups are nested."""
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
