"""Frames no gateway should send: broken, unknown, or with a field too many."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Annotated

from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.states import FieldFault
from apps.simulator.faults.verbs import Answer, Bounds, Count, MessageId, verbs
from apps.simulator.protocol.messages import Message, current_time
from apps.simulator.wire import encode

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

Length = Annotated[int, Bounds(0, 0xFFFFFFFF)]


def garbage_frame(faults: FaultSwitches, *, length: Count = 64, seed: int = 1) -> Answer:
    """Send every client a frame of the right length that holds random bytes."""
    payload = random.Random(seed).randbytes(length)
    return _to_all(faults, struct.pack(">I", length) + payload)


def oversize_frame(faults: FaultSwitches, *, length: Length = 0xFFFFFFFF) -> Answer:
    """Send every client the header of a frame of `length` bytes, and a little of the rest."""
    return _to_all(faults, struct.pack(">I", length) + b"49\x001\x00")


def empty_frame(faults: FaultSwitches) -> Answer:
    """Send every client a frame of no bytes."""
    return _to_all(faults, struct.pack(">I", 0))


def truncated_frame(faults: FaultSwitches, *, reset: bool = False) -> Answer:
    """Send every client half a frame, then close its socket."""
    whole = encode(current_time(faults.clock.epoch()))
    answer = _to_all(faults, whole[: len(whole) // 2])
    faults.port.drop_clients(reset=reset)
    return answer


def unended_frame(faults: FaultSwitches) -> Answer:
    """Send every client a message without the NUL at its end."""
    payload = encode(current_time(faults.clock.epoch()))[4:-1]
    return _to_all(faults, struct.pack(">I", len(payload)) + payload)


def unknown_message(faults: FaultSwitches, *, message: str = "999") -> Answer:
    """Send every client a message whose id no client knows; it may be any text."""
    return _to_all(faults, encode([message, 1, "surprise"]))


def emit_frame(faults: FaultSwitches, *, fields: list[str]) -> Answer:
    """Send every client a message of exactly these fields, the message id first."""
    return _to_all(faults, encode(list(fields)))


def extra_field(faults: FaultSwitches, *, message: MessageId = 3, count: Count = 1) -> None:
    """Add a field at the end of the next `count` messages `message` (3: orderStatus)."""
    faults.connection.extra_field = FieldFault(message, 1, count)


def missing_field(faults: FaultSwitches, *, message: MessageId = 3, count: Count = 1) -> None:
    """Leave out the last field of the next `count` messages `message` (3: orderStatus)."""
    faults.connection.missing_field = FieldFault(message, -1, count)


def _to_all(faults: FaultSwitches, frame: bytes) -> Answer:
    sessions = list(faults.port.sessions.values())
    for session in sessions:
        session.write_frames(frame)
    return {"clients": len(sessions)}


def _change_fields(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    for name in ("extra_field", "missing_field"):
        wanted: FieldFault | None = getattr(faults.connection, name)
        if wanted is not None and wanted.message == message[0]:
            wanted.left -= 1
            if wanted.left <= 0:
                setattr(faults.connection, name, None)
            message = [*message, "surplus"] if wanted.change > 0 else message[:-1]
    return [message]


VERBS = verbs(
    garbage_frame,
    oversize_frame,
    empty_frame,
    truncated_frame,
    unended_frame,
    unknown_message,
    emit_frame,
    extra_field,
    missing_field,
)
REWRITES = (_change_fields,)
