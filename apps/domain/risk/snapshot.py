"""What a gate sees: the state of the world as values, gathered by others, judged by rules.py."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import ProofState
from apps.domain.orders import Side


class TradingStateName(StrEnum):
    """May we trade: everything, only what shrinks positions, nothing."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One order that is not closed, as far as it can still trade.

    Orders of one `oca_group` cancel each other, so only the largest of a side counts. A leg
    whose parent has not filled can trade no more than the parent did: `remaining` says so.
    """

    side: Side
    remaining: Decimal
    oca_group: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a control may look at, for one order of one account at one moment.

    `reference` is the price per share to value the order with, `reference_source` where it is
    from; `quote_age_s` is its age by BOOTTIME. `position` and `position_most` are the smaller and
    the larger holding that may be true while an execution is booked and the broker has not yet
    said the position it led to; mostly they are equal. `same_instrument` are the other orders in the
    instrument that are not closed. `earlier_duplicate` names an equal order inside the window.
    """

    states: tuple[TradingStateName, ...]
    proof: ProofState
    instrument: InstrumentSpec
    position: Decimal
    position_most: Decimal
    same_instrument: tuple[Exposure, ...]
    not_closed: int
    reference: Decimal | None
    reference_source: str
    quote_age_s: Decimal | None
    quote_is_live: bool
    is_halted_at_exchange: bool
    earlier_duplicate: str = ""


def open_quantity(exposures: Iterable[Exposure], side: Side) -> Decimal:
    """Return how much could still trade on one side, counting an OCA group once."""
    alone = Decimal(0)
    groups: dict[str, Decimal] = {}
    for exposure in exposures:
        if exposure.side is not side:
            continue
        if exposure.oca_group:
            groups[exposure.oca_group] = max(groups.get(exposure.oca_group, Decimal(0)), exposure.remaining)
        else:
            alone += exposure.remaining
    return alone + sum(groups.values(), Decimal(0))


def worst_case(position: Decimal, exposures: Iterable[Exposure]) -> Decimal:
    """Return the largest absolute position that the open orders could lead to."""
    listed = tuple(exposures)
    longest = position + open_quantity(listed, Side.BUY)
    shortest = position - open_quantity(listed, Side.SELL)
    return max(abs(longest), abs(shortest))
