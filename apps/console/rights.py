"""Say what a person may do here, by role; the same answer draws a button and guards its POST.

Roles are Django groups made by the access part. The services check again what they can; this
is the surface's own lock, so that a forged request meets it before anything is read.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from apps.common.people import ROLES, may_look, roles_of

TRADER, RISK_1, RISK_2, ADMIN, BREAK_GLASS = "trader", "risk-1", "risk-2", "admin", "break-glass"

#: Stricter is cheap, looser is dear: everybody but a viewer halts, only risk resumes.
RIGHTS: Mapping[str, frozenset[str]] = {
    "see": ROLES,
    "halt": frozenset({TRADER, RISK_1, RISK_2, ADMIN, BREAK_GLASS}),
    "reduce": frozenset({TRADER, RISK_1, RISK_2}),
    "resume": frozenset({RISK_1, RISK_2}),
    "cancel": frozenset({TRADER, RISK_1, RISK_2}),
    "resolve": frozenset({RISK_1, RISK_2}),
    "approve_resolution": frozenset({RISK_2}),
    "connect": frozenset({TRADER, RISK_1, RISK_2, ADMIN}),
    "keys": frozenset({ADMIN}),
}


def may(person: Any, right: str) -> bool:
    """Tell whether this person has a right of the console. Unknown rights raise KeyError."""
    allowed = RIGHTS[right]
    return may_look(person) and bool(person.is_superuser or roles_of(person) & allowed)


def who_may(right: str) -> str:
    """Return the names of up to three people with a right, for those who have to ask them."""
    holders = Q(groups__name__in=RIGHTS[right]) | Q(is_superuser=True)
    people = get_user_model().objects.filter(holders, is_active=True, is_staff=True).distinct()
    names = [name_of(person) for person in people.order_by("is_superuser", "username")[:3]]
    return ", ".join(names) or "nobody yet"


def name_of(person: Any) -> str:
    """Return how a person is called on pages."""
    return str(person.get_full_name() or person.get_username())


def actor_of(person: Any) -> str:
    """Return how a person is written into records: kind and name, as programs are with their key."""
    return f"user:{person.get_username()}"
