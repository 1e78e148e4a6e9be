"""Sockets that misbehave: dropped, refused, silent, slow, or still taken after their client left."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from apps.simulator.exchange.orders import Status
from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.port import Asked
from apps.simulator.faults.states import Drop, Handshake, SlowWriting
from apps.simulator.faults.verbs import Answer, Bounds, Count, MessageId, Rate, Seconds, verbs

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession


def drop_fin(faults: FaultSwitches) -> Answer:
    """Close the sockets of all clients, politely (FIN)."""
    return {"dropped": faults.port.drop_clients(reset=False)}


def drop_rst(faults: FaultSwitches) -> Answer:
    """Reset the sockets of all clients (RST)."""
    return {"dropped": faults.port.drop_clients(reset=True)}


def drop_before(
    faults: FaultSwitches, *, message: MessageId = 3, count: Count = 1, reset: bool = False
) -> None:
    """Close the socket when the `count`-th request `message` (3: placeOrder) comes, unprocessed."""
    faults.connection.drop_before = Drop(message, count, reset)


def drop_after(
    faults: FaultSwitches, *, message: MessageId = 3, count: Count = 1, reset: bool = False
) -> None:
    """Process the `count`-th request `message` (3: placeOrder), then close the socket without any answer."""
    faults.connection.drop_after = Drop(message, count, reset)


def half_open(faults: FaultSwitches, *, seconds: Seconds = 60) -> Answer:
    """Neither read from nor write to those connected now; their sockets stay open until they are reset."""
    faults.connection.half_open = faults.until(seconds)
    sessions = list(faults.port.sessions.values())
    for session in sessions:
        session.stall()
        faults.later(seconds, partial(session.close, reset=True))
    return {"stalled": len(sessions)}


def slow_reader(faults: FaultSwitches, *, bytes_per_s: Rate = 1_000) -> None:
    """Read requests slowly, in real time, until what clients write backs up."""
    faults.connection.slow_reader = bytes_per_s


def slow_writer(faults: FaultSwitches, *, bytes_per_s: Rate = 1_000, piece: Count = 1) -> None:
    """Write answers slowly, in real time, `piece` bytes at once."""
    faults.connection.slow_writer = SlowWriting(bytes_per_s, piece)


def refuse(faults: FaultSwitches, *, seconds: Seconds = 5) -> None:
    """Refuse new connections (the port is closed) for a time."""
    faults.connection.refuse = faults.until(seconds)
    faults.port.stop_listening()


def freeze(faults: FaultSwitches, *, seconds: Seconds = 5) -> None:
    """Stop like a suspended process: nothing is read or written until the end, then everything but ticks."""
    faults.connection.freeze = faults.until(seconds)


def busy_client_id(faults: FaultSwitches, *, seconds: Seconds = 5) -> None:
    """Keep the client id of a dropped connection in use for a time: 326 to whoever comes back with it."""
    faults.connection.busy_client_id = seconds


def gateway_restart(
    faults: FaultSwitches,
    *,
    seconds: Seconds = 60,
    reset: bool = False,
    busy_s: Seconds = 0,
    next_id: Annotated[int, Bounds(0, 2_000_000_000)] = 0,
) -> Answer:
    """Drop all clients, refuse new ones for a time, lose what was not transmitted.

    Afterwards ids stay busy for `busy_s`, and nextValidId begins at `next_id` (0: it goes on).
    """
    if busy_s:
        faults.connection.busy_client_id = busy_s
    dropped = faults.port.drop_clients(reset=reset)
    refuse(faults, seconds=seconds)
    book = faults.port.venue.state.book
    for order in [one for one in book.open_orders() if one.status is Status.API_PENDING]:
        book.forget(order)
    if next_id:
        roll_back_ids(faults, to=next_id)
    return {"dropped": dropped}


def roll_back_ids(faults: FaultSwitches, *, to: Count = 1) -> None:
    """Forget which order ids were used: nextValidId says `to`, and ids from there on are taken again."""
    venue = faults.port.venue
    venue.exchange.begin_order_ids_anew()
    if to > 1:
        venue.state.use_order_id(0, to - 1)


def no_handshake(faults: FaultSwitches, *, seconds: Seconds = 3_600) -> None:
    """Accept connections but do not answer their hello for a time, like a gateway at its login dialog."""
    faults.connection.no_handshake = faults.until(seconds)


def bad_handshake(faults: FaultSwitches, *, version: str = "0", time: str = "") -> None:
    """Answer every hello with this version and time, whatever they are."""
    faults.connection.bad_handshake = Handshake(version, time)


def silent_after_start(faults: FaultSwitches, *, on: bool = True) -> None:
    """Shake hands, then never answer startApi or anything after it."""
    faults.connection.silent_after_start = on


def disclaimer(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Answer the next `count` startApi with 10141 (accept the paper trading disclaimer first) and close."""
    faults.connection.disclaimer = count


def _drop_before(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    drop = faults.connection.drop_before
    if not _is_met(drop, asked):
        return False
    faults.connection.drop_before = None
    session.close(reset=drop is not None and drop.reset)
    return True


def _mute_before_drop(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    if _is_met(faults.connection.drop_after, asked):
        session.mute()
    return False


def _drop_after(faults: FaultSwitches, session: ClientSession, asked: Asked) -> None:
    drop = faults.connection.drop_after
    if drop is not None and drop.left <= 0:
        faults.connection.drop_after = None
        session.close(reset=drop.reset)


def _is_met(drop: Drop | None, asked: Asked) -> bool:
    """Count a request down; return whether it is the one."""
    if drop is None or drop.message != asked.message_id:
        return False
    drop.left -= 1
    return drop.left <= 0


VERBS = verbs(
    drop_fin,
    drop_rst,
    drop_before,
    drop_after,
    half_open,
    slow_reader,
    slow_writer,
    refuse,
    freeze,
    busy_client_id,
    gateway_restart,
    roll_back_ids,
    no_handshake,
    bad_handshake,
    silent_after_start,
    disclaimer,
)
BEFORE = (_drop_before, _mute_before_drop)
AFTER = (_drop_after,)
