"""The order rows of the fault matrix: what breaks, and how often it is broken.

One table for the tests, which take their counts from it, and for the program, which prints it.
`ci` is the count of every change, `chaos` the full one; MATRIX=chaos chooses the latter.
"""

import os
from dataclasses import dataclass

IS_CHAOS = os.environ.get("MATRIX") == "chaos"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: its fault, the two counts and what is counted; `open_end` says what is not shown yet."""

    number: int
    fault: str
    ci: int
    chaos: int
    unit: str
    open_end: str = ""

    @property
    def count(self) -> int:
        """Return how often the fault is provoked in this run; 0: only in the full one."""
        return self.chaos if IS_CHAOS else self.ci


_NO_ALERTS = "alerts to people come with the safety controls; the phase and its reason are shown"
_AND_CRASHES = "with crash points 20 and 21"

FIGURES = {
    row.number: row
    for row in (
        Figure(1, "IB Gateway closes TCP (FIN or RST)", 2, 100, "cuts", _NO_ALERTS),
        Figure(2, "half-open line", 1, 50, "silences"),
        Figure(3, "IB Gateway stopped during 20 orders/s", 1, 200, "stops"),
        Figure(4, "order eaten", 3, 100, "orders"),
        Figure(5, "cut right after delivery", 3, 100, "orders"),
        Figure(6, "slow, jittery, chopped, narrow line", 3, 1000, "orders a line"),
        Figure(7, "1100, then 1102, 1101 or nothing", 3, 334, "fills a gap", _NO_ALERTS),
        Figure(8, "farm blip, ticks stop silently", 4, 100, "symbols"),
        Figure(9, "same prices for ever, old time stamps", 1, 5, "symbols"),
        Figure(10, "nightly restart: ids roll back, client id busy", 2, 50, "restarts"),
        Figure(11, "weekly log-in: port refuses for 12 h", 40, 1440, "tries", _NO_ALERTS),
        Figure(12, "duplicates and disorder", 8, 1000, "orders", "10,000 interleavings: tests/orders"),
        Figure(13, "execution corrected, execution busted", 2, 20, "fills"),
        Figure(14, "partial fill, then cancel; fill crosses the cancel", 1, 20, "of each"),
        Figure(15, "two permIds under one reference", 2, 20, "orders"),
        Figure(16, "codes about a live order", 120, 19_901, "codes"),
        Figure(17, "end marker dropped", 1, 10, "of each"),
        Figure(18, "managed accounts of the other mode", 1, 10, "of each", _NO_ALERTS),
        Figure(19, "gateway kill -9", 2, 60, "kills", "1,000 kills: make crash-test KILLS=1000"),
        Figure(20, "gateway stopped, woken up", 2, 100, "stops"),
        Figure(21, "two gateways started together", 2, 100, "pairs"),
        Figure(22, "event loop blocked", 1, 5, "blocks"),
        Figure(27, "PostgreSQL gone and back", 1, 10, "outages", _AND_CRASHES),
        Figure(28, "PostgreSQL paused, table locked, deadlock", 1, 5, "of each"),
        Figure(29, "answer to COMMIT lost", 4, 200, "commits"),
        Figure(30, "SQLite locked, huge log, read-only, corrupted", 1, 1, "of each", _AND_CRASHES),
        Figure(33, "wall clock moved", 3, 250, "orders a clock", "R25 alert on a step: safety controls"),
        Figure(34, "Celery: twice, late, never", 2, 50, "periods"),
        Figure(35, "web killed at 50 requests/s", 1, 10, "kills"),
        Figure(43, "web new, gateway old, orders open", 1, 10, "upgrades"),
        Figure(44, "a day-old database restored", 1, 10, "restores", "what reduces may still trade (R25)"),
        Figure(45, "halted, delisted, ambiguous, no market rule", 1, 5, "of each"),
    )
}

#: Played on each change, as small as they get; the others take minutes or more than one database.
EVERY_CHANGE = (1, 2, 4, 5, 10, 12, 13, 14, 15, 16, 17, 18, 21)
