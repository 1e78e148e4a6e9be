"""Write numbers and times the one way staff read them (figures are never formatted elsewhere).

Tabular and comparable letter by letter: comma groups, a real minus (U+2212), "–" for what
is not known, shares rounded up. It knows no page and no model; colour and words are others'.
"""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "–"
MINUS = "\u2212"
EXCHANGE_ZONE = ZoneInfo("America/New_York")

#: IB writes "not set" as the largest double; no amount of money comes near it.
_LARGEST = Decimal(10) ** 18


def is_known(value: Decimal | None) -> bool:
    """Tell whether there is a number to show: not None, not NaN, not IB's unset double."""
    return value is not None and value.is_finite() and abs(value) < _LARGEST


def money(value: Decimal | None, places: int = 2) -> str:
    """Return `1,234.50`, with a real minus below zero."""
    if value is None or not is_known(value):
        return UNKNOWN
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    if rounded == 0:
        rounded = abs(rounded)
    return f"{rounded:,f}".replace("-", MINUS)


def signed_money(value: Decimal | None, places: int = 2) -> str:
    """Return a gain or loss with its sign; zero has none."""
    text = money(value, places)
    has_sign = text == UNKNOWN or text.startswith(MINUS) or not text.strip("0.")
    return text if has_sign else f"+{text}"


def quantity(value: Decimal | None) -> str:
    """Return shares: whole as `1,000`, a fraction with the decimals it has."""
    if value is None or not is_known(value):
        return UNKNOWN
    return money(value, places=_decimals(value))


def price(value: Decimal | None, tick: Decimal | None = None) -> str:
    """Return a price with the decimals of its tick; without one, at least two and at most six."""
    if value is None or not is_known(value):
        return UNKNOWN
    wanted = _decimals(tick) if tick else 2
    return money(value, places=min(6, max(wanted, _decimals(value))))


def average_price(value: Decimal | None, tick: Decimal | None = None) -> str:
    """Return an average with the decimals of its tick, and up to two more if it has them."""
    if value is None or not is_known(value):
        return UNKNOWN
    least = _decimals(tick) if tick else 2
    shown = value.quantize(Decimal(1).scaleb(-least - 2), rounding=ROUND_HALF_UP)
    return money(shown, places=max(least, _decimals(shown)))


def share(used: Decimal | None, limit: Decimal | None) -> str:
    """Return used of limit as `63 %`, rounded up, and never 100 % before the limit is reached."""
    if used is None or not limit or not is_known(used):
        return UNKNOWN
    percent = (used / limit * 100).to_integral_value(rounding=ROUND_CEILING)
    if used < limit:
        percent = min(percent, Decimal(99))
    return f"{percent:,f} %".replace("-", MINUS)


def age(seconds: float | None) -> str:
    """Return a duration: `0.4 s`, `47 s`, `2 min 10 s`, `4 h 57 min`, `3 d 4 h`."""
    if seconds is None:
        return UNKNOWN
    whole = int(max(seconds, 0))
    if whole < 10:
        return f"{max(seconds, 0):.1f} s" if seconds < 9.95 else "10 s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock(moment: datetime | None, now: datetime | None = None, zone: ZoneInfo = EXCHANGE_ZONE) -> str:
    """Return the time of day in the exchange's zone, with the date unless that is today's."""
    if moment is None:
        return UNKNOWN
    local = moment.astimezone(zone)
    today = (now or datetime.now(UTC)).astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    if local.year == today.year:
        return f"{local:%a} {local.day} {local:%b} {local:%H:%M:%S}"
    return f"{local.day} {local:%b %Y} {local:%H:%M:%S}"


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 order`, `2 orders`: a number with the noun it needs."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _decimals(value: Decimal) -> int:
    """Return how many decimals a number really has, without trailing zeros."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
