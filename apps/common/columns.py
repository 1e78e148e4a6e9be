"""Columns of read-only lists: figures right-aligned, times in the exchange's zone, words as chips.

Each function makes one column that sorts by its field. Names that end in `_figure` are what
the style sheet aligns to the right.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from apps.common import figures, marks

Column = Callable[[Any], Any]


def figure(field: str, label: str, write: Callable[[Decimal | None], str] = figures.quantity) -> Column:
    """Return a column of numbers, written by one of the functions of figures."""
    return _column(field, label, write, name=f"{_plain(field)}_figure")


def priced(field: str, label: str, tick: str = "instrument.min_tick") -> Column:
    """Return a column of prices with the decimals of the instrument's tick."""
    read, read_tick = attrgetter(field), attrgetter(tick)

    def written(row: Any) -> str:
        return figures.price(read(row), read_tick(row))

    return _named(written, field, label, f"{_plain(field)}_figure")


def gain(field: str, label: str) -> Column:
    """Return a column of gains and losses: signed, and coloured apart for all kinds of sight."""
    return _column(field, label, _coloured, name=f"{_plain(field)}_figure")


def moment(field: str, label: str, *, utc: bool = False) -> Column:
    """Return a column of times: New York's, or UTC to the millisecond."""
    return _column(field, label, utc_time if utc else local_time, name=f"{_plain(field)}_time")


def word(field: str, label: str) -> Column:
    """Return a column of status words as chips."""
    return _column(field, label, marks.status_chip, name=f"{_plain(field)}_word")


def text(field: str, label: str) -> Column:
    """Return a column of plain words from a path of attributes."""
    return _column(field, label, lambda value: value or figures.UNKNOWN, name=_plain(field))


def joined(field: str, label: str, *, none: str = figures.UNKNOWN) -> Column:
    """Return a column of a list of words."""
    return _column(field, label, lambda words: ", ".join(map(str, words)) or none, name=_plain(field))


def detail(field: "models.Field[Any, Any]") -> Column | str:
    """Return how one field stands on a detail page: figures, times and JSON as columns write them."""
    label = capfirst(str(field.verbose_name))
    match field:
        case models.JSONField():
            return _column(field.name, label, _json, name=f"{field.name}_json")
        case models.DecimalField():
            return figure(field.name, label)
        case models.DateTimeField():
            return moment(field.name, f"{label}, New York")
    if isinstance(field, models.CharField) and field.choices:
        return text(field.name, label)
    return field.name


def local_time(value: datetime | None) -> SafeString | str:
    """Return a time as the exchange's clock shows it, UTC for machines."""
    if value is None:
        return figures.UNKNOWN
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), figures.clock(value))


def utc_time(value: datetime | None) -> SafeString | str:
    """Return a time in UTC to the millisecond."""
    if value is None:
        return figures.UNKNOWN
    exact = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>',
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S}.{exact.microsecond // 1000:03d}",
    )


def exact_time(value: datetime) -> SafeString:
    """Return a time of the exchange's day to the millisecond, as stories show it."""
    local = value.astimezone(figures.EXCHANGE_ZONE)
    shown = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), shown)


def _column(field: str, label: str, write: Callable[[Any], Any], *, name: str) -> Column:
    read = attrgetter(field)

    def written(row: Any) -> Any:
        return write(read(row))

    return _named(written, field, label, name)


def _named(column: Column, field: str, label: str, name: str) -> Column:
    column.__name__ = name
    return admin.display(column, description=label, ordering=field.replace(".", "__"))


def _json(value: Any) -> SafeString | str:
    if value in (None, "", [], {}):
        return figures.UNKNOWN
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(str, value))
    return format_html('<code class="mono">{}</code>', json.dumps(value, indent=1, ensure_ascii=False))


def _plain(field: str) -> str:
    return field.replace(".", "_")


def _coloured(value: Decimal | None) -> SafeString | str:
    written = figures.signed_money(value)
    if value is None or not value:
        return written
    return format_html('<span class="{}">{}</span>', "up" if value > 0 else "down", written)
