"""A bare TWS client for tests: it shows every field on the wire and hides nothing.

Written from the protocol, not from apps.simulator, so that the two cannot agree on a mistake.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct

Frame = list[str]

#: Long enough for a busy machine; what waits this long has failed, whatever the machine does.
PATIENCE_S = 20.0


def frame(*fields: object) -> bytes:
    payload = "".join(f"{one}\0" for one in fields).encode()
    return struct.pack(">I", len(payload)) + payload


def contract(symbol: str, *, con_id: int = 0) -> list[str]:
    """Return CONTRACT12 of a stock."""
    return [str(con_id), symbol, "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]


def block(**terms: object) -> list[object]:
    """Return CONTRACT12 of anything; a term left out is empty."""
    names = "conId symbol secType expiry strike right multiplier exchange primary currency local class"
    return [terms.get(name, 0 if name in ("conId", "strike") else "") for name in names.split()]


class RawClient:
    """One connection; `frames` holds everything read after the handshake."""

    def __init__(self) -> None:
        self.version = 0
        self.frames: list[Frame] = []
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @classmethod
    async def open(
        cls, port: int, *, version: int = 176, client_id: int = 1, start: bool = True
    ) -> RawClient:
        client = cls()
        client._reader, client._writer = await asyncio.open_connection("127.0.0.1", port)
        hello = f"v{min(version, 157)}..{version}".encode()
        client.write_bytes(b"API\0" + struct.pack(">I", len(hello)) + hello)
        answer = await client.read()
        client.version = int(answer[0])
        if start:
            client.send(71, 2, client_id, "")
            await client.until(9)
        return client

    def write_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the server has taken what was written."""
        await self._writer.drain()

    def send(self, *fields: object) -> None:
        self._writer.write(frame(*fields))

    async def read(self, timeout_s: float = PATIENCE_S) -> Frame:
        """Return the next frame. Raises IncompleteReadError when the server has closed."""
        async with asyncio.timeout(timeout_s):
            (length,) = struct.unpack(">I", await self._reader.readexactly(4))
            payload = await self._reader.readexactly(length)
        assert payload.endswith(b"\0")
        return payload.decode().split("\0")[:-1]

    async def until(self, message_id: int, timeout_s: float = PATIENCE_S) -> Frame:
        """Return the next frame of a kind; those before it are kept in `frames`."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self.read(timeout_s)
                self.frames.append(found)
                if int(found[0]) == message_id:
                    return found

    async def ask(self, message_id: int, *fields: object) -> Frame:
        """Send a request and return the next frame of the kind given first."""
        self.send(*fields)
        return await self.until(message_id)

    async def error(self, code: int) -> Frame:
        """Return the next error with this code."""
        while True:
            found = await self.until(4)
            if int(found[3]) == code:
                return found

    async def settle(self) -> list[Frame]:
        """Return everything the server wrote until it answers a question asked now."""
        start = len(self.frames)
        await self.ask(49, 49, 1)
        return self.frames[start:-1]

    async def is_closed(self, timeout_s: float = PATIENCE_S) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._reader.read(1) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


def place_order(
    version: int,
    order_id: int,
    symbol: str = "AAPL",
    *,
    action: str = "BUY",
    quantity: object = 100,
    kind: str = "MKT",
    limit: object = "",
    stop: object = "",
    tif: str = "DAY",
    oca: str = "",
    oca_type: int = 0,
    ref: str = "",
    transmit: int = 1,
    parent: int = 0,
    what_if: int = 0,
    con_id: int = 0,
    account: str = "",
) -> list[object]:
    """Return the fields of a plain placeOrder, in the positions of the protocol's table."""
    fields: list[object] = [3, order_id, *contract(symbol, con_id=con_id), "", ""]
    fields += [action, quantity, kind, limit, stop, tif, oca, account, "O", 0, ref, transmit, parent]
    fields += [0, 0, 0, 0, 0, 0]  # blockOrder … hidden
    fields += [
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ]  # shares allocation, discretionary, good after/till, FA group … percentage
    if version < 177:
        fields.append("")
    fields += ["", 0, "", -1, oca_type, "", "", 0, "", "", 0, 0, "", 0]  # modelCode … auctionStrategy
    fields += ["", "", "", "", "", 0, "", "", "", ""]  # startingPrice … deltaNeutralAuxPrice
    fields += [0, "", "", "", "", "", ""]  # continuousUpdate … scalePriceIncrement
    fields += ["", "", "", "", 0, "", "", 0, 0, "", "", what_if]  # scaleTable … whatIf
    fields += ["", 0, 0, 0, 0]  # misc options, solicited, randomize ×2, conditions
    fields += [
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ]  # adjusted ×7, extOperator, soft dollar ×2, cashQty
    fields += ["", "", "", "", 0, 0, 0, ""]  # mifid ×4, dontUseAutoPrice, oms, discretionary, priceMgmt
    for since, value in ((158, ""), (160, ""), (162, 0), (166, ""), (169, "")):
        if version >= since:
            fields.append(value)
    return fields
