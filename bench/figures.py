"""What a bench found: figures with their rounds, how they are printed, and how they are kept.

A figure is the median of its rounds. Ratios are formed inside a round, because the two
sides of a round met the same machine; an absolute figure says more about the machine.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be. Only ratios are judged: they survive a busy or a slow machine."""

    bound: float
    is_upper: bool = False
    is_judged: bool = False

    def is_met_by(self, value: float) -> bool:
        return value <= self.bound if self.is_upper else value >= self.bound


def at_least(bound: float) -> Target:
    """Return a wish: printed, never failed."""
    return Target(bound)


def at_most(bound: float) -> Target:
    """Return a wish from above."""
    return Target(bound, is_upper=True)


def ratio_at_least(bound: float) -> Target:
    """Return a target that fails the bench when it is missed."""
    return Target(bound, is_judged=True)


def ratio_at_most(bound: float) -> Target:
    """Return a target from above that fails the bench when it is missed."""
    return Target(bound, is_upper=True, is_judged=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table; `rounds` holds what each round gave."""

    name: str
    rounds: tuple[float, ...]
    unit: str = ""
    target: Target | None = None
    digits: int = 0

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def is_met(self) -> bool:
        return self.target is None or self.target.is_met_by(self.value)

    @property
    def has_failed(self) -> bool:
        return self.target is not None and self.target.is_judged and not self.is_met


@dataclass(slots=True)
class Report:
    """The tables of one bench: figures under headings, in the order they were measured."""

    name: str
    about: str
    groups: dict[str, list[Figure]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        group: str,
        name: str,
        rounds: list[float],
        *,
        unit: str = "",
        target: Target | None = None,
        digits: int = 0,
    ) -> None:
        self.groups.setdefault(group, []).append(Figure(name, tuple(rounds), unit, target, digits))

    def figures(self) -> list[Figure]:
        return [one for figures in self.groups.values() for one in figures]

    def text(self) -> str:
        """Return the report as a person reads it."""
        lines = [f"{self.name}: {self.about}"]
        for group, figures in self.groups.items():
            lines.append(f"  {group}")
            lines += [_line(one) for one in figures]
        return "\n".join([*lines, *(f"  note: {one}" for one in self.notes)])

    def save(self, *, folder: Path = RESULTS) -> Path:
        """Write the report as JSON and return the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        groups = {group: [_as_dict(one) for one in figures] for group, figures in self.groups.items()}
        body = {"bench": self.name, "about": self.about, "machine": machine(), "groups": groups}
        path.write_text(json.dumps({**body, "notes": self.notes}, indent=2) + "\n")
        return path


def _as_dict(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "median": figure.value, "is_met": figure.is_met}


def _line(figure: Figure) -> str:
    low, high = min(figure.rounds), max(figure.rounds)
    spread = f"{_number(low, figure.digits)} – {_number(high, figure.digits)}" if low != high else ""
    line = f"    {figure.name:<44} {_number(figure.value, figure.digits):>12} {figure.unit:<10} {spread:<26}"
    return f"{line} {_verdict(figure)}".rstrip()


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    sign = "≤" if figure.target.is_upper else "≥"
    word = "met" if figure.is_met else "MISSED"
    return f"{sign} {figure.target.bound:,g}  {word}"


def machine() -> dict[str, object]:
    """Return what one must know to compare two runs."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "load_average": [round(one, 2) for one in os.getloadavg()],
    }
