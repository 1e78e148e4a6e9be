"""Issue, revoke and count keys, and make the first administrator.

A secret is shown once, by whoever called; here it is only hashed. Who may issue keys is
checked by the page or command that calls.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.access.callers import SCOPES
from apps.access.models import ApiKey, FailedTry
from apps.access.selectors import shown
from apps.access.tokens import Token
from apps.audit.services import record
from apps.common.bell import ring_on_commit
from apps.common.db import DbClock
from apps.domain.errors import DomainError
from apps.domain.mode import Mode

LIFETIME = timedelta(days=90)
LONGEST_LIFETIME = timedelta(days=366)
TOUCH_EVERY = timedelta(minutes=1)
FREE_TRIES = 10
LONGEST_DELAY_S = 300
FORGET_TRIES_AFTER = timedelta(minutes=30)
FIRST_ADMIN = "admin"
SYSTEM = "system"
KEYS_TOPIC = "keys"

_ACCOUNT = re.compile(r"[A-Z0-9]{2,20}")


class InvalidKeyRequest(DomainError):
    """A key like this cannot be issued."""

    code = "VALIDATION_CHOICE"


class WeakSecret(DomainError):
    """A password or key that was set beforehand is not strong enough."""

    code = "VALIDATION_KEY"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its token, which nobody can ask for again."""

    key: ApiKey
    token: str = field(repr=False)


def issue_key(
    *,
    label: str,
    mode: Mode,
    scopes: Sequence[str],
    by: str,
    accounts: Sequence[str] = (),
    all_accounts: bool = False,
    addresses: Sequence[str] = (),
    lifetime: timedelta = LIFETIME,
    token: Token | None = None,
    reason: str = "",
    request_id: str = "",
    ip: str = "",
) -> IssuedKey:
    """Store a new key and return it with its token, to be shown once.

    `by` is who issues it, in the words of the audit (`user:tara`). `token` is given only
    where the secret was chosen beforehand. Raises InvalidKeyRequest.
    """
    _refuse_bad_request(label, scopes=scopes, accounts=accounts, lifetime=lifetime)
    token = token or Token.new(mode.value)
    if token.mode != mode.value:
        raise InvalidKeyRequest(f"The token is for {token.mode}, the key for {mode.value}")
    with transaction.atomic():
        key = ApiKey.objects.create(
            key_id=token.key_id,
            secret_hash=token.secret_hash,
            label=label,
            mode=mode.value,
            scopes=sorted(set(scopes), key=SCOPES.index),
            accounts=list(dict.fromkeys(accounts)),
            all_accounts=all_accounts,
            addresses=[_network(word) for word in addresses],
            expires_at=timezone.now() + lifetime,
            created_by=by,
        )
        record(
            kind="key.issued",
            actor=by,
            object=key.principal,
            after=shown(key),
            reason=reason,
            request_id=request_id,
            ip=ip,
        )
    return IssuedKey(key, token.text)


def revoke_key(*, key: ApiKey, by: str, reason: str = "", request_id: str = "", ip: str = "") -> ApiKey:
    """End a key for good; once it is revoked, again changes nothing. Rings "keys"."""
    with transaction.atomic():
        before = shown(key)
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=DbClock())
        key.refresh_from_db()
        if changed:
            record(
                kind="key.revoked",
                actor=by,
                object=key.principal,
                before=before,
                after=shown(key),
                reason=reason,
                request_id=request_id,
                ip=ip,
            )
            ring_on_commit(KEYS_TOPIC)
    return key


def report_leak(*, key: ApiKey, ip: str = "", request_id: str = "") -> None:
    """Mark a key that was seen in a URL, the first time, and tell the audit."""
    with transaction.atomic():
        before = shown(key)
        if ApiKey.objects.filter(pk=key.pk, leaked_at=None).update(leaked_at=DbClock()):
            key.refresh_from_db()
            record(
                kind="key.leaked",
                actor=key.principal,
                object=key.principal,
                before=before,
                after=shown(key),
                reason="seen in a URL",
                request_id=request_id,
                ip=ip,
            )


def touch(*, key: ApiKey, address: str, now: datetime) -> None:
    """Remember when and from where a key was used; at most one write a minute."""
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - TOUCH_EVERY) | ~Q(last_used_address=address)
    if key.last_used_at is None or key.last_used_at < now - TOUCH_EVERY or key.last_used_address != address:
        ApiKey.objects.filter(due, pk=key.pk).update(last_used_at=now, last_used_address=address)


def count_failure(*, key: ApiKey | None, address: str, now: datetime) -> int:
    """Count a wrong credential and return for how many seconds this source shall wait.

    Ten are free, then the wait doubles up to five minutes; half an hour of peace resets
    it. A correct credential is never delayed, so nobody can lock out somebody else.
    """
    source = {"key_id": key.key_id if key else "", "address": address or "?"}
    with transaction.atomic():
        tries = FailedTry.objects.filter(**source)
        tries.filter(last_at__lt=now - FORGET_TRIES_AFTER).update(count=0)
        FailedTry.objects.bulk_create([FailedTry(**source, last_at=now)], ignore_conflicts=True)
        tries.update(count=F("count") + 1, last_at=now)
        count = tries.values_list("count", flat=True).get()
    over = count - FREE_TRIES
    return min(2 ** min(over, 20), LONGEST_DELAY_S) if over > 0 else 0


def ensure_first_admin(password: str | None = None) -> tuple[str, str | None]:
    """Make the first administrator, if there is none yet.

    Returns the name, and the password only if it was made here just now, to be printed
    once. Raises WeakSecret if the given password is shorter than 12 characters or common.
    """
    existing = User.objects.filter(is_superuser=True).order_by("pk").first()
    if existing is not None:
        return existing.get_username(), None
    if password:
        _refuse_weak_password(password)
    with transaction.atomic():
        chosen = password or secrets.token_urlsafe(18)
        user = User.objects.create_superuser(FIRST_ADMIN, password=chosen)
        record(kind="user.first_admin", actor=SYSTEM, object=f"user:{user.get_username()}")
    return user.get_username(), None if password else chosen


def ensure_standalone_key(token: str | None = None) -> str | None:
    """Make the first key of a standalone installation, for all its accounts and every scope.

    Returns the token only if it was made here just now, to be printed once. A token that
    was set beforehand is stored, once. Raises WeakSecret if it has not the form of a key
    of this mode.
    """
    mode: Mode = settings.JAXBROKER_MODE
    given = _given_token(token, mode)
    if given is not None:
        if ApiKey.objects.filter(key_id=given.key_id).exists():
            return None
    elif ApiKey.objects.exists():
        return None
    issued = issue_key(
        label="standalone",
        mode=mode,
        scopes=SCOPES,
        all_accounts=True,
        lifetime=LONGEST_LIFETIME,
        by=SYSTEM,
        token=given,
        reason="first run",
    )
    return None if given else issued.token


def _given_token(token: str | None, mode: Mode) -> Token | None:
    if not token:
        return None
    given = Token.parse(token)
    if given is None or given.mode != mode.value:
        raise WeakSecret(
            f"JAXBROKER_STANDALONE_API_KEY: not of the form jb_{mode.value}_<8 small letters or digits>"
            "_<40 letters or digits>"
        )
    if len(set(given.secret)) < 12:
        raise WeakSecret("JAXBROKER_STANDALONE_API_KEY: its secret is too easy to guess")
    return given


def _refuse_weak_password(password: str) -> None:
    try:
        validate_password(password, User(username=FIRST_ADMIN))
    except ValidationError as error:
        raise WeakSecret(f"JAXBROKER_STANDALONE_ADMIN_PASSWORD: {' '.join(error.messages)}") from error


def _refuse_bad_request(
    label: str, *, scopes: Sequence[str], accounts: Sequence[str], lifetime: timedelta
) -> None:
    if not 1 <= len(label) <= 80 or not label.isprintable():
        raise InvalidKeyRequest("The label must have 1 to 80 visible characters")
    if unknown := set(scopes) - set(SCOPES):
        raise InvalidKeyRequest(f"Unknown scope {', '.join(sorted(unknown))}")
    if wrong := [code for code in accounts if not _ACCOUNT.fullmatch(code)]:
        raise InvalidKeyRequest(f"{wrong[0]!r} is not an account code")
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise InvalidKeyRequest("A key lives for 1 to 366 days")


def _network(word: str) -> str:
    try:
        return str(ip_network(word))
    except ValueError as error:
        raise InvalidKeyRequest(f"{word!r} is not an IP network") from error
