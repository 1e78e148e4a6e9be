"""What must not happen, as words: each kind with what it means and whether it trips the breaker.

A kind trips (R25) if the books may be wrong about what is held or what can still trade: then no
program may go on opening positions on them. What the broker did and the books followed, so that
both agree again, is an incident to read and leaves trading as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class IncidentKind(StrEnum):
    """The word by which an incident is told."""

    OVERFILL = "overfill"
    FILL_AFTER_CANCELLED = "fill_after_cancelled"
    FILL_OF_UNSENT = "fill_of_unsent"
    UNSENT_AT_BROKER = "unsent_at_broker"
    REOPENED = "reopened"
    FILL_TAKEN_BACK = "fill_taken_back"
    NOT_PLACED_REVOKED = "not_placed_revoked"
    TWO_PERM_IDS = "two_perm_ids"
    ORPHAN_ORDER = "orphan_order"
    ORPHAN_EXECUTION = "orphan_execution"
    POSITION_MISMATCH = "position_mismatch"
    EXECUTION_CONFLICT = "execution_conflict"
    TERMS_CHANGED = "terms_changed"
    RESOLUTION_CONTRADICTED = "resolution_contradicted"


@dataclass(frozen=True, slots=True)
class IncidentMeaning:
    """What a kind says to people, and whether trading is reduced for it."""

    title: str
    trips: bool
    first_step: str


_K = IncidentKind

INCIDENTS: Mapping[IncidentKind, IncidentMeaning] = MappingProxyType(
    {
        _K.OVERFILL: IncidentMeaning(
            "More filled than was ordered", True, "Compare the executions with the broker's own statement"
        ),
        _K.FILL_AFTER_CANCELLED: IncidentMeaning(
            "Filled after the broker had said cancelled", True, "Check the position, it may be unprotected"
        ),
        _K.FILL_OF_UNSENT: IncidentMeaning(
            "A fill of an order that never left us", True, "Find out which program wrote this order"
        ),
        _K.UNSENT_AT_BROKER: IncidentMeaning(
            "An order that never left us is at the broker",
            True,
            "Was the database restored? Compare both",
        ),
        _K.REOPENED: IncidentMeaning(
            "An ended order lives on at the broker", True, "Look at its story, then cancel it or let it work"
        ),
        # The broker took a trade back and said so; books and broker agree again.
        _K.FILL_TAKEN_BACK: IncidentMeaning(
            "The broker took a fill back", False, "Check the position and whoever acted on the fill"
        ),
        _K.NOT_PLACED_REVOKED: IncidentMeaning(
            "An order called NOT_PLACED was at the broker", True, "Tell its caller, who may have sent another"
        ),
        _K.TWO_PERM_IDS: IncidentMeaning(
            "Two orders at the broker under one reference", True, "Both are being cancelled; check the fills"
        ),
        _K.ORPHAN_ORDER: IncidentMeaning(
            "An order of ours that no row explains", True, "Was the database restored? Cancel it in TWS"
        ),
        _K.ORPHAN_EXECUTION: IncidentMeaning(
            "A fill of ours that no order explains", True, "Was the database restored? Compare the positions"
        ),
        _K.POSITION_MISMATCH: IncidentMeaning(
            "The position is not what our executions add up to", True, "Compare with the broker's statement"
        ),
        # Which of two reports is right shows in the position, and that trips on its own.
        _K.EXECUTION_CONFLICT: IncidentMeaning(
            "One execution told twice with other numbers", False, "Compare with the broker's statement"
        ),
        # Somebody at TWS changed an order; the gates count the new terms already.
        _K.TERMS_CHANGED: IncidentMeaning(
            "The broker shows terms we did not ask for", False, "Ask who changes orders in TWS"
        ),
        _K.RESOLUTION_CONTRADICTED: IncidentMeaning(
            "The broker contradicts what a person entered", True, "Check the position and the order's story"
        ),
    }
)
