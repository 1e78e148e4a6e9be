"""The control port: HTTP on loopback that looks into a simulator and throws its switches.

What can be asked is commands.py, under which address routes.py, how it travels http.py,
and the client for Python programs client.py. It is no part of the TWS protocol.
"""

from __future__ import annotations

from apps.simulator.control.client import ControlClient, ControlRefused, ask_async
from apps.simulator.control.commands import COMMANDS, Answer, Command, Request
from apps.simulator.control.errors import ControlError
from apps.simulator.control.http import LOOPBACK, ControlServer

__all__ = [
    "COMMANDS",
    "LOOPBACK",
    "Answer",
    "Command",
    "ControlClient",
    "ControlError",
    "ControlRefused",
    "ControlServer",
    "Request",
    "ask_async",
]
