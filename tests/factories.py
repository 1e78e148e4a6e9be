"""People and things for tests. A factory takes only what its test is about.

Tara trades, Rita and Ravi watch risk, Oskar must see nothing.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import Group, User

from apps.access.services import LIFETIME, IssuedKey, issue_key
from apps.domain.mode import Mode

PASSWORD = "correct horse battery staple"
READ_SCOPES = ("read:quotes", "read:account")
TRADE_SCOPES = (*READ_SCOPES, "orders:place", "orders:cancel")


def make_person(name: str, *, role: str = "", is_superuser: bool = False) -> User:
    """Return a staff user, in the group of a role if one is given."""
    user = User.objects.create_user(
        name, email=f"{name}@desk.example", password=PASSWORD, is_staff=True, is_superuser=is_superuser
    )
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_api_key(
    *,
    label: str = "Tara's backend",
    mode: Mode = Mode.PAPER,
    scopes: Sequence[str] = TRADE_SCOPES,
    accounts: Sequence[str] = ("DU1234567",),
    all_accounts: bool = False,
    addresses: Sequence[str] = (),
    lifetime: timedelta = LIFETIME,
) -> IssuedKey:
    """Return a fresh key with its token."""
    return issue_key(
        label=label,
        mode=mode,
        scopes=scopes,
        accounts=accounts,
        all_accounts=all_accounts,
        addresses=addresses,
        lifetime=lifetime,
        by="user:rita",
    )
