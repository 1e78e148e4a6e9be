"""A client of a flood that only reads: `python -m bench.tick_reader PORT CLIENT_ID`.

In a process of its own, so that its reading does not delay who measures beside it.
"""

from __future__ import annotations

import sys

from bench.simulator import MAX_LINES, line_symbols
from bench.tick_client import Client


def main(port: int, client_id: int) -> None:
    """Subscribe to as many lines as a client may have, and read until ended."""
    client = Client(port)
    client.start(client_id)
    client.subscribe(line_symbols(MAX_LINES))
    print("reads", flush=True)
    while True:
        client.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
