"""What a request's function is: given a session and the fields after the message id."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

# A coroutine is work that goes on beside the reading of further requests.
Handler = Callable[["ClientSession", Fields], "Coroutine[None, None, None] | None"]
