"""The addresses of the control port: method and path to a command and its arguments.

Everything can be reached as `POST /commands/<name>`; the other addresses are for people
with curl. An address that reads never changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from apps.simulator.control.commands import COMMANDS, Request, help_of
from apps.simulator.control.errors import ControlError
from apps.simulator.faults import TABLE
from apps.simulator.scenario import scenario_lines

Body = dict[str, object]
HOME = ""


class NoSuchAddress(ControlError):
    """Nothing stands under this path."""


class WrongMethod(ControlError):
    """The path exists, but not for this method; `allowed` tells for which."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(f"this address takes {', '.join(allowed)}")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path of words and `<arguments>`, and the command it stands for; HOME is the page."""

    method: str
    path: str
    command: str

    def match(self, words: list[str]) -> Body | None:
        """Return the arguments in a path, or None if it is another one."""
        pattern = self.path.strip("/").split("/")
        if len(pattern) != len(words):
            return None
        found: Body = {}
        for wanted, word in zip(pattern, words, strict=True):
            if wanted.startswith("<"):
                found[wanted.strip("<>")] = unquote(word)
            elif wanted != word:
                return None
        return found


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", HOME),
    Route("GET", "/ping", "ping"),
    Route("GET", "/status", "status"),
    Route("GET", "/book", "book"),
    Route("GET", "/clock", "clock"),
    Route("POST", "/clock/advance", "advance"),
    Route("GET", "/faults", "faults"),
    Route("POST", "/faults/<name>", "fault"),
    Route("DELETE", "/faults/<name>", "lift_fault"),
    Route("DELETE", "/faults", "clear_faults"),
    Route("GET", "/scenario", "scenarios"),
    Route("POST", "/scenario/<name>", "scenario"),
    Route("DELETE", "/scenario", "stop_scenario"),
    Route("POST", "/prices/<symbol>", "set_price"),
    Route("POST", "/commands/<command>", "<command>"),
)


def find_route(method: str, target: str) -> tuple[Route, Body]:
    """Return the route of a request and the arguments in its path.

    Raises NoSuchAddress or WrongMethod.
    """
    words = target.partition("?")[0].strip("/").split("/")
    matches = [(route, found) for route in ROUTES if (found := route.match(words)) is not None]
    if not matches:
        raise NoSuchAddress(f"nothing stands under {target[:200]!r}; GET / tells what there is")
    for route, found in matches:
        if route.method == method:
            return route, found
    raise WrongMethod(sorted({route.method for route, _ in matches}))


def request_for(route: Route, found: Body, body: Body) -> Request:
    """Return what the command is given: the body, and the words of the path over it."""
    name = found.pop("command", route.command)
    return {**body, **found, "command": name}


def page() -> str:
    """Return the page for people: addresses, commands, scenarios and fault verbs."""
    return "\n".join([*_page(), *scenario_lines(), "", *TABLE.help_lines(), ""])


def _page() -> Iterator[str]:
    yield "A simulated IB Gateway, paper only. This port looks into it and throws its switches."
    yield ""
    yield "Addresses"
    for route in ROUTES:
        if route.command in COMMANDS:
            yield f"  {route.method:<6} {route.path:<24} {help_of(COMMANDS[route.command])}"
    yield "  POST   /commands/<command>      Any command; arguments as a JSON object"
    yield ""
    yield "Commands"
    for name, command in sorted(COMMANDS.items()):
        yield f"  {name:<22} {help_of(command)}"
    yield ""
