"""One connected client: its requests, its subscriptions, and what is written to it.

Requests are looked up in the table of requests/; this module only reads, dispatches and
writes. Handshake and client ids are the server's business.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from typing import Any

from apps.simulator import messages
from apps.simulator.clock import wall_seconds
from apps.simulator.events import (
    CommissionCharged,
    Event,
    Executed,
    OrderBound,
    OrderChanged,
    OrderNotice,
    PositionChanged,
    TradeBusted,
)
from apps.simulator.messages import Message, Out
from apps.simulator.order_messages import execution, open_order, order_status
from apps.simulator.requests import REQUESTS, refuse_unknown
from apps.simulator.streams import Stream
from apps.simulator.venue import Venue
from apps.simulator.wire import BadField, Fields, encode, read_frame, split_fields

logger = logging.getLogger(__name__)

MESSAGES_PER_S = 50
STRIKES = 3
# A client that does not read must not eat the memory; ticks may be lost, nothing else is so frequent.
MAX_UNSENT_BYTES = 8_000_000
_TICKS = frozenset({Out.TICK_PRICE, Out.TICK_SIZE, Out.TICK_STRING, Out.TICK_GENERIC, Out.TICK_BY_TICK})
_ACKS = frozenset({Out.ORDER_STATUS, Out.OPEN_ORDER, Out.EXECUTION, Out.COMMISSION})


class ClientSession:
    """A client after its startApi."""

    def __init__(
        self,
        venue: Venue,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        version: int,
        client_id: int,
    ) -> None:
        self.venue = venue
        self.version = version
        self.client_id = client_id
        self.market_data_type = 1
        self.streams: dict[tuple[str, int], Stream] = {}
        self._reader = reader
        self._writer = writer
        self._held: list[Message] = []
        self._unsent: list[bytes] = []
        self._arrivals: deque[float] = deque(maxlen=MESSAGES_PER_S + 1)
        self._strikes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def account(self) -> str:
        return self.venue.config.account

    # --- subscriptions -------------------------------------------------------------------

    def open_stream(self, kind: str, request_id: int, stream: Stream) -> None:
        self.streams[kind, request_id] = stream
        self.venue.meter.opened(kind)

    def close_stream(self, kind: str, request_id: int) -> bool:
        """Return whether there was such a subscription."""
        if self.streams.pop((kind, request_id), None) is None:
            return False
        self.venue.meter.closed(kind)
        return True

    def has_stream(self, kind: str, request_id: int) -> bool:
        return (kind, request_id) in self.streams

    def count_streams(self, kind: str) -> int:
        return sum(1 for one, _ in self.streams if one == kind)

    def pulse(self, now: float) -> None:
        self._send_held()
        for stream in list(self.streams.values()):
            stream.pulse(now)

    # --- writing -------------------------------------------------------------------------

    def _send_held(self) -> None:
        if self._held and not self.venue.faults.is_frozen:
            held, self._held = self._held, []
            for message in held:
                self.send(message)

    def send(self, message: Message) -> None:
        """Write one message, unless a fault switch says otherwise."""
        faults = self.venue.faults
        if message[0] in faults.withheld or self._writer.is_closing():
            return
        if message[0] in _TICKS and self.is_congested:
            return
        if faults.is_frozen:
            if message[0] not in _TICKS:
                self._held.append(message)
        elif faults.ack_delay_s and message[0] in _ACKS:
            asyncio.get_running_loop().call_later(faults.ack_delay_s, self._write, message)
        else:
            self._send_held()
            self._write(message)

    def send_error(self, request_id: int, code: int, text: str) -> None:
        self.send(messages.error(self.version, request_id, code, text))

    def _write(self, message: Message) -> None:
        self.write_frames(encode(message))

    @property
    def takes_frames(self) -> bool:
        """Return whether ticks may come as bytes: no switch has to look at each message."""
        return not (self.venue.faults.withheld or self.venue.faults.is_frozen or self.is_congested)

    def write_frames(self, frames: bytes) -> None:
        """Queue whole frames; everything one turn of the loop says goes out as one piece."""
        if self._writer.is_closing():
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unsent.append(frames)

    def flush(self) -> None:
        """Hand what was written to the socket."""
        if self._unsent and not self._writer.is_closing():
            self._writer.write(b"".join(self._unsent))
        self._unsent.clear()

    @property
    def is_congested(self) -> bool:
        """Return whether the client reads so slowly that ticks are left out."""
        return int(self._writer.transport.get_write_buffer_size()) > MAX_UNSENT_BYTES

    def close(self, *, reset: bool = False) -> None:
        """Close the socket with FIN, or with RST."""
        for task in self._tasks:
            task.cancel()
        for kind, request_id in list(self.streams):
            self.close_stream(kind, request_id)
        self.flush()
        if reset:
            _reset_on_close(self._writer)
            self._writer.transport.abort()
        else:
            self._writer.close()

    def greet(self) -> None:
        """Answer startApi."""
        self.send(messages.managed_accounts(self.account))
        self.send(messages.next_valid_id(self.venue.state.book.next_order_id()))
        for code, text in (
            (2104, "Market data farm connection is OK:usfarm"),
            (2106, "HMDS data farm connection is OK:ushmds"),
            (2158, "Sec-def data farm connection is OK:secdefnj"),
        ):
            self.send_error(-1, code, text)

    # --- reading -------------------------------------------------------------------------

    async def serve(self) -> None:
        """Read and answer until the client goes."""
        while True:
            payload = await read_frame(self._reader)
            await self.venue.faults.thawed()
            if self.venue.faults.is_paced and not self._keeps_pace():
                continue
            self._handle(split_fields(payload))

    def _keeps_pace(self) -> bool:
        now = wall_seconds()
        self._arrivals.append(now)
        if len(self._arrivals) <= MESSAGES_PER_S or now - self._arrivals[0] > 1.0:
            return True
        self._arrivals.clear()
        self._strikes += 1
        self.send_error(-1, 100, "Max rate of messages per second has been exceeded:max=50")
        if self._strikes >= STRIKES:
            self.close()
        return False

    def _handle(self, texts: list[str]) -> None:
        fields = Fields(texts)
        try:
            message_id = fields.integer()
            handler = REQUESTS.get(message_id)
            if handler is None:
                refuse_unknown(self, message_id, fields)
                return
            work = handler(self, fields)
        except BadField as error:
            logger.warning("request not understood", extra={"client_id": self.client_id, "cause": str(error)})
            self.send_error(-1, 320, f"Error reading request. {error}")
            return
        if fields.left:
            logger.info("request had fields left over", extra={"message_id": message_id, "left": fields.left})
        if work is not None:
            task = asyncio.get_running_loop().create_task(work, name=f"simulator request {message_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # --- events of the exchange ----------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Tell the client an event that concerns it."""
        match event:
            case OrderChanged():
                if event.with_terms:
                    self.send(open_order(self.version, event.order))
                if event.with_status:
                    self.send(order_status(event.order))
            case Executed():
                self.send(execution(self.version, -1, event.fill))
            case CommissionCharged():
                self.send(messages.commission(event.fill.exec_id, event.fill.commission, event.fill.realized))
            case OrderNotice():
                self.send_error(event.order_id, event.code, event.text)
            case OrderBound():
                self.send(
                    messages.order_bound(event.order.perm_id, event.order.client_id, event.order.order_id)
                )
            case PositionChanged():
                for stream in list(self.streams.values()):
                    stream.position_changed(event.con_id)
            case TradeBusted():
                for stream in list(self.streams.values()):
                    stream.trade_busted(event.con_id)


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    connection: Any = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
