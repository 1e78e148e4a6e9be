"""What can be traded: well-known US stocks and funds, with plausible prices and sizes.

Facts about instruments only. How a price moves is prices.py; how a contract is written
on the wire is contract_messages.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

TICK_DIGITS = 2
MARKET_RULE_ID = 26
VALID_EXCHANGES = ("SMART", "AMEX", "NYSE", "NASDAQ", "ARCA", "BATS", "IEX", "EDGX")
DIRECT_EXCHANGES = VALID_EXCHANGES[1:]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing with a price. `start_price` is in its currency, `spread_ticks` in points.

    A point is the smallest step of its quotes; prices inside the simulator are whole points.
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

    @property
    def isin(self) -> str:
        """A number of the right form; it belongs to the simulator's instrument only."""
        return f"US{self.con_id:010d}"[:12]


# conId symbol price vol% volume(M) spread exchange type industry name
_ROWS = """
265598 AAPL 228.50 1.6 48 1 NASDAQ COMMON Technology APPLE INC
272093 MSFT 428.00 1.4 20 2 NASDAQ COMMON Technology MICROSOFT CORP
4815747 NVDA 138.00 2.8 210 1 NASDAQ COMMON Technology NVIDIA CORP
3691937 AMZN 205.00 1.9 38 2 NASDAQ COMMON Communications AMAZON.COM INC
208813719 GOOGL 176.00 1.7 24 2 NASDAQ COMMON Communications ALPHABET INC-CL A
208813720 GOOG 177.50 1.7 17 2 NASDAQ COMMON Communications ALPHABET INC-CL C
107113386 META 572.00 2.0 13 5 NASDAQ COMMON Communications META PLATFORMS INC-CLASS A
76792991 TSLA 325.00 3.4 95 3 NASDAQ COMMON Consumer, Cyclical TESLA INC
4391 AMD 139.00 2.8 42 2 NASDAQ COMMON Technology ADVANCED MICRO DEVICES
270639 INTC 24.60 2.6 62 1 NASDAQ COMMON Technology INTEL CORP
15124833 NFLX 820.00 2.1 3 30 NASDAQ COMMON Communications NETFLIX INC
313130367 AVGO 172.00 2.4 22 3 NASDAQ COMMON Technology BROADCOM INC
274105 QCOM 165.00 2.0 8 3 NASDAQ COMMON Technology QUALCOMM INC
268084 CSCO 57.50 1.1 17 1 NASDAQ COMMON Communications CISCO SYSTEMS INC
265768 ADBE 505.00 1.9 3 15 NASDAQ COMMON Technology ADOBE INC
13096 TXN 205.00 1.6 5 5 NASDAQ COMMON Technology TEXAS INSTRUMENTS INC
9939 MU 103.00 2.7 18 2 NASDAQ COMMON Technology MICRON TECHNOLOGY INC
38708077 COST 920.00 1.3 2 35 NASDAQ COMMON Consumer, Cyclical COSTCO WHOLESALE CORP
11017 PEP 163.00 1.0 5 3 NASDAQ COMMON Consumer, Non-cyclical PEPSICO INC
266093 AMGN 295.00 1.4 3 12 NASDAQ COMMON Consumer, Non-cyclical AMGEN INC
274385 SBUX 98.00 1.5 8 2 NASDAQ COMMON Consumer, Cyclical STARBUCKS CORP
199169591 PYPL 84.00 2.1 9 2 NASDAQ COMMON Consumer, Non-cyclical PAYPAL HOLDINGS INC
444857009 PLTR 62.00 3.6 70 1 NASDAQ COMMON Technology PALANTIR TECHNOLOGIES INC-A
481691285 COIN 285.00 4.6 12 15 NASDAQ COMMON Financial COINBASE GLOBAL INC -CLASS A
8314 IBM 208.00 1.3 4 5 NYSE COMMON Technology INTL BUSINESS MACHINES CORP
272800 ORCL 185.00 1.9 9 4 NYSE COMMON Technology ORACLE CORP
325710205 CRM 325.00 1.9 6 12 NYSE COMMON Technology SALESFORCE INC
1520593 JPM 242.00 1.3 9 3 NYSE COMMON Financial JPMORGAN CHASE & CO
10098 BAC 46.50 1.5 36 1 NYSE COMMON Financial BANK OF AMERICA CORP
10375 WFC 73.50 1.6 16 1 NYSE COMMON Financial WELLS FARGO & CO
4627828 GS 590.00 1.6 2 25 NYSE COMMON Financial GOLDMAN SACHS GROUP INC
2841574 MS 132.00 1.5 6 4 NYSE COMMON Financial MORGAN STANLEY
87335484 C 69.00 1.6 13 1 NYSE COMMON Financial CITIGROUP INC
49462172 V 310.00 1.1 6 5 NYSE COMMON Financial VISA INC-CLASS A SHARES
38685693 MA 522.00 1.1 2 15 NYSE COMMON Financial MASTERCARD INC - A
72063691 BRK.B 470.00 0.9 4 10 NYSE COMMON Financial BERKSHIRE HATHAWAY INC-CL B
8719 JNJ 154.00 0.9 7 2 NYSE COMMON Consumer, Non-cyclical JOHNSON & JOHNSON
9160 LLY 750.00 1.9 3 40 NYSE COMMON Consumer, Non-cyclical ELI LILLY & CO
11031 PFE 25.20 1.4 38 1 NYSE COMMON Consumer, Non-cyclical PFIZER INC
70101545 MRK 98.00 1.2 10 2 NYSE COMMON Consumer, Non-cyclical MERCK & CO. INC.
118089500 ABBV 170.00 1.3 6 3 NYSE COMMON Consumer, Non-cyclical ABBVIE INC
14121 UNH 600.00 1.5 3 30 NYSE COMMON Consumer, Non-cyclical UNITEDHEALTH GROUP INC
11763 PG 171.00 0.9 6 2 NYSE COMMON Consumer, Non-cyclical PROCTER & GAMBLE CO/THE
8894 KO 63.00 0.8 13 1 NYSE COMMON Consumer, Non-cyclical COCA-COLA CO/THE
13824 WMT 86.00 1.0 15 1 NYSE COMMON Consumer, Cyclical WALMART INC
7930 HD 405.00 1.2 3 12 NYSE COMMON Consumer, Cyclical HOME DEPOT INC
9408 MCD 292.00 0.9 3 8 NYSE COMMON Consumer, Cyclical MCDONALDS CORP
10291 NKE 76.00 1.7 10 2 NYSE COMMON Consumer, Cyclical NIKE INC -CL B
6459 DIS 114.00 1.5 9 2 NYSE COMMON Communications WALT DISNEY CO/THE
13977 XOM 119.00 1.3 13 2 NYSE COMMON Energy EXXON MOBIL CORP
5684 CVX 160.00 1.3 7 3 NYSE COMMON Energy CHEVRON CORP
4762 BA 146.00 2.1 11 4 NYSE COMMON Industrial BOEING CO/THE
5437 CAT 385.00 1.6 3 15 NYSE COMMON Industrial CATERPILLAR INC
7516 GE 178.00 1.6 5 4 NYSE COMMON Industrial GENERAL ELECTRIC
9599491 F 11.20 1.8 50 1 NYSE COMMON Consumer, Cyclical FORD MOTOR CO
80986742 GM 55.50 2.1 12 1 NYSE COMMON Consumer, Cyclical GENERAL MOTORS CO
37018770 T 22.80 1.2 32 1 NYSE COMMON Communications AT&T INC
45685165 VZ 42.00 1.1 17 1 NYSE COMMON Communications VERIZON COMMUNICATIONS INC
365207014 UBER 71.00 2.3 19 1 NYSE COMMON Technology UBER TECHNOLOGIES INC
756733 SPY 590.00 0.9 48 1 ARCA ETF Funds SPDR S&P 500 ETF TRUST
320227571 QQQ 504.00 1.1 32 1 NASDAQ ETF Funds INVESCO QQQ TRUST SERIES 1
9579970 IWM 232.00 1.3 28 1 ARCA ETF Funds ISHARES RUSSELL 2000 ETF
73128548 DIA 434.00 0.8 3 3 ARCA ETF Funds SPDR DJIA TRUST
136155102 VOO 542.00 0.9 5 3 ARCA ETF Funds VANGUARD S&P 500 ETF
51529211 GLD 247.00 0.9 8 2 ARCA ETF Funds SPDR GOLD SHARES
39039301 SLV 28.30 1.7 20 1 ARCA ETF Funds ISHARES SILVER TRUST
15547841 TLT 90.50 1.0 40 1 NASDAQ ETF Funds ISHARES 20+ YEAR TREASURY BD
4215235 XLF 49.80 1.0 38 1 ARCA ETF Funds FINANCIAL SELECT SECTOR SPDR
4215230 XLE 95.50 1.3 14 1 ARCA ETF Funds ENERGY SELECT SECTOR SPDR
4215227 XLK 233.00 1.3 6 2 ARCA ETF Funds TECHNOLOGY SELECT SECT SPDR
12340041 EEM 43.20 1.1 30 1 ARCA ETF Funds ISHARES MSCI EMERGING MARKET
"""


@lru_cache(maxsize=256)
def decimals_of(point: float) -> int:
    """Return the digits behind the dot that a number of points needs: 2 for 0.01 and for 0.25."""
    digits = f"{point:.10f}".rstrip("0").partition(".")[2]
    return max(2, len(digits))


def _instrument(row: str) -> Instrument:
    con_id, symbol, price, volatility, millions, spread, exchange, stock_type, rest = row.split(" ", 8)
    words = rest.split(" ")
    size = 2 if words[0].endswith(",") else 1
    return Instrument(
        con_id=int(con_id),
        symbol=symbol,
        name=" ".join(words[size:]),
        primary_exchange=exchange,
        stock_type=stock_type,
        industry=" ".join(words[:size]),
        start_price=float(price),
        daily_volatility=float(volatility) / 100,
        average_volume=int(millions) * 1_000_000,
        spread_ticks=int(spread),
    )


INSTRUMENTS: tuple[Instrument, ...] = tuple(_instrument(row) for row in _ROWS.strip().splitlines())
BY_SYMBOL = {instrument.symbol: instrument for instrument in INSTRUMENTS}
BY_CON_ID = {instrument.con_id: instrument for instrument in INSTRUMENTS}


def instrument_of(con_id: int) -> Instrument:
    """Return the instrument of a contract id. Raises KeyError if there is none."""
    return BY_CON_ID[con_id]


def known_instrument(con_id: int) -> Instrument | None:
    """Return the instrument of a contract id, or None if there is none."""
    return BY_CON_ID.get(con_id)


def find_instrument(
    *, con_id: int, symbol: str, sec_type: str, currency: str, exchange: str
) -> Instrument | None:
    """Return the one instrument a contract means, or None if there is no such thing."""
    if con_id:
        return BY_CON_ID.get(con_id)
    if sec_type not in ("STK", "") or currency not in ("USD", ""):
        return None
    if exchange and exchange not in VALID_EXCHANGES and exchange != "ISLAND":
        return None
    # IB writes a share class with a blank, most data vendors with a point.
    return BY_SYMBOL.get(symbol.upper().replace(" ", "."))


def matching_instruments(pattern: str) -> list[Instrument]:
    """Return what a user may mean by a few letters, symbols before names."""
    wanted = pattern.upper().strip()
    if not wanted:
        return []
    by_symbol = [one for one in INSTRUMENTS if one.symbol.startswith(wanted)]
    by_name = [one for one in INSTRUMENTS if wanted in one.name and one not in by_symbol]
    by_symbol.sort(key=lambda one: len(one.symbol))
    return (by_symbol + by_name)[:16]
