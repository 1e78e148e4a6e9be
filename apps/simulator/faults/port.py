"""What fault verbs need of the running server, and what a request looks like to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from apps.simulator.protocol.messages import In

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession
    from apps.simulator.exchange.events import Event
    from apps.simulator.venue import Venue


class FaultPort(Protocol):
    """The server, as far as verbs may reach into it."""

    @property
    def venue(self) -> Venue: ...

    @property
    def sessions(self) -> Mapping[int, ClientSession]: ...

    def drop_clients(self, *, reset: bool) -> int: ...

    def emit_error(self, request_id: int, code: int, text: str) -> int: ...

    def halt_symbol(self, symbol: str, *, is_halted: bool, kind: str = "general") -> None: ...

    def grant_market_data(self, right: str, *, symbol: str) -> None: ...

    def stop_listening(self) -> None: ...

    def tell(self, events: list[Event]) -> None:
        """Hand events to their clients as they are, whatever the switches say."""

    def pulse(self) -> None: ...


# Where the id of a request stands among its fields, the message id being 0.
_ID_AT = {
    **dict.fromkeys((1, 2, 4, 7, 9, 10, 11, 22, 23, 25, 50, 51, 52, 53, 54, 55, 56, 57, 62, 63, 74, 75), 2),
    **dict.fromkeys((76, 77, 67, 68, 69, 70), 2),
    **dict.fromkeys((3, 20, 78, 79, 81, 83, 84, 86, 87, 88, 89, 90, 92, 93, 94, 95, 96, 97, 98, 100, 101), 1),
    **dict.fromkeys((102, 103, 104), 1),
    22: 1,
}
# Where conId stands in the requests about one contract; the symbol follows it.
_CONTRACT_AT = {1: 3, 3: 2, 9: 3, 10: 3, 20: 2, 50: 3, 54: 3, 55: 3, 87: 2, 88: 2, 96: 2, 97: 2}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: the message id, and all fields with it."""

    message_id: int
    texts: list[str]

    @classmethod
    def of(cls, texts: list[str]) -> Asked:
        """Return a request as its fields say, under message id -1 if that is no number."""
        return cls(_whole(texts[0]) if texts else -1, texts)

    @property
    def request_id(self) -> int:
        """Return the id the answer carries: of the request or the order, -1 if it has none."""
        at = _ID_AT.get(self.message_id, len(self.texts))
        return _whole(self.texts[at]) if at < len(self.texts) else -1

    @property
    def contract(self) -> tuple[int, str] | None:
        """Return conId and symbol, None if the request is not about one contract."""
        at = _CONTRACT_AT.get(self.message_id)
        if at is None or len(self.texts) <= at + 1:
            return None
        return max(0, _whole(self.texts[at])), self.texts[at + 1]

    @property
    def is_order(self) -> bool:
        return self.message_id == In.PLACE_ORDER

    @property
    def is_cancel(self) -> bool:
        return self.message_id == In.CANCEL_ORDER


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
