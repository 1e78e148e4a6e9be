"""What rows of all parts share: an id for inside, a uuid for outside; and how far clock work has come."""

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


class ClockTurn(models.Model):
    """The last period in which one piece of clock work was done; written in the transaction of its effect.

    `turn` counts periods since 1970 by the clock of the database; -1 is none yet.
    """

    name = models.CharField(max_length=64, unique=True)
    period_s = models.FloatField("period in seconds")
    turn = models.BigIntegerField(default=-1)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=models.Q(period_s__gt=0), name="clock_turn_has_a_period"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, turn {self.turn}"
