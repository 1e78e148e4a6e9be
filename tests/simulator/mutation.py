"""Frames of real clients, spoilt: the seeded supply of bad input for the fuzzer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

MAX_FRAME = 0xFFFFFF
CORPUS = Path(__file__).with_name("corpus.jsonl")
#: Frames a corpus never holds: the shortest, the emptiest, the strangest.
_STRANGE = (b"", b"\0", b"\0\0\0\0", b"71", b"\xff\xfe\0", b"3\0", b"-1\0", b"999999999999\0", b"1e3\0x\0")
_NASTY = (
    "", "0", "1", "-1", "-0", "2", "7", "100", "NaN", "nan", "Infinity", "-Infinity", "Infinite", "inf",
    "1e308", "-1e308", "1e-320", "1e400", "1.7976931348623157E308", "1.797693135e+308", "2147483647",
    "-2147483648", "2147483648", "9223372036854775807", "9223372036854775808",
    "170141183460469231731687303715884105727", "0x10", "1_000", " 7 ", "1,5", "1.5", "\u0661\u0662", "\uff19",
    "true", "False", "yes", "\n", "\t", " ", "\u00e9", "\u200b", "\ud7ff", "%s%n", "'; --",
    "../../etc/passwd", "A" * 300, "9" * 400, "9" * 5000, "A" * 70_000,
    "20261120", "20261120-15:00:00", "20261120 15:00:00", "20261120 15:00:00 US/Eastern",
    "20261120  15:00:00", "20261120 15:00:00 Nowhere/Land", "20261120 15:00:00 ../zone", "00010101 00:00:00",
    "99991231-23:59:59", "99999999-99:99:99", "20260230 10:00:00", "2026-11-20 10:00:00.0",
    "1 Y", "1 D", "3600 S", "0 D", "-1 D", "99999999 Y", "1000000000 S", "1 secs", "1 day", "1 month",
    "STK", "OPT", "FUT", "FOP", "CASH", "BAG", "IND", "BOND", "CRYPTO", "CONTFUT", "CMDTY", "CFD", "WAR",
    "BUY", "SELL", "SSHORT", "MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "PEG BEST", "PEG MID",
    "PEG BENCH", "VOL", "MIDPRICE", "REL", "DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "IBKRATS", "SMART",
    "AAPL", "MSFT", "ES", "EUR", "SPX", "265598", "DU1234567", "U1234567", "TRADES", "MIDPOINT", "BID_ASK",
    "SCHEDULE", "ADJUSTED_LAST", "FEE_RATE", "Last", "AllLast", "BidAsk", "MidPoint", "$LEDGER:ALL",
    "100,101,", "Adaptive", "Twap", "Vwap", "a", "o", "C", "P", "?",
)  # fmt: skip
_LISTS = 6


@dataclass(frozen=True, slots=True)
class Spoilt:
    """One frame for a session of a version."""

    version: int
    payload: bytes


class Mutator:
    """Endless spoilt frames; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        rows = [json.loads(one) for one in CORPUS.read_text(encoding="ascii").splitlines()]
        self._corpus: dict[int, list[list[str]]] = {}
        for row in rows:
            self._corpus.setdefault(row["version"], []).append(row["fields"])
        self.versions = tuple(sorted(self._corpus))
        self._ways: tuple[Callable[[list[str]], list[str]], ...] = (
            self._replace, self._replace, self._replace, self._replace, self._nudge, self._delete,
            self._insert, self._swap, self._cut, self._splice, self._rename, self._repeat, self._shift,
        )  # fmt: skip

    def frame(self, version: int) -> Spoilt:
        """Return the next frame for a session of this version: one in ten is whole."""
        random = self._random
        if random.random() < 0.01:
            return Spoilt(version, random.choice(_STRANGE))
        fields = list(random.choice(self._corpus[version]))
        if random.random() < 0.9:
            for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
                fields = random.choice(self._ways)(fields)
        # Nothing longer reaches a session: its connection is closed.
        payload = "".join(f"{one}\0" for one in fields).encode("utf-8", "surrogateescape")[:MAX_FRAME]
        return Spoilt(version, self._bytes(payload) if random.random() < 0.05 else payload)

    def _place(self, fields: list[str]) -> int:
        return self._random.randrange(len(fields)) if fields else 0

    def _replace(self, fields: list[str]) -> list[str]:
        place = self._place(fields)
        return [*fields[:place], self._random.choice(_NASTY), *fields[place + 1 :]]

    def _nudge(self, fields: list[str]) -> list[str]:
        numbers = [place for place, one in enumerate(fields) if one.isascii() and one.isdigit()]
        if not numbers:
            return fields
        place = self._random.choice(numbers[1:] or numbers)
        by = self._random.choice((-1, 1, 10, -10, 1000, 10**9))
        return [*fields[:place], str(int(fields[place][:18]) + by), *fields[place + 1 :]]

    def _delete(self, fields: list[str]) -> list[str]:
        place = self._place(fields)
        return fields[:place] + fields[place + 1 :]

    def _insert(self, fields: list[str]) -> list[str]:
        place = self._place(fields)
        return [*fields[:place], self._random.choice(_NASTY), *fields[place:]]

    def _swap(self, fields: list[str]) -> list[str]:
        if fields:
            one, other = self._place(fields), self._place(fields)
            fields[one], fields[other] = fields[other], fields[one]
        return fields

    def _cut(self, fields: list[str]) -> list[str]:
        return fields[: self._place(fields)]

    def _splice(self, fields: list[str]) -> list[str]:
        other = self._random.choice(self._corpus[self._random.choice(self.versions)])
        return fields[: self._place(fields)] + other[self._place(other) :]

    def _rename(self, fields: list[str]) -> list[str]:
        return [str(self._random.randrange(-1, 110)), *fields[1:]]

    def _repeat(self, fields: list[str]) -> list[str]:
        place = self._place(fields)
        # A frame has its limit: a long field is repeated less often.
        size = len(fields[place]) + 1 if fields else 1
        count = min(self._random.choice((2, 5, 50, 3000)), 1 + 2_000_000 // size)
        return fields[:place] + fields[place : place + 1] * count + fields[place + 1 :]

    def _shift(self, fields: list[str]) -> list[str]:
        """Put a NUL into a field, so that all that follow are off by one."""
        place = self._place(fields)
        if not fields:
            return fields
        half = len(fields[place]) // 2
        return [*fields[:place], fields[place][:half], fields[place][half:], *fields[place + 1 :]]

    def _bytes(self, payload: bytes) -> bytes:
        spoilt = bytearray(payload)
        for _ in range(self._random.randrange(1, _LISTS)):
            if spoilt:
                spoilt[self._random.randrange(len(spoilt))] = self._random.randrange(256)
        return bytes(
            spoilt[: self._random.randrange(len(spoilt) + 1)] if self._random.random() < 0.3 else spoilt
        )
