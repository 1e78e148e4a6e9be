"""What a client library told its user: every callback, every error, every complaint in its log.

The one thing all libraries share is the names of their callbacks, so the journal is kept by these.
It watches and waits; what should have been said is for the steps to judge.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

LIMIT_S = 15.0
_CLOSED = ("connectionClosed", "disconnected")
#: What a healthy gateway says by itself: its farms are there.
INFORMATION = frozenset({2104, 2106, 2107, 2108, 2119, 2158})
#: What comes beside an answer, not instead of it.
WARNINGS = frozenset({399, 404, 10167, *range(2100, 2200)})
#: ib_insync and ib_async log every error they are told; the journal has it already.
_ECHOES = re.compile(r"(Error|Warning) \d+, reqId|Canceled order: |IBKR API validation warning: ")

Arguments = tuple[Any, ...]
Found = TypeVar("Found")


class Refused(Exception):
    """The gateway answered a request with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"refused with {code}: {text}")
        self.code = code


@dataclass(eq=False)
class Notice:
    """One error message; `is_expected` once a step has asked for it."""

    request_id: int
    code: int
    text: str
    is_expected: bool = False


class Journal:
    """Everything one session was told, in order, and a way to wait for more."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Arguments]] = defaultdict(list)
        self.notices: list[Notice] = []
        self.complaints: list[str] = []
        self._forgiven: set[tuple[int, int]] = set()
        #: Subscriptions cancelled; ib_insync grumbles about what was already on its way for them.
        self.over: set[int] = set()
        self._news = asyncio.Event()

    def record(self, name: str, arguments: Arguments) -> None:
        """Write one callback down; an error keeps its number and its text, whatever came with it."""
        if name == "error":
            self.notices.append(Notice(int(arguments[0]), int(arguments[1]), str(arguments[2])))
        else:
            self.calls[name].append(arguments)
        self._news.set()

    def of(self, name: str, request_id: int) -> list[Arguments]:
        """Return the calls of a callback that name a request."""
        return [one for one in self.calls[name] if one[0] == request_id]

    async def until(self, look: Callable[[], Found | None], what: str) -> Found:
        """Return what is looked for as soon as it is there.

        Raises TimeoutError, saying what is missing, or ConnectionError if nothing more can come.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                while not (found := look()):
                    if any(self.calls[name] for name in _CLOSED):
                        raise ConnectionError(f"no {what}: the connection is closed")
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            raise TimeoutError(f"no {what} within {LIMIT_S:.0f} s") from None

    async def reply(self, name: str, request_id: int, *, count: int = 1) -> list[Arguments]:
        """Return the calls of a callback for a request, at least `count`. Raises Refused on its error."""

        def look() -> list[Arguments] | None:
            self.raise_refusal(request_id)
            found = self.of(name, request_id)
            return found if len(found) >= count else None

        return await self.until(look, f"{name} × {count}")

    async def after(self, name: str, mark: int) -> Arguments:
        """Return the call of a callback that names no request and came as number `mark`."""
        await self.until(lambda: len(self.calls[name]) > mark, name)
        return self.calls[name][mark]

    async def notice(self, request_id: int, *codes: int) -> Notice:
        """Wait for an error with one of these numbers, and expect it."""

        def look() -> Notice | None:
            fitting = (one for one in self.notices if one.request_id == request_id and one.code in codes)
            return next((one for one in fitting if not one.is_expected), None)

        found = await self.until(look, f"error {'/'.join(map(str, codes))}")
        found.is_expected = True
        return found

    def told(self, code: int) -> list[Notice]:
        """Return the errors with a number, whatever they are about, and expect them."""
        found = [one for one in self.notices if one.code == code]
        for one in found:
            one.is_expected = True
        return found

    def forgive(self, request_id: int, *codes: int) -> None:
        """Expect errors that may have come or may still come."""
        self._forgiven.update((request_id, code) for code in codes)

    def surprises(self) -> list[str]:
        """Return every error nobody asked for and every complaint of the library's own log."""
        unasked = [one for one in self.notices if not self._is_expected(one)]
        return [f"error {one.code} for {one.request_id}: {one.text}" for one in unasked] + self.complaints

    def _is_expected(self, notice: Notice) -> bool:
        is_forgiven = (notice.request_id, notice.code) in self._forgiven
        return notice.is_expected or is_forgiven or notice.code in INFORMATION

    def raise_refusal(self, request_id: int) -> None:
        """Raise the error a request was answered with, if there is one nobody expected."""
        for one in self.notices:
            if one.request_id == request_id and not one.is_expected and one.code not in WARNINGS:
                one.is_expected = True
                raise Refused(one.code, one.text)


class Complaints(logging.Handler):
    """Keeps what a library logs about its own troubles, above all frames it could not decode."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # The official client tells of a frame it could not read, and dropped, as mere information.
        is_dropped_frame = text == "BadMessage"
        is_complaint = record.levelno >= logging.WARNING or is_dropped_frame
        if is_complaint and not _ECHOES.match(text) and not self._is_afterthought(text):
            cause = f" ({record.exc_info[1]!r})" if record.exc_info else ""
            self._journal.complaints.append(f"{record.name}: {text[:300]}{cause}")

    def _is_afterthought(self, text: str) -> bool:
        unknown = re.search(r"Unknown reqId: (\d+)$", text)
        return unknown is not None and int(unknown[1]) in self._journal.over
