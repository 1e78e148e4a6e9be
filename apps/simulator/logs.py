"""How the programs write their log: one line a fact, the sentence first and its details after it."""

from __future__ import annotations

import logging

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class DetailFormatter(logging.Formatter):
    """Adds what a record was given as `extra`: `connection closed cause=no API preamble`."""

    def format(self, record: logging.LogRecord) -> str:
        details = [f"{name}={_shown(value)}" for name, value in vars(record).items() if name not in _OWN]
        head, line_end, rest = super().format(record).partition("\n")
        return " ".join([head, *details]) + line_end + rest


def _shown(value: object) -> str:
    # A client's own words must not begin a line.
    text = str(value)
    return text if text.isprintable() else repr(text)


def log_to_stderr(level: str) -> None:
    """Set the log up for a program."""
    handler = logging.StreamHandler()
    handler.setFormatter(DetailFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
