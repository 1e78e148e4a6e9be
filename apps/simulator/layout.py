"""What the layout of a long message is made of, and how one is read and written.

A layout is a tuple of steps in wire order: a field name, fields of some server versions
only, fields that are present under a condition, counted lists. The tables themselves are
order_layouts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from apps.simulator.wire import BadField, Fields, number_of

FOREVER = 1_000_000
# A list travels inside Values as its fields joined by NUL, which no field can contain.
_JOINT = "\0"
_UNSET_WORDS = frozenset({
    "2147483647", "9223372036854775807", "170141183460469231731687303715884105727",
})  # fmt: skip
_LONGEST_NUMBER = 40
_CONDITION_WIDTHS = {"1": 5, "3": 2, "4": 2, "5": 3, "6": 4, "7": 4}

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Since:
    """Steps that exist from one server version up to, not including, another."""

    version: int
    steps: tuple[Step, ...]
    until: int = FOREVER


@dataclass(frozen=True, slots=True)
class When:
    """Steps that are present only if `applies` to the fields before them."""

    applies: Callable[[Mapping[str, str]], bool]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A count and then so many rows of `width` fields."""

    name: str
    width: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """A count and then so many order conditions, each as long as its type says."""

    name: str = "conditions"


Step = str | Since | When | Counted | Conditions


# --- conditions of groups ----------------------------------------------------------------


def given(name: str) -> Callable[[Mapping[str, str]], bool]:
    """Return a test that a field is not empty."""
    return lambda values: bool(values.get(name))


def positive(name: str) -> Callable[[Mapping[str, str]], bool]:
    """Return a test that a field holds a number above zero that is not "unset"."""
    return lambda values: (number_of(values.get(name, "")) or 0) > 0


def one_of(name: str, *wanted: str) -> Callable[[Mapping[str, str]], bool]:
    """Return a test that a field is one of some words, in any case."""
    return lambda values: values.get(name, "").upper() in wanted


def infinite(name: str) -> Callable[[Mapping[str, str]], bool]:
    """Return a test that a field spells infinity."""
    return lambda values: values.get(name, "").startswith("Infinit")


# --- lists --------------------------------------------------------------------------------


def joined(items: Iterable[str]) -> str:
    """Return a list as one value."""
    return "".join(f"{one}{_JOINT}" for one in items)


def items_of(text: str) -> list[str]:
    """Return the items of a list value."""
    return text.split(_JOINT)[:-1]


def rows_of(text: str, width: int) -> list[tuple[str, ...]]:
    """Return the rows of a counted list value."""
    items = items_of(text)
    return [tuple(items[start : start + width]) for start in range(0, len(items), width)]


def conditions_of(text: str) -> list[tuple[str, ...]]:
    """Return each condition as type, conjunction and what its type demands."""
    items, found = items_of(text), []
    while items:
        end = _condition_length(items[0])
        found.append(tuple(items[:end]))
        items = items[end:]
    return found


def _condition_length(kind: str) -> int:
    if kind not in _CONDITION_WIDTHS:
        raise BadField(f"unknown order condition {kind[:10]!r}")
    return _CONDITION_WIDTHS[kind] + 2


# --- reading ------------------------------------------------------------------------------


def read(layout: tuple[Step, ...], fields: Fields, *, version: int, texts: frozenset[str]) -> Values:
    """Return the fields by name. Every spelling of "unset" becomes empty, except in `texts`."""
    values: Values = {}
    _read(layout, fields, values, version=version, texts=texts)
    return values


def _read(
    layout: tuple[Step, ...], fields: Fields, values: Values, *, version: int, texts: frozenset[str]
) -> None:
    for step in _stretches(layout, version):
        match step:
            case tuple():
                for name in step:
                    text = fields.text()
                    values[name] = text if name in texts else set_text(text)
            case When():
                if step.applies(values):
                    _read(step.steps, fields, values, version=version, texts=texts)
            case Counted():
                count = fields.integer()
                values[step.name] = joined([fields.text() for _ in range(count * step.width)])
            case Conditions():
                values[step.name] = joined(_read_conditions(fields))


def _read_conditions(fields: Fields) -> list[str]:
    items: list[str] = []
    for _ in range(fields.integer()):
        kind = fields.text()
        items.append(kind)
        items += [fields.text() for _ in range(_condition_length(kind) - 1)]
    return items


def set_text(text: str) -> str:
    """Return a field, empty if it is any client's spelling of "unset"."""
    if text in _UNSET_WORDS:
        return ""
    if "308" in text and len(text) < _LONGEST_NUMBER and _is_unset_double(text):
        return ""
    return text


def _is_unset_double(text: str) -> bool:
    try:
        return number_of(text) is None
    except BadField:
        return False


# --- writing ------------------------------------------------------------------------------


def write(layout: tuple[Step, ...], values: Mapping[str, str], *, version: int) -> list[str]:
    """Return the fields of a message in wire order."""
    message: list[str] = []
    value_of = values.get
    for step in _stretches(layout, version):
        match step:
            case tuple():
                message += [value_of(name, "") for name in step]
            case When():
                if step.applies(values):
                    message += write(step.steps, values, version=version)
            case Counted():
                items = items_of(values.get(step.name, ""))
                message += [str(len(items) // step.width), *items]
            case Conditions():
                text = values.get(step.name, "")
                message += [str(len(conditions_of(text))), *items_of(text)]
    return message


# --- versions -----------------------------------------------------------------------------

# Plain fields that follow each other as one tuple: an order is told with a hundred and thirty of them.
_Stretch = tuple[str, ...] | When | Counted | Conditions
# The layout is kept beside its stretches, so that no other can come to have its id.
_KNOWN: dict[tuple[int, int], tuple[tuple[Step, ...], list[_Stretch]]] = {}


def _stretches(layout: tuple[Step, ...], version: int) -> list[_Stretch]:
    """Return what a layout is at one server version; found out once for each."""
    key = (id(layout), version)
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = (layout, [*_joined_names(_at_version(layout, version))])
    return found[1]


def _at_version(layout: tuple[Step, ...], version: int) -> Iterator[str | When | Counted | Conditions]:
    for step in layout:
        if not isinstance(step, Since):
            yield step
        elif step.version <= version < step.until:
            yield from _at_version(step.steps, version)


def _joined_names(steps: Iterable[str | When | Counted | Conditions]) -> Iterator[_Stretch]:
    for is_name, group in groupby(steps, key=lambda step: isinstance(step, str)):
        if is_name:
            yield tuple(step for step in group if isinstance(step, str))
        else:
            yield from (step for step in group if not isinstance(step, str))
