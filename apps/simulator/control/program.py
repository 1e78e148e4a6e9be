"""The control port from a command line: `python -m apps.simulator control --port N fault eat_order count=2`.

Without a command it shows the page for people. Words with `=` are arguments, their values
JSON where they can be read as such; a word without is the name of the fault or scenario.
"""

from __future__ import annotations

import argparse
import json
import sys

from apps.simulator.control.client import ControlClient
from apps.simulator.control.errors import ControlError


def run(arguments: list[str]) -> int:
    """Send one command and write its answer; return 1 if it was refused or nobody listens."""
    options = _parser().parse_args(arguments)
    try:
        with ControlClient(options.port, timeout_s=options.timeout_s) as client:
            if options.command is None:
                sys.stdout.write(client.page())
            else:
                answer = client.ask(options.command, **arguments_of(options.words))
                sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    except (ControlError, OSError) as error:
        sys.stderr.write(f"simulator control: {error}\n")
        return 1
    return 0


def arguments_of(words: list[str]) -> dict[str, object]:
    """Return the arguments in words like `eat_order` and `count=2`. Raises ControlError."""
    found: dict[str, object] = {}
    for word in words:
        name, sign, text = word.partition("=")
        key, value = (name, _value(text)) if sign else ("name", word)
        if key in found:
            raise ControlError(f"{key} is given twice")
        found[key] = value
    return found


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="apps.simulator control", description="Look into a running simulator, or throw its switches."
    )
    parser.add_argument("--port", type=int, required=True, help="its control port")
    parser.add_argument("--timeout-s", type=float, default=60.0)
    parser.add_argument("command", nargs="?", help="for example status, book, fault, clear_faults, advance")
    parser.add_argument("words", nargs="*", help="name=value; a word alone names a fault or scenario")
    return parser
