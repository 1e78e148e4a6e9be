"""The peer of the tick benches: an asyncio program that writes frames it was given, and no more.

    python -m bench.bare_writer FILE TICKS_PER_S each|joined

Every connection gets the frames of FILE at the rate, over and over. `each` calls write
once a frame, as a plain asyncio server does; `joined` writes all that is due as one
piece, which is the floor: no server that makes its frames can come near it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from itertools import cycle, islice
from pathlib import Path

BEAT_S = 0.01


def frames_of(data: bytes) -> list[bytes]:
    """Return the frames of a file, each with its length in front."""
    found: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + 4 + int.from_bytes(data[place : place + 4], "big")
        found.append(data[place:end])
        place = end
    return found


async def main(frames: list[bytes], ticks_per_s: float, *, is_joined: bool) -> None:
    """Serve until ended."""
    # A client that goes in the middle of a beat is no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source, since = cycle(frames), time.monotonic()
        try:
            while not writer.is_closing():
                await asyncio.sleep(BEAT_S)
                now = time.monotonic()
                due = [*islice(source, int(now * ticks_per_s) - int(since * ticks_per_s))]
                since = now
                for piece in [b"".join(due)] if is_joined else due:
                    writer.write(piece)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        recorded = frames_of(Path(sys.argv[1]).read_bytes())
        asyncio.run(main(recorded, float(sys.argv[2]), is_joined=sys.argv[3] == "joined"))
    except KeyboardInterrupt:
        sys.exit(0)
