"""One line per event, JSON for machines and coloured for a person, and never a secret in it.

Calls are plain `logging` with a fixed sentence and `extra` fields; structlog only renders.
"""

import logging
import re
from typing import Any

import structlog
from structlog.types import EventDict, Processor

MASK = "***"

_TOKEN = re.compile(r"jb_(paper|live)_([A-Za-z0-9]{1,8})_?[A-Za-z0-9]*")
_AUTHORIZATION = re.compile(
    r"(?i)((?:proxy-)?authorization|x-api-key|cookie)(['\"]?\s*[:=,]\s*(?:b?['\"])?)"
    r"(?:(bearer|basic|token|api-key)\s+)?[^\s'\",;]+"
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@")
_SECRET_NAMES = re.compile(r"(?i)password|secret|token|authorization|api_?key|cookie|totp")


def mask_secrets(text: str) -> str:
    """Return the text with API keys, credential headers and passwords in URLs masked.

    The public id of a key stays, so that staff can tell which one it was.
    """
    text = _TOKEN.sub(rf"jb_\1_\2_{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\1\2{MASK}", text)
    return _URL_PASSWORD.sub(rf"\1:{MASK}@", text)


def plain(text: str, *, limit: int = 500) -> str:
    """Return foreign text on one line: control characters become spaces, the length is capped."""
    visible = "".join(char if char.isprintable() else " " for char in text[:limit])
    return visible + ("…" if len(text) > limit else "")


class SecretFilter(logging.Filter):
    """Masks secrets in message, arguments and extra fields before any formatter sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record in place; always let it pass."""
        record.msg = mask_secrets(record.getMessage())
        record.args = None
        for name in record.__dict__.keys() - _STANDARD:
            record.__dict__[name] = _clean(name, record.__dict__[name])
        return True


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record and masks the whole line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        return mask_secrets(super().format(record))


def line_formatter(*, pretty: bool = False) -> logging.Formatter:
    """Return the formatter of every handler; `pretty` is for a person at a terminal."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _request_id,
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if pretty:
        last.append(structlog.dev.ConsoleRenderer())
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return MaskingFormatter(foreign_pre_chain=shared, processors=last)


def _request_id(_logger: Any, _name: str, event: EventDict) -> EventDict:
    bound = structlog.contextvars.get_contextvars()
    return {**bound, **event}


def _clean(name: str, value: object) -> object:
    if _SECRET_NAMES.search(name):
        return MASK
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", item) for item in value]
    return value


_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
