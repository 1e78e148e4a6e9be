"""What a subscription is to a session: something that time or an event can move."""

from __future__ import annotations


class Stream:
    """One open subscription of one client; a stream overrides what moves it, and nothing else."""

    def pulse(self, now: float) -> None:
        """Send what time has changed."""

    def position_changed(self, con_id: int) -> None:
        """Send what a trade has changed."""

    def trade_busted(self, con_id: int) -> None:
        """Send what a trade declared void has changed."""
