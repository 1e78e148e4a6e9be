"""Keep a peer that floods from filling the disk: of many equal log lines one a second is enough.

For loggers of code that runs once per message of IB Gateway.
"""

import logging

from apps.broker.clock import boottime


class OneLinePerKind(logging.Filter):
    """Let one line per place in the code, and per code of IB, pass each second."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, int, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place = (record.name, record.lineno, getattr(record, "ib_code", None))
        now = boottime()
        if now - self._passed.get(place, -1.0) < 1.0:
            return False
        self._passed[place] = now
        return True
