"""The product as processes of their own, for faults that kill, stop and upgrade processes.

One product for all tests of a run, because it takes seconds to start; each test leaves it READY
and with nothing in doubt, and the checker judges all that has happened until then.
"""

import itertools
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

from tests.reliability.checker import CLOSED, DOUBT, Evidence, Violation, check
from tests.reliability.history import Call, Outcome, number_of
from tests.reliability.product import Process, Product, until
from tests.reliability.rows import Row, Rows

RESTING = {"order_type": "LMT", "limit_price": 205.0}
MARKET = {"order_type": "MKT"}


class Desk:
    """Tara at her desk: places, cancels, and sees to it that the product stands again."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.rows = Rows(product.database_url)
        self.client = product.client()
        self._keys: Iterator[int] = itertools.count(1)

    # --- orders ----------------------------------------------------------------------------

    def key(self) -> str:
        """Return a client_order_id nobody has used."""
        return f"desk-{next(self._keys):07}"

    def place(self, **terms: object) -> Call:
        """Ask once for ten shares of AAPL at the market, unless told otherwise."""
        return self.client.place(**self.order(**terms))

    def order(self, **terms: object) -> dict[str, object]:
        """Return the body of an order with a key of its own."""
        plain = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "client_order_id": self.key()}
        return plain | MARKET | terms

    def place_resting(self, count: int) -> list[int]:
        """Place orders that rest, wait until the broker has them, and return their numbers."""
        return [until(self._at_work, within_s=90, what="an order at work") for _ in range(count)]

    def _at_work(self) -> int | None:
        """Place an order that rests; None if there is no price yet, or no time to send it in time."""
        call = self.client.place_insisting(**self.order(**RESTING))
        if call.outcome is not Outcome.OK:
            assert call.result["code"] == "RISK_STALE_QUOTE", call
            return None
        number = number_of(call)
        self.until_status(number, "WORKING", "EXPIRED_UNSENT", within_s=45)
        return number if self.status(number) == "WORKING" else None

    def status(self, number: int) -> str:
        """Return where an order stands."""
        return str(self.row(number)["status"])

    def row(self, number: int) -> Row:
        return self.rows.one(f"SELECT * FROM orders_order WHERE id = {int(number)}")

    def until_status(self, number: int, *statuses: str, within_s: float = 30.0) -> None:
        until(lambda: self.status(number) in statuses, within_s=within_s, what=f"order {number} {statuses}")

    def finish(self, numbers: list[int]) -> None:
        """Cancel what still works and wait for the end of each."""
        for number in numbers:
            self.client.cancel(number)
        for number in numbers:
            self.until_status(number, *CLOSED)

    # --- processes -------------------------------------------------------------------------

    @property
    def gateway(self) -> Process:
        assert self.product.gateway is not None
        return self.product.gateway

    def stop(self, process: Process) -> None:
        """Stop a process between two writes: stopped inside one it would stop everybody on SQLite."""
        process.send(signal.SIGSTOP)
        while not self.rows.can_write():
            process.send(signal.SIGCONT)
            time.sleep(0.01)
            process.send(signal.SIGSTOP)

    def be_ready(self, *, after: int = -1) -> None:
        """Have a web and a gateway that live, READY in an epoch above `after`."""
        if self.product.web is None or not self.product.web.is_alive:
            self.product.start_web()
        if self.product.gateway is None or not self.product.gateway.is_alive:
            self.product.start_gateway()
        self.until_ready(after=after)
        self.product.until_gateway_ready()

    def until_ready(self, *, after: int = -1, within_s: float = 60.0) -> Row:
        """Wait until the connection is READY in an epoch above `after`."""

        def ready() -> Row | None:
            row = self.rows.connection()
            return row if row["phase"] == "READY" and row["epoch"] > after else None

        try:
            found: Row = until(ready, within_s=within_s, what="READY")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.product.last_words()}") from None
        return found

    def epoch(self) -> int:
        return int(self.rows.connection()["epoch"])

    def order_frames(self) -> int:
        """Return how many placeOrder frames were written."""
        return len(self.product.wire.tap.sent("3"))

    # --- judging ---------------------------------------------------------------------------

    def rest(self, within_s: float = 150.0) -> None:
        """Wait until nothing is on its way or in doubt."""
        waiting = ("ACCEPTED", *DOUBT, "PENDING_CANCEL")
        until(lambda: self.rows.count_in(*waiting) == 0, within_s=within_s, what="rest")

    def violations(self) -> list[Violation]:
        """Return what the history checker finds once everything had a moment to agree."""
        with suppress(AssertionError):
            self.rest()
        deadline = time.monotonic() + 20
        while (found := self._broken()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def _broken(self) -> list[Violation]:
        product = self.product
        book = product.ask_simulator("book")
        return check(Evidence(product.history, product.wire.tap, self.rows.dump(), book, time.time()))
