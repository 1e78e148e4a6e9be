"""What a fault verb is: a small function whose signature says which arguments it takes.

Names, types, bounds and defaults are read from the function, so the help, the checks and
the code cannot disagree. What the verbs do stands in the modules of their nouns.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
_REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest number an argument may be."""

    least: float
    most: float


Seconds = Annotated[float, Bounds(0, 30 * 86_400)]
Count = Annotated[int, Bounds(1, 1_000_000)]
Times = Annotated[int, Bounds(2, 100)]
MessageId = Annotated[int, Bounds(1, 1_000)]
Code = Annotated[int, Bounds(1, 99_999)]
Chance = Annotated[float, Bounds(0, 1)]
Rate = Annotated[float, Bounds(1, 1e9)]


class BadFault(Exception):
    """A verb that cannot be used like this; `argument` names what was wrong, if it was one."""

    def __init__(self, detail: str, *, argument: str | None = None) -> None:
        super().__init__(detail)
        self.argument = argument


class UnknownFault(BadFault):
    """There is no verb of that name."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb: its type as annotated, and its default unless it must be given."""

    name: str
    kind: Any
    bounds: Bounds | None
    default: Any

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED

    def read(self, value: Any, *, verb: str) -> Any:
        """Return a value of the argument's type. Raises BadFault that names both."""
        problem = _problem(self.kind, value) or self._out_of_bounds(value)
        if problem:
            raise BadFault(f"{verb}: {self.name} must be {problem}, not {value!r}", argument=self.name)
        return float(value) if self.kind is float else value

    def _out_of_bounds(self, value: Any) -> str:
        if self.bounds is None or self.bounds.least <= value <= self.bounds.most:
            return ""
        return f"{self.bounds.least:g} to {self.bounds.most:g}"

    def text(self) -> str:
        """Return the argument as the help shows it."""
        if get_origin(self.kind) is Literal:
            kind = "|".join(get_args(self.kind))
        elif get_origin(self.kind) is list:
            kind = f"[{get_args(self.kind)[0].__name__}, …]"
        else:
            kind = _WORDS[self.kind]
        return f"{self.name}={kind}" if self.is_required else f"{self.name}={kind} ({self.default})"


@dataclass(frozen=True, slots=True)
class Verb:
    """A row of the table: name, arguments, help, and the function that throws the switch."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    throw: Callable[..., Answer | None]

    def read(self, given: Arguments) -> dict[str, Any]:
        """Return the arguments checked, without those left to their defaults. Raises BadFault."""
        known = {one.name: one for one in self.arguments}
        for name in given:
            if name not in known:
                names = ", ".join(known) or "none"
                raise BadFault(f"{self.name} takes no argument {name!r}; it takes {names}", argument=name)
        for one in self.arguments:
            if one.is_required and one.name not in given:
                raise BadFault(f"{self.name} needs the argument {one.name}", argument=one.name)
        return {name: known[name].read(value, verb=self.name) for name, value in given.items()}

    def as_row(self) -> Answer:
        """Return the verb for people and programs that ask what there is."""
        return {"name": self.name, "help": self.help, "arguments": [one.text() for one in self.arguments]}


_WORDS = {int: "whole number", float: "number", bool: "true|false", str: "text"}


def verb_of(function: Callable[..., Answer | None]) -> Verb:
    """Return the verb a function is; everything after its first parameter is an argument."""
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    arguments = tuple(_argument(one.name, hints[one.name], one.default) for one in parameters)
    help_text = " ".join((function.__doc__ or "").split())
    return Verb(function.__name__, help_text, arguments, function)


def verbs(*functions: Callable[..., Answer | None]) -> tuple[Verb, ...]:
    """Return the verbs of one noun, for the table."""
    return tuple(verb_of(one) for one in functions)


def _argument(name: str, annotation: Any, default: Any) -> Argument:
    kind, bounds = annotation, None
    if get_origin(annotation) is Annotated:
        kind, bounds = get_args(annotation)
    if isinstance(kind, types.UnionType):
        # `float | None`: None stands for "not given" and is never sent.
        kind = next(one for one in get_args(kind) if one is not type(None))
        return _argument(name, kind, default)
    return Argument(name, kind, bounds, default)


def _problem(kind: Any, value: Any) -> str:
    """Return what a value should have been, empty if it is that."""
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is list:
        inner = get_args(kind)[0]
        is_list = isinstance(value, list) and not any(_problem(inner, one) for one in value)
        return "" if is_list else f"a list of {_WORDS[inner]}s"
    if kind is bool or isinstance(value, bool):
        return "" if kind is bool and isinstance(value, bool) else _WORDS_WITH_ARTICLE[kind]
    if kind is float:
        is_number = isinstance(value, int | float) and math.isfinite(value)
        return "" if is_number else _WORDS_WITH_ARTICLE[kind]
    return "" if isinstance(value, kind) else _WORDS_WITH_ARTICLE[kind]


_WORDS_WITH_ARTICLE = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
