"""What market data the login has paid for, and what a client therefore gets to see.

A right is held for everything or for one symbol; a client asks for a type of data. The two
together decide between live, frozen and delayed prices, or a refusal. What is then sent is
requests/market_data.py.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from apps.simulator.instruments.universe import Instrument

DELAY_S = 900


class Right(StrEnum):
    """What the login may see of an instrument; PART is everything but the quote."""

    LIVE = "live"
    PART = "part"
    DELAYED = "delayed"
    NONE = "none"


class DataType(IntEnum):
    """The types of reqMarketDataType and of message 58."""

    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4

    @property
    def is_delayed(self) -> bool:
        return self >= DataType.DELAYED


class Entitlements:
    """The rights of one login; they may change while clients are connected."""

    def __init__(self, default: Right) -> None:
        self._start = default
        self.default = default
        self.by_symbol: dict[str, Right] = {}

    def right_to(self, symbol: str) -> Right:
        return self.by_symbol.get(symbol, self.default)

    def refusal_of_streams(self, instrument: Instrument) -> str | None:
        """Return why ticks, bars and books of an instrument are not to be had, None if they are."""
        if self.right_to(instrument.symbol) in (Right.LIVE, Right.PART):
            return None
        return f"No market data permissions for {instrument.trading_exchange} {instrument.sec_type}"

    def grant(self, right: Right, *, symbol: str = "") -> None:
        """Set the right to one symbol, or to everything, which forgets all single ones."""
        if symbol:
            self.by_symbol[symbol] = right
        else:
            self.default = right
            self.by_symbol.clear()

    def clear(self) -> None:
        """Go back to what the simulator was started with."""
        self.grant(self._start)

    def state(self) -> dict[str, str]:
        """Return what differs from the start, by symbol, `*` for everything."""
        shown = {symbol: str(right) for symbol, right in sorted(self.by_symbol.items())}
        return shown if self.default is self._start else {"*": str(self.default), **shown}


def data_type(right: Right, asked: int, *, is_open: bool) -> DataType | None:
    """Return the type of data a line carries now, or None if it carries none."""
    if right in (Right.LIVE, Right.PART):
        # Types 3 and 4 are only used where live data is missing; 4 asks for frozen data as 2 does.
        return DataType.FROZEN if asked in (2, 4) and not is_open else DataType.LIVE
    if right is Right.NONE or asked < DataType.DELAYED:
        return None
    return DataType.DELAYED_FROZEN if asked == 4 and not is_open else DataType.DELAYED


def refusal_of(right: Right, asked: int, *, source: str) -> tuple[int, str]:
    """Return the error for a line that carries nothing; `source` names instrument and exchange."""
    if right is Right.DELAYED:
        text = (
            "Requested market data requires additional subscription for API. "
            "See link in 'Market Data Connections' dialog for more details."
        )
        return 10089, f"{text}Delayed market data is available.{source}/TOP/ALL"
    text = "Requested market data is not subscribed."
    if asked < DataType.DELAYED:
        return 10168, f"{text} Delayed market data is not enabled."
    return 354, f"{text}Delayed market data is not available.{source}/TOP/ALL"


def notice_of(right: Right, kind: DataType, *, source: str) -> tuple[int, str] | None:
    """Return what the client is told before the first tick, None if it gets what it asked for."""
    if kind.is_delayed:
        return 10167, "Requested market data is not subscribed. Displaying delayed market data."
    if right is Right.PART:
        text = "Part of requested market data is not subscribed."
        return 10090, f"{text} Subscription-independent ticks are still active.{source}/TOP/ALL"
    return None
