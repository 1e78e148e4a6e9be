"""What one tradable thing is: the facts that prices, orders and the wire all need of it.

Facts only. Which things there are is universe.py, how their prices move is prices.py and
derived_prices.py, what contract details add is listings.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

VALID_EXCHANGES = ("SMART", "AMEX", "NYSE", "NASDAQ", "ARCA", "BATS", "IEX", "EDGX")
DIRECT_EXCHANGES = VALID_EXCHANGES[1:]
STOCK_RULE = 26
OPTIONS = frozenset({"OPT", "FOP"})
_WITH_MULTIPLIER = OPTIONS | {"FUT", "CONTFUT"}
_KINDS_OF_TRADES = frozenset({"TRADES", "AGGTRADES", "ADJUSTED_LAST"})
_WITHOUT_ORDERS = frozenset({"IND", "CONTFUT"})
_WITHOUT_TRADES = frozenset({"CASH", "CMDTY"})


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a combination: what, how many of it for one of the whole, and on which side."""

    con_id: int
    ratio: int
    action: str
    exchange: str

    @property
    def signed_ratio(self) -> int:
        return self.ratio if self.action == "BUY" else -self.ratio


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing with a price. `start_price` is in its currency, `spread_ticks` in points.

    A point is the smallest step of its quotes; prices inside the simulator are whole points.
    `lot` is what one unit of a displayed size stands for, `size_step` the smallest quantity.
    """

    con_id: int
    symbol: str
    name: str
    primary_exchange: str
    stock_type: str
    industry: str
    start_price: float
    daily_volatility: float
    average_volume: int
    spread_ticks: int
    sec_type: str = "STK"
    currency: str = "USD"
    point: float = 0.01
    multiplier: float = 1.0
    exchange: str = "SMART"
    valid_exchanges: tuple[str, ...] = VALID_EXCHANGES
    local_symbol: str = ""
    trading_class: str = ""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    under_con_id: int = 0
    rule_id: int = STOCK_RULE
    lot: float = 100
    size_step: float = 1
    legs: tuple[Leg, ...] = ()

    @property
    def points_per_unit(self) -> float:
        """How many points make one unit of its currency."""
        return 1.0 / self.point

    @property
    def decimals(self) -> int:
        """How many digits a price has on the wire."""
        return decimals_of(self.point)

    def price(self, points: float) -> float:
        """Return a price in its currency, without noise of binary fractions."""
        return round(points * self.point, 8)

    def points(self, price: float) -> int:
        """Return the whole points nearest to a price."""
        return round(price / self.point)

    def text(self, points: float) -> str:
        """Return a price given in points as the wire spells it."""
        return f"{points * self.point:.{self.decimals}f}"

    def average_text(self, points: float) -> str:
        """Return a mean of prices given in points, which has one digit more."""
        return f"{points * self.point:.{self.decimals + 1}f}"

    def quantity(self, steps: float) -> float:
        """Return a quantity counted in its smallest steps."""
        return steps if self.size_step == 1 else round(steps * self.size_step, 8)

    def in_lots(self, lots: int) -> float:
        """Return the quantity that so many units of a displayed size stand for."""
        size = lots * self.lot
        return size if self.size_step == 1 else round(size, 8)

    @property
    def multiplier_text(self) -> str:
        """The multiplier as the wire spells it: only of what is a contract on something else."""
        return f"{self.multiplier:.10g}" if self.sec_type in _WITH_MULTIPLIER else ""

    @property
    def path_name(self) -> str:
        """What its random numbers are drawn by."""
        return self.symbol if self.sec_type == "STK" else f"{self.sec_type}:{self.local_symbol}"

    @property
    def trading_exchange(self) -> str:
        """Where an execution is said to have happened."""
        return self.primary_exchange or self.exchange

    @property
    def is_stock(self) -> bool:
        return self.sec_type == "STK"

    @property
    def is_option(self) -> bool:
        return self.sec_type in OPTIONS

    @property
    def is_tradable(self) -> bool:
        """Whether orders can be placed on it."""
        return self.sec_type not in _WITHOUT_ORDERS

    @property
    def has_quotes(self) -> bool:
        """Whether it has a bid and an ask: an index is only ever calculated."""
        return self.sec_type != "IND"

    def offers(self, kind: str) -> bool:
        """Whether there is history or are ticks of a kind: its trades, or sides of its quote."""
        return self.has_trades if kind in _KINDS_OF_TRADES else self.has_quotes

    @property
    def has_volume(self) -> bool:
        """Whether what trades is counted and told."""
        return self.has_quotes and self.has_trades

    @property
    def has_trades(self) -> bool:
        """Whether there is a last trade to tell: currencies are only ever quoted."""
        return self.sec_type not in _WITHOUT_TRADES


@lru_cache(maxsize=256)
def decimals_of(point: float) -> int:
    """Return the digits behind the dot that a number of points needs: 2 for 0.01 and for 0.25."""
    digits = f"{point:.10f}".rstrip("0").partition(".")[2]
    return max(2, len(digits))


def exchanges_of(instrument: Instrument) -> tuple[str, ...]:
    """Return the exchanges at which an instrument's trades happen and its orders rest."""
    return DIRECT_EXCHANGES if instrument.is_stock else (instrument.trading_exchange,)
