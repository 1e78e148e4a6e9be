"""What a subscription is to a session: something that time or an event can move."""

from __future__ import annotations

from abc import ABC


class Stream(ABC):  # noqa: B024  a stream overrides what moves it, and nothing else
    """One open subscription of one client."""

    def pulse(self, now: float) -> None:
        """Send what time has changed."""

    def position_changed(self, con_id: int) -> None:
        """Send what a trade has changed."""
