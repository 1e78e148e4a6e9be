"""What a command answers if it is refused."""

from __future__ import annotations


class ControlError(Exception):
    """A command was refused."""


class UnknownName(ControlError):
    """There is no command, verb or scenario of that name."""
