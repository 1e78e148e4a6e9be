"""The simulator as a program under measurement."""

from __future__ import annotations

import re

from apps.simulator.control.client import ControlClient
from bench.harness import Program

_LINE = re.compile(r"simulator listens on \S+?:(\d+), control \S+?:(\d+), (\d+) symbols.*")
#: Liquid names every simulator knows, repeated until a client's hundred lines are full.
SYMBOLS = (
    "AAPL MSFT NVDA AMZN GOOGL META TSLA AMD INTC NFLX AVGO QCOM CSCO ADBE TXN MU COST PEP AMGN SBUX "
    "IBM ORCL CRM JPM BAC WFC GS MS C V MA JNJ LLY PFE MRK ABBV UNH PG KO WMT HD MCD NKE DIS XOM CVX "
    "BA CAT GE F GM T VZ UBER SPY QQQ IWM DIA VOO GLD SLV TLT XLF XLE XLK EEM"
).split()
MAX_LINES = 100


class Simulator(Program):
    """A running simulator with its switchboard."""

    def __init__(self, *arguments: str, is_pinned: bool = True) -> None:
        # A login is limited to a hundred lines and fifty messages a second; the program is not.
        limits = ("--limits", "none")
        command = ["-m", "apps.simulator", "--port", "0", "--control-port", "0", *limits, *arguments]
        super().__init__(command, is_pinned=is_pinned)
        found = _LINE.match(self.first_line)
        if found is None:
            self.stop()
            raise RuntimeError(f"not understood: {self.first_line}")
        self.port, self.control_port, self.symbols = int(found[1]), int(found[2]), int(found[3])

    def switch(self, fault: str, **arguments: object) -> None:
        """Throw a fault switch."""
        with ControlClient(self.control_port) as control:
            control.fault(fault, **arguments)


def line_symbols(count: int) -> list[str]:
    """Return so many symbols to subscribe to."""
    return [SYMBOLS[place % len(SYMBOLS)] for place in range(count)]
