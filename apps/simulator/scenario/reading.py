"""What a scenario file may say, and what is wrong with one that says something else.

A file is refused as a whole, before anything of it happens: an unknown key, verb or
argument is a mistake somebody wants to hear of.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

from apps.simulator.config import BadConfig
from apps.simulator.faults import TABLE, BadFault
from apps.simulator.instruments.universe import instrument_named

_FOLDER = Path(__file__).parents[1] / "scenarios"
_TOP_KEYS = ("description", "prices", "faults", "steps")
_WHEN_KEYS = ("at", "every", "when")
_WHAT_KEYS = ("fault", "command", "lift", "prices")
_OTHER_KEYS = ("with", "after", "times", "hold")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_CLOCK_TIME = re.compile(r"(\d\d):(\d\d)")
TRIGGERS = (
    "client connected",
    "client gone",
    "order placed",
    "order filled",
    "order cancelled",
    "order rejected",
)
# They wait, or they are scenarios themselves.
_NOT_IN_SCENARIOS = ("advance", "scenario", "stop_scenario")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens: at a time, again and again, or whenever something else does.

    `at` and `every` are seconds of the venue from the start, or `at` a time of day in New York;
    `times` 0 means without end.
    """

    number: int
    at: float | time | None = None
    every: float | None = None
    when: str = ""
    after: float = 0.0
    times: int = 1
    fault: str = ""
    command: str = ""
    lift: tuple[str, ...] = ()
    prices: dict[str, float] = field(default_factory=dict)
    hold: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario file, understood."""

    name: str
    description: str
    prices: dict[str, float]
    faults: tuple[Step, ...]
    steps: tuple[Step, ...]


def scenario_names() -> list[str]:
    """Return the scenarios that come with the simulator."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def scenario_lines() -> Iterator[str]:
    """Return the scenarios for people, one a line."""
    yield "Scenarios"
    yield from (f"  {name:<22} {read_scenario(name).description}" for name in scenario_names())


def read_scenario(name: str) -> Scenario:
    """Return a scenario by its name, or by the path of a file. Raises BadConfig that says what is wrong."""
    path = Path(name) if "/" in name or name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if path.parent == _FOLDER and path.stem not in scenario_names():
        raise BadConfig(f"unknown scenario {name!r}; known: {', '.join(scenario_names())}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConfig(f"scenario {name}: {error}") from error
    return understand(path.stem, content)


def understand(name: str, content: dict[str, Any]) -> Scenario:
    """Return the scenario a file's content is. Raises BadConfig."""
    try:
        _refuse_unknown(content, _TOP_KEYS)
        return Scenario(
            name=name,
            description=_text(content, "description"),
            prices=_prices(content.get("prices", {})),
            faults=tuple(_fault(number, one) for number, one in enumerate(content.get("faults", []), 1)),
            steps=tuple(_step(number, one) for number, one in enumerate(content.get("steps", []), 1)),
        )
    except (BadFault, ValueError) as error:
        raise BadConfig(f"scenario {name}: {error}") from error


def _fault(number: int, content: dict[str, Any]) -> Step:
    arguments = {key: value for key, value in content.items() if key != "name"}
    name = _text(content, "name")
    TABLE.verb(name).read(arguments)
    return Step(number, at=0.0, fault=name, arguments=arguments)


def _step(number: int, content: dict[str, Any]) -> Step:
    try:
        _refuse_unknown(content, (*_WHEN_KEYS, *_WHAT_KEYS, *_OTHER_KEYS))
        _one_of(content, _WHEN_KEYS)
        what = _one_of(content, _WHAT_KEYS)
        return Step(
            number,
            at=_moment(content["at"]) if "at" in content else None,
            every=seconds_of(content["every"]) if "every" in content else None,
            when=_trigger(content),
            after=seconds_of(content.get("after", 0)),
            times=_times(content),
            fault=_text(content, "fault") if what == "fault" else "",
            command=_command(content) if what == "command" else "",
            lift=_lifted(content.get("lift", [])),
            prices=_prices(content.get("prices", {})),
            hold=content.get("hold", False) is True,
            arguments=_arguments(content, what),
        )
    except (BadFault, ValueError) as error:
        raise ValueError(f"step {number}: {error}") from error


def seconds_of(value: object) -> float:
    """Return a length of time: a number of seconds, or `250ms`, `5s`, `5m10s`, `1h`. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    parts = _LENGTH.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is no length of time; write 5s, 250ms, 2m, 1h30m, 1d")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _moment(value: object) -> float | time:
    found = _CLOCK_TIME.fullmatch(value) if isinstance(value, str) else None
    return time(int(found[1]), int(found[2])) if found else seconds_of(value)


def _refuse_unknown(content: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in content:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(known)}")


def _one_of(content: dict[str, Any], names: tuple[str, ...]) -> str:
    given = [one for one in names if one in content]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(names)} must be given, not {', '.join(given) or 'none'}")
    return given[0]


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def _trigger(content: dict[str, Any]) -> str:
    if "when" not in content:
        return ""
    if content["when"] not in TRIGGERS:
        raise ValueError(f"unknown trigger {content['when']!r}; known: {', '.join(TRIGGERS)}")
    return str(content["when"])


def _times(content: dict[str, Any]) -> int:
    value = content.get("times", 0 if "every" in content else 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"times must be a whole number, not {value!r}")
    return value


def _command(content: dict[str, Any]) -> str:
    name = _text(content, "command")
    if name in _NOT_IN_SCENARIOS:
        raise ValueError(f"command {name!r} has no place in a scenario")
    return name


def _lifted(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError("lift must be a fault, a list of them, or all")  # noqa: TRY004  one kind for a file
    for name in names:
        if name != "all":
            TABLE.verb(name)
    return tuple(names)


def _arguments(content: dict[str, Any], what: str) -> dict[str, Any]:
    arguments = content.get("with", {})
    if not isinstance(arguments, dict):
        raise ValueError("with must be a table of arguments")  # noqa: TRY004  as above
    if what == "fault":
        TABLE.verb(_text(content, "fault")).read(arguments)
    return arguments


def _prices(content: object) -> dict[str, float]:
    if not isinstance(content, dict):
        raise ValueError("prices must be a table of symbols")  # noqa: TRY004  as above
    for symbol, price in content.items():
        if instrument_named(symbol) is None:
            raise ValueError(f"unknown symbol {symbol!r}")
        if isinstance(price, bool) or not isinstance(price, int | float) or price <= 0:
            raise ValueError(f"the price of {symbol} must be a number above 0")
    return {symbol: float(price) for symbol, price in content.items()}
