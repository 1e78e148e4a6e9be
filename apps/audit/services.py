"""Append to the chain, anchor its head outside the database, and verify it.

Who may read the chain is the admin's business; what a kind means is said by the part
that records it.
"""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from apps.audit.chain import GENESIS, SEALED_FIELDS, clean_text, seal, storable
from apps.audit.models import AuditEvent, ChainHead
from apps.common.db import DbClock, for_update
from apps.common.jsontext import rfc3339
from apps.common.prepared import Prepared, PreparedUpdate, insert

logger = logging.getLogger(__name__)

TAIL = 1_000
MAX_BREAKS = 20


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that was written down outside the database."""

    at: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a verification found; `breaks` are sentences, at most 20."""

    checked: int
    first_seq: int
    last_seq: int
    anchors: int
    breaks: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Return whether nothing contradicts the chain."""
        return not self.breaks


def record(
    *,
    kind: str,
    actor: str,
    object: str = "",  # noqa: A002  the word of the audit
    before: Any = None,
    after: Any = None,
    reason: str = "",
    request_id: str = "",
    ip: str = "",
    auth_strength: str = "",
) -> AuditEvent:
    """Append one event; call it last in the transaction of the change it tells.

    Takes the head until commit, so `seq` is the order of commits. `before` and `after`
    are JSON-like values; secrets in them are masked. If this fails, the change fails.
    """
    with transaction.atomic(savepoint=False):
        head, now = _locked_head()
        row: dict[str, Any] = {
            "seq": head.seq + 1,
            "prev_hash": head.hash,
            "at_db": now,
            "at_mono": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            "actor": clean_text(actor)[:100],
            "auth_strength": auth_strength,
            "ip": ip,
            "request_id": clean_text(request_id)[:128],
            "kind": kind,
            "object": clean_text(object)[:200],
            "before": storable(before),
            "after": storable(after),
            "reason": clean_text(reason),
            "code_version": settings.JAXBROKER_VERSION,
        }
        event = insert(AuditEvent(**row, hash=seal(row)))
        _move_head(event.seq, event.hash)
        return event


def anchor() -> Anchor | None:
    """Write the head to audit-anchor.log in the state directory and to the log.

    Returns None if the chain is empty. A head that stands there already is not repeated.
    """
    head = ChainHead.objects.annotate(now=DbClock()).filter(seq__gt=0).first()
    if head is None:
        return None
    written = Anchor(at=rfc3339(head.now), seq=head.seq, hash=head.hash)
    if not any((old.seq, old.hash) == (head.seq, head.hash) for old in _last_anchor()):
        _append_line(anchor_path(), f"{written.at} {written.seq} {written.hash}\n")
        logger.info("audit chain anchored", extra={"seq": head.seq, "hash": head.hash})
    return written


def verify(extent: Literal["full", "tail"] = "full") -> ChainReport:
    """Check the chain against itself, its head and its anchors.

    The tail is the last 1,000 events. Deleted last rows and a chain hashed anew are found
    by the anchors, as far as they go.
    """
    head = ChainHead.objects.filter(pk=1).first() or ChainHead()
    start = max(0, head.seq - TAIL) if extent == "tail" else 0
    anchors = {old.seq: old.hash for old in _anchors() if old.seq > start}
    found = _Findings(start)
    found.walk(AuditEvent.objects.filter(seq__gt=start).order_by("seq").iterator(), anchors)
    found.compare_end(head, anchors)
    return ChainReport(found.checked, start + 1, found.seq, len(anchors), tuple(found.breaks[:MAX_BREAKS]))


def anchor_path() -> Path:
    """Return the file of the anchors."""
    return Path(settings.JAXBROKER_STATE_DIR) / "audit-anchor.log"


class _Findings:
    """Walks the chain once and remembers what does not fit."""

    def __init__(self, start: int) -> None:
        self.seq = start
        self.hash = GENESIS
        self.checked = 0
        self.breaks: list[str] = []
        before = AuditEvent.objects.filter(seq=start).first()
        if before is not None:
            self.hash = before.hash
        elif start:
            self.breaks.append(f"event {start} is missing")

    def walk(self, events: Iterator[AuditEvent], anchors: dict[int, str]) -> None:
        for event in events:
            self._judge(event, anchors.get(event.seq))
            self.seq, self.hash = event.seq, event.hash
            self.checked += 1

    def compare_end(self, head: ChainHead, anchors: dict[int, str]) -> None:
        if (self.seq, self.hash) != (head.seq, head.hash):
            self.breaks.append(f"the head says {head.seq}, the last event is {self.seq}")
        lost = [seq for seq in anchors if seq > self.seq]
        if lost:
            self.breaks.append(f"events up to {max(lost)} were anchored and are gone")

    def _judge(self, event: AuditEvent, anchored: str | None) -> None:
        if event.seq != self.seq + 1:
            self.breaks.append(f"event {self.seq + 1} is missing")
        if event.prev_hash != self.hash:
            self.breaks.append(f"event {event.seq} does not follow the one before it")
        if seal({name: getattr(event, name) for name in SEALED_FIELDS}) != event.hash:
            self.breaks.append(f"event {event.seq} was changed")
        if anchored is not None and anchored != event.hash:
            self.breaks.append(f"event {event.seq} is not the one that was anchored")


_head = Prepared(lambda: for_update(ChainHead.objects.filter(pk=1)).annotate(now=DbClock()))
_move_head = PreparedUpdate(
    lambda seq, sealed: (ChainHead.objects.filter(pk=1), {"seq": seq, "hash": sealed}), int, str
)


def _locked_head() -> tuple[ChainHead, datetime]:
    head = _head.first()
    if head is None:
        ChainHead.objects.bulk_create([ChainHead()], ignore_conflicts=True)
        (head,) = _head.rows()
    return head, head.now


def _append_line(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _anchors() -> Iterator[Anchor]:
    if not anchor_path().exists():
        return
    with anchor_path().open(encoding="utf-8") as lines:
        for line in lines:
            at, seq, sealed = line.split()
            yield Anchor(at, int(seq), sealed)


def _last_anchor() -> list[Anchor]:
    last: list[Anchor] = []
    for found in _anchors():
        last = [found]
    return last
