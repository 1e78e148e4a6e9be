"""Where the tests find things: the checkout, the paper account, and a port nobody uses."""

import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = "DU1234567"


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
