"""The one import of the Interactive Brokers library, and every private member of it that we touch.

The library is used unmodified, for what it does well: the socket, the codec, the request
methods. Its mirror of the broker (Trade, fills, tickers) is not used; see `ear.py`. The day it
is replaced, this file changes. `IB_LIBRARY=ib_async` chooses the successor.
"""

import asyncio
import logging
import os
import warnings
from typing import Any

from apps.broker.quiet import OneLinePerKind


def _set_a_loop() -> None:
    """Give this thread an event loop if it has none: the library asks for one while it is imported."""
    policy = asyncio.get_event_loop_policy()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # from 3.12 on the question itself is frowned upon
        try:
            policy.get_event_loop()
        except RuntimeError:
            policy.set_event_loop(policy.new_event_loop())


library: Any
if os.environ.get("IB_LIBRARY", "ib_insync") == "ib_async":
    import ib_async

    library = ib_async
else:
    _set_a_loop()
    import ib_insync

    library = ib_insync

Contract: Any = library.Contract
Order: Any = library.Order

#: Request ids come from a range of their own, so that no error about a request can name an order.
FIRST_REQUEST_ID = 1_000_000_000

#: At 158 the library misreads openOrder.
UNREADABLE_VERSIONS = frozenset({158})


def _quieten() -> None:
    """Keep orders and account values out of the log; the library writes them at INFO."""
    for part in ("ib", "client", "wrapper", "Decoder"):
        logger = logging.getLogger(f"{library.__name__}.{part}")
        logger.setLevel(logging.CRITICAL if part == "client" else logging.ERROR)
        logger.addFilter(OneLinePerKind())


_quieten()


def fresh_ib() -> Any:
    """Return a new IB object that neither hides errors, nor waits for ever, nor queues frames."""
    ib = library.IB()
    ib.RaiseRequestErrors = True
    ib.RequestTimeout = 30
    ib.client.MaxRequests = 0
    return ib


def own_socket(client: Any, *, has_data: Any, disconnected: Any) -> None:
    """Give what the socket reads to `has_data` instead of to the client; hear of its end after it."""
    client.conn.hasData.clear()
    client.conn.hasData.connect(has_data, keep_ref=True)
    client.conn.disconnected.connect(disconnected, keep_ref=True)


def read_handshake(client: Any, whole_frame: bytes) -> None:
    """Let the library itself read one whole frame of the handshake, its length included."""
    client._onSocketHasData(whole_frame)  # noqa: SLF001 - the handshake is part of this method


def is_anything_queued(client: Any) -> bool:
    """Tell whether the library holds back frames, which it must not at MaxRequests = 0."""
    return bool(client._msgQ)  # noqa: SLF001 - there is no public way to ask


def accepts_version(client: Any, version: int) -> bool:
    """Tell whether the library can read what a server of this version writes."""
    return (
        client.MinClientVersion <= version <= client.MaxClientVersion and version not in UNREADABLE_VERSIONS
    )
