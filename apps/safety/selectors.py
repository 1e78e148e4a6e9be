"""Read trading states, the limits in force and incidents. Nothing here creates a row."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from django.db.models import F, Q

from apps.accounts.models import Account
from apps.common.prepared import Prepared
from apps.domain.mode import Mode
from apps.domain.risk.limits import Limits, defaults_for, from_values
from apps.safety.models import AccountRisk, Incident, LimitSet, State, TradingState

#: The scope of everything; its row always exists.
EVERYTHING = "*"

_STRICTNESS = {State.ACTIVE: 0, State.REDUCING: 1, State.HALTED: 2}


def account_scope(code: str) -> str:
    """Return the scope of one account."""
    return f"account:{code}"


def symbol_scope(symbol: str) -> str:
    """Return the scope of one symbol, which must be normalised."""
    return f"symbol:{symbol}"


def scopes_of(account_code: str, symbol: str) -> tuple[str, str, str]:
    """Return every scope that holds for an order, everything first."""
    return EVERYTHING, account_scope(account_code), symbol_scope(symbol)


def state_words(states: Iterable[TradingState]) -> list[str]:
    """Return the words a gate judges by; HALTED is added if the row of everything is missing."""
    rows = list(states)
    words = [row.state for row in rows]
    return words if any(row.scope == EVERYTHING for row in rows) else [*words, State.HALTED.value]


def states(scopes: Collection[str]) -> list[TradingState]:
    """Return the states stored for these scopes; one that never was restricted has no row."""
    return list(TradingState.objects.filter(scope__in=scopes))


def all_states() -> list[TradingState]:
    """Return the states of everything and of each scope that ever was restricted."""
    return list(TradingState.objects.all())


def strictest(states: Iterable[TradingState]) -> State:
    """Return the state that holds where all of these apply.

    HALTED without any: the row of everything always exists, so its absence is a fault.
    """
    words = [State(row.state) for row in states]
    return max(words, key=_STRICTNESS.__getitem__, default=State.HALTED)


_risk_of_account = Prepared(lambda pk: AccountRisk.objects.filter(account_id=pk), int)
_newest_limits = Prepared(
    lambda pk: LimitSet.objects.filter(Q(account_id=pk) | Q(account__isnull=True)).order_by(
        F("account_id").asc(nulls_last=True), "-version"
    )[:1],
    int,
)


def limits_in_force(account: Account, *, risk: AccountRisk | None = None) -> Limits:
    """Return the limits of the account: its own newest set, else the shared one, else the defaults.

    `version` is that of the account's risk row, so it rises with each change whatever its
    source; a caller that holds the row hands it over. Raises UnreadableLimits if the set cannot
    be read.
    """
    row = risk or _risk_of_account.first(account.pk)
    version = 1 if row is None else row.version
    newest = _newest_limits.first(account.pk)
    if newest is None:
        return replace(defaults_for(Mode(account.mode)), version=version)
    return from_values(newest.values, version=version)


def open_incidents(accounts: Collection[str] | None = None) -> list[Incident]:
    """Return the incidents nobody has closed, the newest first; None means of every account."""
    rows = Incident.objects.filter(closed_at__isnull=True).select_related("account")
    return list((rows if accounts is None else rows.filter(account__code__in=accounts)).order_by("-pk"))


def incidents_about(subjects: Collection[str]) -> list[Incident]:
    """Return every incident about these subjects, the oldest first."""
    return list(Incident.objects.filter(subject__in=subjects).order_by("pk"))


def breaker_waits() -> bool:
    """Tell whether an incident has not had its reduction yet."""
    return Incident.objects.filter(trips=True, tripped_at__isnull=True).exists()
