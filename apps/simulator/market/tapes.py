"""Prices given in files instead of drawn from the seed: reading them, and refusing bad ones.

A tape holds bars (`time,symbol,open,high,low,close,volume`) or ticks
(`time,symbol,price,size` and, if known, `bid,ask`), as CSV with a header line or as
Parquet. What is played from them second by second is tape_paths.py.
"""

from __future__ import annotations

import csv
import importlib
import math
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.simulator.clock import EASTERN
from apps.simulator.instruments.universe import Instrument

BAR_COLUMNS = ("time", "symbol", "open", "high", "low", "close", "volume")
TICK_COLUMNS = ("time", "symbol", "price", "size")
QUOTE_COLUMNS = ("bid", "ask")
_SUFFIXES = (".csv", ".parquet")
_LATEST = 32_503_680_000

Finder = Callable[[str], Instrument | None]


class BadTape(Exception):
    """A file that cannot be played; the text names its line and column."""


@dataclass(slots=True)
class Track:
    """What one instrument's tape says; all arrays are as long as `times`, prices in points.

    A bar has four prices and the volume of the time up to its end, a tick one price and its
    size; bid and ask are -1 where the tape has none.
    """

    instrument: Instrument
    is_bars: bool
    times: array[int] = field(default_factory=lambda: array("q"))
    opens: array[int] = field(default_factory=lambda: array("q"))
    highs: array[int] = field(default_factory=lambda: array("q"))
    lows: array[int] = field(default_factory=lambda: array("q"))
    closes: array[int] = field(default_factory=lambda: array("q"))
    volumes: array[int] = field(default_factory=lambda: array("q"))
    bids: array[int] = field(default_factory=lambda: array("q"))
    asks: array[int] = field(default_factory=lambda: array("q"))

    def add(
        self, second: int, prices: tuple[int, int, int, int], *, volume: int, quote: tuple[int, int]
    ) -> None:
        """Append a row: open, high, low and close, the shares, bid and ask."""
        self.times.append(second)
        columns = (self.opens, self.highs, self.lows, self.closes)
        for column, points in zip(columns, prices, strict=True):
            column.append(points)
        self.volumes.append(volume)
        self.bids.append(quote[0])
        self.asks.append(quote[1])

    @property
    def bar_s(self) -> int:
        """The length of a bar: the shortest step between two; a tick lasts its second."""
        if not self.is_bars or len(self.times) < 2:
            return 60 if self.is_bars else 1
        return min(after - before for before, after in zip(self.times, self.times[1:], strict=False))

    @property
    def end(self) -> int:
        """The second after the last one of the tape."""
        return self.times[-1] + self.bar_s


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with the place it stands at, for errors."""

    file: str
    line: int
    values: Mapping[str, Any]

    def error(self, column: str, why: str) -> BadTape:
        return BadTape(f"{self.file}: line {self.line}, column {column}: {why}")

    def text(self, column: str) -> str:
        value = self.values.get(column)
        if value is None or str(value).strip() == "":
            raise self.error(column, "empty")
        return str(value).strip()

    def number(self, column: str, *, least: float) -> float:
        """Return a number not below `least`."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            raise self.error(column, f"not a number: {text[:40]}") from None
        if not math.isfinite(value) or value < least:
            raise self.error(column, f"must be a number from {least:g}: {text[:40]}")
        return value

    def points(self, column: str, instrument: Instrument) -> int:
        """Return a price in points."""
        points = instrument.points(self.number(column, least=0))
        if points < 1:
            raise self.error(column, f"a price is at least {instrument.point:g}")
        return points


def read_tapes(paths: tuple[Path, ...], *, find: Finder) -> dict[int, Track]:
    """Return the tracks of all files by contract id. Raises BadTape."""
    tracks: dict[int, Track] = {}
    for path in (file for one in paths for file in _files_of(one)):
        for row in _rows_of(path):
            _take(row, tracks, find)
    return tracks


def _files_of(path: Path) -> list[Path]:
    if not path.exists():
        raise BadTape(f"{path}: there is no such file")
    if not path.is_dir():
        return [path]
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
    if not files:
        raise BadTape(f"{path}: no file in it ends in {' or '.join(_SUFFIXES)}")
    return files


def _rows_of(path: Path) -> Iterator[_Row]:
    if path.suffix.lower() == ".parquet":
        return _parquet_rows(path)
    return _csv_rows(path)


def _csv_rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = [str(one).strip().lower() for one in reader.fieldnames or ()]
            _check_columns(path, names)
            reader.fieldnames = names
            for values in reader:
                row = _Row(path.name, reader.line_num, values)
                if None in values:
                    raise row.error(names[-1], "more fields than the header has")
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTape(f"{path.name}: not readable as CSV: {error}") from error


def _parquet_rows(path: Path) -> Iterator[_Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BadTape(f"{path.name}: Parquet needs the package pyarrow, or convert the file to CSV") from None
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise BadTape(f"{path.name}: not readable as Parquet: {error}") from error
    names = [str(one).strip().lower() for one in table.column_names]
    _check_columns(path, names)
    for line, values in enumerate(table.to_pylist(), start=1):
        yield _Row(path.name, line, dict(zip(names, values.values(), strict=True)))


def _check_columns(path: Path, names: list[str]) -> None:
    for wanted in (BAR_COLUMNS, TICK_COLUMNS):
        if set(wanted) <= set(names):
            return
    missing = [one for one in (BAR_COLUMNS if "open" in names else TICK_COLUMNS) if one not in names]
    raise BadTape(
        f"{path.name}: line 1, column {missing[0]}: missing; a tape has the columns "
        f"{','.join(BAR_COLUMNS)} or {','.join(TICK_COLUMNS)}[,{','.join(QUOTE_COLUMNS)}]"
    )


def _take(row: _Row, tracks: dict[int, Track], find: Finder) -> None:
    symbol = row.text("symbol")
    instrument = find(symbol)
    if instrument is None:
        raise row.error("symbol", f"unknown symbol {symbol[:40]}")
    is_bars = "open" in row.values
    track = tracks.setdefault(instrument.con_id, Track(instrument, is_bars))
    if track.is_bars != is_bars:
        raise row.error("symbol", f"{symbol} has both bars and ticks")
    second = _second_of(row)
    if track.times and (second < track.times[-1] or (is_bars and second == track.times[-1])):
        raise row.error("time", f"not later than the row of {symbol} before it")
    if is_bars:
        _take_bar(row, track, second)
    else:
        _take_tick(row, track, second)


def _take_bar(row: _Row, track: Track, second: int) -> None:
    opening, high, low, closing = (
        row.points(name, track.instrument) for name in ("open", "high", "low", "close")
    )
    if high < max(opening, closing, low):
        raise row.error("high", "below another price of its bar")
    if low > min(opening, closing):
        raise row.error("low", "above another price of its bar")
    volume = int(row.number("volume", least=0))
    track.add(second, (opening, high, low, closing), volume=volume, quote=(-1, -1))


def _take_tick(row: _Row, track: Track, second: int) -> None:
    points = row.points("price", track.instrument)
    size = int(row.number("size", least=0))
    has_quote = all(str(row.values.get(name) or "").strip() for name in QUOTE_COLUMNS)
    bid, ask = (row.points(name, track.instrument) if has_quote else -1 for name in QUOTE_COLUMNS)
    if bid > ask:
        raise row.error("bid", "above the ask")
    track.add(second, (points, points, points, points), volume=size, quote=(bid, ask))


def _second_of(row: _Row) -> int:
    value = row.values.get("time")
    moment = value if isinstance(value, datetime) else parse_time(row.text("time"))
    if moment is None:
        raise row.error("time", f"not a time: {row.text('time')[:40]}")
    if isinstance(moment, datetime):
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=EASTERN)).timestamp()
    if not 0 <= moment < _LATEST:
        raise row.error("time", "not between the years 1970 and 3000")
    return int(moment)


def parse_time(text: str) -> float | None:
    """Return epoch seconds of a time in any of the known forms, or None; without a zone it is New York's.

    The forms: epoch seconds, ISO 8601, `yyyymmdd-HH:MM:SS` (UTC), `yyyymmdd HH:MM:SS Zone`.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        if len(text) == 17 and text[8] == "-":
            return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()
        day, clock_time, zone = text.split()
        naive = datetime.strptime(f"{day} {clock_time}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007  zoned below
        return naive.replace(tzinfo=ZoneInfo(zone)).timestamp()
    except (ValueError, ZoneInfoNotFoundError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=EASTERN)).timestamp()
