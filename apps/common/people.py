"""Who of the staff has a role at all, and which; what a role may do is not decided here."""

from typing import Any

ROLES = frozenset({"viewer", "trader", "risk-1", "risk-2", "admin", "break-glass"})


def roles_of(person: Any) -> frozenset[str]:
    """Return the person's roles; read once per request, because the user object lives as long."""
    known: frozenset[str] | None = getattr(person, "staff_roles", None)
    if known is None:
        known = frozenset(person.groups.values_list("name", flat=True)) & ROLES
        person.staff_roles = known
    return known


def may_look(person: Any) -> bool:
    """Tell whether this person may read what the console shows: staff with any role."""
    if not (person.is_active and person.is_staff):
        return False
    return bool(person.is_superuser or roles_of(person))
