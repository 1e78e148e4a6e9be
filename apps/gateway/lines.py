"""Which market-data lines are open at the broker, and when one must be opened anew.

Pure bookkeeping over one broker session: what is wanted comes from the feed, what flows is
seen in the picture. A refused line rests before it is asked for again.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from apps.domain.calendar import parse_hours, session_at, zone_of
from apps.domain.instruments import InstrumentSpec
from apps.gateway.session_state import SessionState

logger = logging.getLogger(__name__)

SILENT_S = 60.0
REFUSED_REST_S = 300.0


class Lines:
    """The lines of one broker session; times are BOOTTIME in seconds."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._opened_at: dict[int, float] = {}
        self._refused_at: dict[int, float] = {}

    def agree(self, wanted: Sequence[InstrumentSpec], now: float) -> None:
        """Close what nobody wants and open what is wanted, in this order."""
        specs = {spec.ib_con_id: spec for spec in wanted}
        for ib_con_id in self._state.lines - specs.keys():
            self._close(ib_con_id)
        for ib_con_id, spec in specs.items():
            self._state.instruments[ib_con_id] = spec
            if ib_con_id not in self._state.lines and not self._is_resting(ib_con_id, now):
                self._open(spec, now)

    def open_all_again(self, now: float) -> None:
        """Ask for every line under a new request id; old ones may be dead whatever IB says."""
        logger.warning("market data asked for again", extra={"lines": len(self._state.lines)})
        for ib_con_id in list(self._state.lines):
            self._open_again(ib_con_id, now)

    def wake_silent(self, moment: datetime, now: float) -> None:
        """Open anew each line without a tick for a minute while its market is open."""
        for ib_con_id in list(self._state.lines):
            spec = self._state.instruments[ib_con_id]
            if now - self._last_heard(ib_con_id) > SILENT_S and _is_liquid(spec, moment):
                logger.warning("line silent, asked for again", extra={"ib_con_id": ib_con_id})
                self._open_again(ib_con_id, now)

    def new_refusals(self, now: float) -> list[tuple[int, tuple[int, str]]]:
        """Close the lines that IB has refused since the last call; return them with its code and text."""
        refusals = [
            (ib_con_id, refusal)
            for ib_con_id in sorted(self._state.lines)
            if (refusal := self._state.session.ticker_refusal(ib_con_id)) is not None
        ]
        for ib_con_id, _ in refusals:
            self._close(ib_con_id)
            self._refused_at[ib_con_id] = now
        return refusals

    def _open(self, spec: InstrumentSpec, now: float) -> None:
        self._state.session.subscribe(spec)
        self._state.lines.add(spec.ib_con_id)
        self._opened_at[spec.ib_con_id] = now

    def _close(self, ib_con_id: int) -> None:
        self._state.session.unsubscribe(ib_con_id)
        self._state.lines.discard(ib_con_id)
        self._state.picture.pop(ib_con_id, None)

    def _open_again(self, ib_con_id: int, now: float) -> None:
        spec = self._state.instruments[ib_con_id]
        self._state.session.unsubscribe(ib_con_id)
        self._open(spec, now)

    def _is_resting(self, ib_con_id: int, now: float) -> bool:
        refused_at = self._refused_at.get(ib_con_id)
        return refused_at is not None and now - refused_at < REFUSED_REST_S

    def _last_heard(self, ib_con_id: int) -> float:
        quote = self._state.picture.get(ib_con_id)
        opened_at = self._opened_at[ib_con_id]
        return opened_at if quote is None else max(opened_at, quote.received_boottime)


def _is_liquid(spec: InstrumentSpec, moment: datetime) -> bool:
    return session_at(parse_hours(spec.liquid_hours, zone_of(spec.time_zone)), moment) is not None
