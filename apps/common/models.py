"""What rows of all parts share: an id for inside, a uuid for outside."""

import secrets
import time
from uuid import UUID

from django.db import models

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def uuid7() -> UUID:
    """Return a new UUID that sorts by the time it was made (RFC 9562, version 7).

    The twelve bits after the milliseconds hold their fraction, so ids of one process
    sort well below a millisecond; 62 bits are random.
    """
    milliseconds, rest_ns = divmod(time.time_ns(), 1_000_000)
    fraction = (rest_ns << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | _VERSION_7 | fraction << 64 | _VARIANT | secrets.randbits(62))


class PublicIdModel(models.Model):
    """A row that programs outside may name: by uuid, never by id."""

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)

    class Meta:
        abstract = True
