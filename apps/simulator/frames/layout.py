"""The small language in which a message is told, and the cursor that reads one by it.

A layout is a row of steps: a name is one field; `since` are fields of a range of server
versions, `when` a group under a condition, `listed` a count and its items. The tables are
requests.py, answers.py and orders.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Union

Seen = Mapping[str, str]
Named = tuple[str, str]
_FOREVER = 1_000_000


@dataclass(frozen=True, slots=True)
class Since:
    """Steps that exist from one server version up to, not including, another."""

    version: int
    steps: tuple[Step, ...]
    until: int


@dataclass(frozen=True, slots=True)
class When:
    """Steps that are present only if what was read before says so."""

    applies: Callable[[Seen], bool]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A count under `name`, then so many items; a single nameless step is a list of plain values."""

    name: str
    steps: tuple[Step, ...]


Step = Union[str, Since, When, Listed]  # noqa: UP007  it names classes above that name it


def since(version: int, *steps: Step, until: int = _FOREVER) -> Since:
    return Since(version, steps, until)


def before(version: int, *steps: Step) -> Since:
    return Since(0, steps, version)


def when(applies: Callable[[Seen], bool], *steps: Step) -> When:
    return When(applies, steps)


def listed(name: str, *steps: Step) -> Listed:
    return Listed(name, steps or ("",))


def given(name: str) -> Callable[[Seen], bool]:
    """Return the condition that a field is not empty."""
    return lambda seen: seen[name] != ""


def holds(name: str, *wanted: str) -> Callable[[Seen], bool]:
    """Return the condition that a field holds one of some words, in any case."""
    return lambda seen: seen[name].upper() in wanted


def positive(name: str) -> Callable[[Seen], bool]:
    """Return the condition that a field holds a number above zero that is not "unset"."""
    return lambda seen: 0 < _number(seen[name]) < 1e300


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """A message: its name, and its fields after the message id."""

    name: str
    steps: tuple[Step, ...]


def layout(name: str, *steps: Step) -> Layout:
    return Layout(name, steps)


class Short(Exception):
    """The frame ends before the field named here."""


class Cursor:
    """Reads fields by steps; `named` holds what was read so far, in order."""

    def __init__(self, texts: list[str], version: int) -> None:
        self.named: list[Named] = []
        self._texts = texts
        self._version = version
        self._place = 0

    @property
    def left(self) -> list[str]:
        return self._texts[self._place :]

    def read(self, steps: tuple[Step, ...], *, prefix: str = "", seen: dict[str, str] | None = None) -> None:
        """Read fields by `steps`. Raises Short where the frame ends too early."""
        seen = {} if seen is None else seen
        for step in steps:
            match step:
                case str():
                    seen[step] = self._take(prefix + step)
                case Since():
                    if step.version <= self._version < step.until:
                        self.read(step.steps, prefix=prefix, seen=seen)
                case When():
                    if step.applies(seen):
                        self.read(step.steps, prefix=prefix, seen=seen)
                case Listed():
                    seen[step.name] = self._take(prefix + step.name)
                    self._read_items(step, prefix, count=seen[step.name])

    def _read_items(self, step: Listed, prefix: str, *, count: str) -> None:
        is_plain = step.steps == ("",)
        for place in range(int(_number(count)) if _number(count) < 1e9 else 0):
            self.read(step.steps, prefix=f"{prefix}{step.name}[{place}]{'' if is_plain else '.'}")

    def _take(self, name: str) -> str:
        if self._place >= len(self._texts):
            raise Short(name)
        text = self._texts[self._place]
        self._place += 1
        self.named.append((name, text))
        return text
