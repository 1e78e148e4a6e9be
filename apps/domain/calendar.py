"""Trading hours out of IB's own text, such as `20261120:0930-20261120:1600;20261121:CLOSED`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_CLOSED = "CLOSED"

#: Names that IB uses and the time zone database spells otherwise.
_ZONES = {"US/Eastern": "America/New_York", "EST": "America/New_York", "EST5EDT": "America/New_York"}


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of trading: its trading day and its bounds in UTC, half-open."""

    session_date: date
    opens_at: datetime
    closes_at: datetime


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone IB means by `name`; UTC where it names none we know."""
    try:
        return ZoneInfo(_ZONES.get(name, name) or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def parse_hours(text: str, zone: ZoneInfo) -> list[Session]:
    """Return the sessions that `text` names, ascending; unreadable pieces are left out.

    The trading day is the date on which a session ends, as exchanges count it.
    """
    sessions = [_session(piece, zone) for piece in text.split(";") if "-" in piece]
    return sorted((s for s in sessions if s is not None), key=lambda s: s.opens_at)


def _session(piece: str, zone: ZoneInfo) -> Session | None:
    opens, _, closes = piece.partition("-")
    try:
        opens_at, closes_at = _instant(opens, zone), _instant(closes, zone)
    except ValueError:
        return None
    return Session(closes_at.astimezone(zone).date(), opens_at, closes_at)


def _instant(text: str, zone: ZoneInfo) -> datetime:
    return datetime.strptime(text.strip(), "%Y%m%d:%H%M").replace(tzinfo=zone).astimezone(UTC)


def session_at(sessions: Sequence[Session], now: datetime) -> Session | None:
    """Return the session that is open at `now`."""
    return next((s for s in sessions if s.opens_at <= now < s.closes_at), None)


def session_word(trading: Sequence[Session], liquid: Sequence[Session], now: datetime) -> str:
    """Return `regular`, `pre`, `post`, `overnight` or `closed` for the moment `now`."""
    if session_at(liquid, now) is not None:
        return "regular"
    extended = session_at(trading, now)
    if extended is None:
        return "closed"
    regular = next((s for s in liquid if s.session_date == extended.session_date), None)
    if regular is None:
        return "overnight"
    return "pre" if now < regular.opens_at else "post"
