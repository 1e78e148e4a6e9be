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
from itertools import count
from typing import Any, cast

from apps.simulator.protocol import messages
from apps.simulator.clock import wall_seconds
from apps.simulator.exchange.events import (
    CommissionCharged,
    Event,
    Executed,
    OrderBound,
    OrderChanged,
    OrderNotice,
    PositionChanged,
    TradeBusted,
)
from apps.simulator.faults import Asked
from apps.simulator.faults.pipe import SlowPipe
from apps.simulator.faults.road import Road
from apps.simulator.protocol.messages import Message
from apps.simulator.protocol.order_messages import execution, open_order, order_status
from apps.simulator.requests import REQUESTS, refuse_unknown
from apps.simulator.clients.streams import Stream
from apps.simulator.venue import Venue
from apps.simulator.wire import BadField, Fields, encode, is_integer, read_frame, split_fields

logger = logging.getLogger(__name__)

MESSAGES_PER_S = 50
REQUESTS_A_TURN = 20
STRIKES = 3
# A client that does not read must not eat the memory; ticks may be lost, nothing else is so frequent.
MAX_UNSENT_BYTES = 8_000_000
# What is told even so (values, order books) ends the connection when it has piled up to this.
MAX_PILED_BYTES = 32_000_000


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
        self._road = Road(venue.faults, self, self._write)
        self._pipe = SlowPipe(writer)
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

    def drop_streams(self, kinds: frozenset[str]) -> int:
        """Forget all subscriptions of these kinds and return how many there were."""
        return sum(self.close_stream(*key) for key in list(self.streams) if key[0] in kinds)

    def kill_streams(self, kinds: frozenset[str]) -> int:
        """Let subscriptions of these kinds fall silent, their ids still taken; return how many there were."""
        dying = [key for key in self.streams if key[0] in kinds]
        for key in dying:
            self.streams[key] = Stream()
        return len(dying)

    def pulse(self, now: float) -> None:
        self._road.pulse()
        for (kind, _), stream in list(self.streams.items()):
            if not self.venue.faults.pauses(kind):
                stream.pulse(now)

    # --- writing -------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Write one message, unless a fault switch says otherwise."""
        if self._writer.is_closing() or (message[0] in messages.TICKS and self.is_congested):
            return
        if self._road.is_clear:
            self._write(message)
        else:
            self._road.send(message)

    def send_error(self, request_id: int, code: int, text: str, *, reject_json: str = "") -> None:
        self.send(messages.error(self.version, request_id, code, text, reject_json))

    def _write(self, message: Message) -> None:
        self.write_frames(encode(message))

    @property
    def takes_frames(self) -> bool:
        """Return whether ticks may come as bytes: no switch has to look at each message."""
        return self._road.is_clear and not self.is_congested

    def write_frames(self, frames: bytes) -> None:
        """Queue whole frames; everything one turn of the loop says goes out as one piece."""
        if self._writer.is_closing() or self._road.is_mute:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unsent.append(frames)

    def flush(self) -> None:
        """Hand what was written to the socket."""
        data, self._unsent = b"".join(self._unsent), []
        pace = self.venue.faults.connection.slow_writer
        if not data or self._writer.is_closing():
            return
        if pace is None and self._pipe.is_empty:
            self._writer.write(data)
        else:
            self._pipe.push(data, pace)
        if self._transport.get_write_buffer_size() > MAX_PILED_BYTES:
            self._log("connection closed", cause="the client does not read")
            self._transport.abort()

    @property
    def is_congested(self) -> bool:
        """Return whether the client reads so slowly that ticks are left out."""
        return int(self._writer.transport.get_write_buffer_size()) > MAX_UNSENT_BYTES

    def close(self, *, reset: bool = False) -> None:
        """Close the socket with FIN, or with RST."""
        for task in self._tasks:
            task.cancel()
        self._pipe.stop()
        for kind, request_id in list(self.streams):
            self.close_stream(kind, request_id)
        self.flush()
        if reset:
            _reset_on_close(self._writer)
            self._writer.transport.abort()
        else:
            self._writer.close()

    def mute(self) -> None:
        """Say nothing from now on."""
        self._road.is_mute = True

    def stall(self) -> None:
        """Neither read nor write from now on, but keep the socket open."""
        self.mute()
        self._transport.pause_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self._writer.transport)

    def greet(self) -> None:
        """Answer startApi."""
        if self.venue.faults.connection.silent_after_start:
            self.mute()
        ends_in_comma = self.venue.policies.accounts_end_in_comma
        self.send(messages.managed_accounts(self.account, ends_in_comma=ends_in_comma))
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
        for number in count(1):
            if number % REQUESTS_A_TURN == 0:
                # Requests that have arrived are read without a pause; all other clients would wait for them.
                await asyncio.sleep(0)
            if self._writer.is_closing():
                return
            payload = await read_frame(self._reader)
            await self.venue.faults.thawed()
            if pace := self.venue.faults.connection.slow_reader:
                await asyncio.sleep(len(payload) / pace)
            if self.venue.faults.is_paced and not self._keeps_pace():
                continue
            self._receive(payload)
            if self.is_congested:
                # Whoever asks without reading the answers waits for the socket.
                await self._writer.drain()

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

    def _receive(self, payload: bytes) -> None:
        try:
            texts = split_fields(payload)
        except BadField as error:
            self._refuse_unread([], error)
            return
        self.handle(texts)

    def handle(self, texts: list[str]) -> None:
        """Answer one request, or let a fault switch deal with it."""
        faults = self.venue.faults
        if faults.is_quiet:
            self._answer(texts)
            return
        asked = Asked.of(texts)
        if not faults.intercepts(self, asked):
            self._answer(texts)
            faults.follow(self, asked)

    def _answer(self, texts: list[str]) -> None:
        fields = Fields(texts)
        try:
            message_id = fields.integer()
            handler = REQUESTS.get(message_id)
            if handler is None:
                self._log("request not played", message_id=message_id)
                refuse_unknown(self, message_id, fields)
                return
            work = handler(self, fields)
        except BadField as error:
            self._refuse_unread(texts, error)
            return
        if fields.left:
            logger.info("request had fields left over", extra={"message_id": message_id, "left": fields.left})
        if work is not None:
            task = asyncio.get_running_loop().create_task(work, name=f"simulator request {message_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _refuse_unread(self, texts: list[str], error: BadField) -> None:
        self._log("request not understood", request=texts[0][:20] if texts else "", cause=str(error))
        request_id = Asked.of(texts).request_id
        self.send_error(request_id if is_integer(request_id) else -1, 320, f"Error reading request. {error}")

    def refuse_invalid(self, request_id: int, error: BadField) -> None:
        """Refuse a request that was read to its end but holds what it must not."""
        self._log("request not valid", cause=str(error))
        self.send_error(request_id, 321, f"Error validating request.-'bS' : cause - {error}")

    def _log(self, sentence: str, **details: object) -> None:
        logger.warning(sentence, extra={"client_id": self.client_id, **details})

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
                self.send_error(event.order_id, event.code, event.text, reject_json=event.reject_json)
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
