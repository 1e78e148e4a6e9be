"""A raw IB Gateway of a few lines for what the simulator cannot do: lie, stay silent, send rubbish.

It shares no code with ours or with the library: frames are lists of text fields.
"""

import asyncio
import struct
from collections.abc import Callable
from types import TracebackType

Fields = list[str]

PLACE_ORDER, CANCEL_ORDER, GLOBAL_CANCEL = "3", "4", "58"
OPEN_ORDERS, COMPLETED_ORDERS, EXECUTIONS, POSITIONS, ACCOUNT, TIME = "16", "99", "7", "61", "6", "49"
MARKET_DATA, CANCEL_MARKET_DATA, CONTRACTS, HISTORY, MARKET_RULE = "1", "2", "9", "20", "91"

CONTRACT = ["265598", "AAPL", "STK", "", "0.0", "", "", "SMART", "USD", "AAPL", "NMS"]


def frame(*fields: object) -> bytes:
    """Return one frame with its length."""
    payload = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(payload)) + payload


class Peer:
    """One listening socket; `answers` maps a request id to what is sent back."""

    def __init__(self, *, version: str = "176", next_valid_id: int = 1, accounts: str = "DU1234567") -> None:
        self.version = version
        self.frames: list[Fields] = []
        self.greeting = [("15", "1", accounts), ("9", "1", str(next_valid_id))]
        self.rubbish: bytes | None = None
        self.answers: dict[str, Callable[[Fields], list[tuple[object, ...]]]] = {
            OPEN_ORDERS: lambda _: [("53", "1")],
            COMPLETED_ORDERS: lambda _: [("102",)],
            EXECUTIONS: lambda asked: [("55", "1", asked[2])],
            POSITIONS: lambda _: [("62", "1")],
            ACCOUNT: lambda asked: [("54", "1", asked[3])] if asked[2] == "1" else [],
            TIME: lambda _: [("49", "1", "1795186800")],
        }
        self.writer: asyncio.StreamWriter | None = None
        self.is_reading = asyncio.Event()
        self.is_reading.set()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Peer":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def of_kind(self, message_id: str) -> list[Fields]:
        """Return the frames of one kind that arrived."""
        return [fields for fields in self.frames if fields[0] == message_id]

    def send(self, *fields: object) -> None:
        """Send one frame."""
        self.send_bytes(frame(*fields))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.writer is not None
        self.writer.write(data)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection with FIN or RST."""
        assert self.writer is not None
        if reset:
            self.writer.transport.abort()
        else:
            self.writer.close()

    async def until(self, condition: Callable[[], bool], *, limit_s: float = 5.0) -> None:
        """Wait until something arrived that makes the condition true."""
        async with asyncio.timeout(limit_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writer = writer
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._changed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        await self._read(reader)
        if self.rubbish is not None:
            writer.write(self.rubbish)
            await reader.read()
            return
        writer.write(frame(self.version, "20261120 10:00:00 US/Eastern"))
        while True:
            fields = await self._read(reader)
            self.frames.append(fields)
            self._changed.set()
            if fields[0] == "71":
                for answer in self.greeting:
                    writer.write(frame(*answer))
            elif fields[0] in self.answers:
                for answer in self.answers[fields[0]](fields):
                    writer.write(frame(*answer))

    async def _read(self, reader: asyncio.StreamReader) -> Fields:
        await self.is_reading.wait()
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        return (await reader.readexactly(length)).decode().split("\0")[:-1]


def error(request_id: object, code: int, text: str = "a reason") -> tuple[object, ...]:
    """Return the fields of an error message at 176."""
    return ("4", "2", request_id, code, text, "")


def execution(request_id: object, exec_id: str, **changed: str) -> tuple[object, ...]:
    """Return the fields of an execDetails message."""
    values = {
        "time": "20261120 10:01:02 US/Eastern",
        "shares": "10",
        "price": "215.5",
        "side": "BOT",
        **changed,
    }
    return (
        "11", request_id, "5", *CONTRACT[:7], "SMART", *CONTRACT[8:], exec_id, values["time"], "DU1234567",
        "NASDAQ", values["side"], values["shares"], values["price"], "77", "7", "0", "10", "215.5", "jb:A",
        "", "", "", "1",
    )  # fmt: skip


def order_status(order_id: int, status: str, **changed: str) -> tuple[object, ...]:
    """Return the fields of an orderStatus message."""
    values = {"filled": "0", "remaining": "10", **changed}
    return ("3", order_id, status, values["filled"], values["remaining"], "0", "77", "0", "0", "7", "", "0")


def open_order(
    order_id: int, status: str, *, order_ref: str = "jb:A", quantity: str = "10"
) -> tuple[object, ...]:
    """Return the fields of an openOrder message at 176 as a real gateway fills them."""
    unset = "1.7976931348623157E308"
    head = [
        "5",
        order_id,
        *CONTRACT[:4],
        "0",
        "?",
        *CONTRACT[6:],
        "BUY",
        quantity,
        "LMT",
        "215.5",
        "0.0",
        "DAY",
    ]
    head += [
        "",
        "DU1234567",
        "",
        "0",
        order_ref,
        "7",
        "77",
        "0",
        "0",
        "0",
        "",
        "77.0/DU1234567/10",
        "",
        "",
        "",
        "",
    ]
    head += ["", "", "", "", "", "0", "", "-1", "0", "", "", "", "", "", "2147483647", "0", "0", "0", "", "3"]
    head += [
        "0",
        "0",
        "",
        "0",
        "0",
        "",
        "0",
        "None",
        "",
        "0",
        "",
        "",
        "",
        "?",
        "0",
        "0",
        "",
        "0",
        "0",
        "",
        "",
    ]
    head += [
        "",
        "",
        "",
        "0",
        "0",
        "0",
        "2147483647",
        "2147483647",
        "",
        "",
        "0",
        "",
        "IB",
        "0",
        "0",
        "",
        "0",
        "0",
    ]
    head += [
        status,
        *[unset] * 9,
        "",
        "",
        "",
        "",
        "",
        "0",
        "0",
        "0",
        "None",
        unset,
        "",
        unset,
        unset,
        unset,
        unset,
    ]
    head += ["0", "", "", "", "0", "1", "0", "0", "0", "", "", "0", "", "", "", "", ""]
    return tuple(head)


def position(con_id: int, quantity: str = "10") -> tuple[object, ...]:
    """Return the fields of a position message."""
    return ("61", "3", "DU1234567", con_id, *CONTRACT[1:], quantity, "215.5")
