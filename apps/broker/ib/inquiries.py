"""Questions that wait for their end marker, each with one future of our own (traps F7, F8, F9).

An answer counts only when its end marker came in this session. Requests with an id are keyed by
it; the others by a word, and their caller asks one at a time. A word that was given up once owes
an end marker, which is swallowed when it comes late, so that it cannot prove the next question.
"""

import asyncio
from collections import defaultdict

from apps.broker.port import BrokerRefused, BrokerUnavailable

Key = int | str


class Inquiry:
    """One question: what was heard so far and the future of the whole answer."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.answer: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()


class Inquiries:
    """The open questions of one broker session."""

    def __init__(self) -> None:
        self._open: dict[Key, Inquiry] = {}
        self._owed: defaultdict[Key, int] = defaultdict(int)

    def begin(self, key: Key) -> Inquiry:
        """Open a question; the request is written after this."""
        inquiry = self._open[key] = Inquiry()
        return inquiry

    def is_open(self, key: Key) -> bool:
        """Tell whether somebody waits for this answer."""
        return key in self._open

    def open_word(self) -> str | None:
        """Return the question without an id that is being asked now."""
        return next((key for key in self._open if isinstance(key, str)), None)

    def hear(self, key: Key, item: object) -> bool:
        """Add one record to the answer; False if nobody asked."""
        inquiry = self._open.get(key)
        if inquiry is not None:
            inquiry.heard.append(item)
        return inquiry is not None

    def finish(self, key: Key) -> None:
        """Take the end marker: the answer is complete."""
        if self._owed[key]:
            self._owed[key] -= 1
            if key in self._open:
                self._open[key].heard.clear()
            return
        inquiry = self._open.pop(key, None)
        if inquiry is not None and not inquiry.answer.done():
            inquiry.answer.set_result(inquiry.heard)

    def refuse(self, key: Key, ib_code: int, ib_message: str) -> None:
        """Take an error in place of an answer."""
        self._fail(key, BrokerRefused(ib_code, ib_message))

    def spoil(self, key: Key, reason: str) -> None:
        """Fail a question of whose answer a part was lost; an end marker may still come."""
        if isinstance(key, str) and key in self._open:
            self._owed[key] += 1
        self._fail(key, BrokerUnavailable(reason))

    def spoil_requests(self, reason: str) -> None:
        """Fail every question with an id: which of them lost a record cannot be told."""
        for key in [key for key in self._open if isinstance(key, int)]:
            self._fail(key, BrokerUnavailable(reason))

    def give_up(self, key: Key, inquiry: Inquiry, *, owes_an_end: bool) -> None:
        """Forget a question nobody waits for any more."""
        if self._open.get(key) is inquiry:
            del self._open[key]
            if owes_an_end:
                self._owed[key] += 1

    def close(self, reason: str) -> None:
        """Fail everything that is open."""
        for key in list(self._open):
            self._fail(key, BrokerUnavailable(reason))

    def _fail(self, key: Key, problem: Exception) -> None:
        inquiry = self._open.pop(key, None)
        if inquiry is not None and not inquiry.answer.done():
            inquiry.answer.set_exception(problem)
