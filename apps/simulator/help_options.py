"""`--help-faults` and `--help-scenarios`: what can be switched and played, for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apps.simulator.faults import TABLE
from apps.simulator.scenario import scenario_lines


def add_help_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that print a list and end the program."""
    parser.add_argument("--help-faults", action=_Listing, lines=TABLE.help_lines, help="list the fault verbs")
    parser.add_argument("--help-scenarios", action=_Listing, lines=scenario_lines, help="list the scenarios")


class _Listing(argparse.Action):
    """Write lines and exit, as --help does."""

    def __init__(
        self, option_strings: Sequence[str], *, lines: Callable[[], Iterator[str]], **more: Any
    ) -> None:
        super().__init__(option_strings, **{**more, "dest": argparse.SUPPRESS, "nargs": 0})
        self._lines = lines

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write("\n".join([*self._lines(), ""]))
        parser.exit()
