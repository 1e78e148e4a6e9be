"""One recorded connection played to one live client: answers when they are asked for, in their time.

Answers keep the order of the recording. Where the client asks for things in another order,
the answers to what it asked already do not wait for what it has not asked yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.simulator.frames.describe import Described, Direction
from apps.simulator.recorder.causes import threads_of
from apps.simulator.recorder.matching import IdMap, best_match, is_cancel
from apps.simulator.recorder.recording import Recorded, RecordedConnection, texts_of

_CURRENT_TIME = 49
_NOT_RECORDED = 321
_JSON_SINCE = 166


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording is played: `speed` 2.0 is twice as fast; `started_at` is its start in epoch seconds."""

    speed: float = 1.0
    patience_s: float = 10.0
    started_at: float = 0.0


@dataclass(slots=True)
class Played:
    """What became of one recorded connection."""

    number: int
    client_id: int | None
    sent: int = 0
    matched: int = 0
    loosely_matched: list[str] = field(default_factory=list)
    never_asked: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    left_unsent: int = 0

    @property
    def is_faithful(self) -> bool:
        """Return whether the client asked what was recorded, all of it and nothing else."""
        return not (self.never_asked or self.unexpected)


@dataclass(slots=True, eq=False)
class _Event:
    """One frame still to be played or asked for; `asked_at` is the loop's time at which it was."""

    recorded: Recorded
    threads: frozenset[str]
    asked_at: float | None = None
    is_done: bool = False
    is_overdue: bool = False

    @property
    def is_open_ask(self) -> bool:
        return self.recorded.is_ask and self.asked_at is None


class Playback:
    """Plays `connection` through `send`, a function that writes one frame's fields."""

    def __init__(
        self,
        connection: RecordedConnection,
        send: Callable[[list[str]], None],
        *,
        client_id: int,
        pace: Pace,
    ) -> None:
        self.played = Played(connection.number, connection.client_id)
        self._send = send
        self._pace = pace
        self._version = connection.version
        self._closes = connection.closed_by == Direction.FROM_SERVER
        self._ids = IdMap(client_ids={str(connection.client_id): str(client_id)})
        frames = [one for one in connection.frames if one.told.name not in ("reqCurrentTime", "currentTime")]
        self._events = [_Event(one, threads_of(one)) for one in frames]
        self._open_asks = [one for one in self._events if one.is_open_ask]
        self._first = 0
        self._asked_ahead = 0
        self._arrived = asyncio.Event()
        self._now = asyncio.get_running_loop().time
        # The recorded time that is now: every answer before it is due.
        self._reached = connection.frames[0].at if connection.frames else 0.0
        self._reached_at = self._now()

    # --- the client's side -----------------------------------------------------------------

    def take(self, live: Described) -> None:
        """Note a request of the live client."""
        if live.message_id == _CURRENT_TIME:
            self._send(["49", "1", str(int(self._pace.started_at + self._reached))])
            return
        match = best_match(live, (one.recorded for one in self._open_asks), self._ids)
        if match.found is None:
            self._refuse(live, match.differences)
            return
        event = next(one for one in self._open_asks if one.recorded is match.found)
        self._ids.learn(event.recorded.told, live)
        self.played.matched += 1
        self._asked_ahead += 1
        if match.differences:
            self.played.loosely_matched.append(_said(live, match.differences))
        is_next, event.asked_at = event is self._next_ask(), self._now()
        if is_next:
            # The recording goes on from here, whether the client was slower or faster than then.
            self._reached, self._reached_at = event.recorded.at, event.asked_at
        self._open_asks.remove(event)
        self._arrived.set()

    def _refuse(self, live: Described, differences: tuple[str, ...]) -> None:
        self.played.unexpected.append(_said(live, differences))
        number = live.value("reqId") or live.value("orderId") or "-1"
        if not is_cancel(live):
            text = f"Error validating request:-the recording holds no such {live.name}"
            json = [""] if self._version >= _JSON_SINCE else []
            self._send(["4", "2", number, str(_NOT_RECORDED), text, *json])

    # --- the gateway's side ----------------------------------------------------------------

    async def run(self) -> None:
        """Play until nothing is left that could still be due."""
        while not self._is_over():
            self._arrived.clear()
            pause_s = self._play()
            if self._is_over():
                return
            patience_s = self._pace.patience_s if self._next_ask() else None
            try:
                async with asyncio.timeout(patience_s if pause_s is None else pause_s):
                    await self._arrived.wait()
            except TimeoutError:
                if pause_s is None:
                    self._give_up()

    def stop(self) -> None:
        """Count what the client did not wait for."""
        self.played.never_asked += [_said(one.recorded.told, ()) for one in self._open_asks]
        left = [one for one in self._events[self._first :] if not one.is_done and not one.recorded.is_ask]
        self.played.left_unsent += len(left)

    def _is_over(self) -> bool:
        while self._first < len(self._events) and self._events[self._first].is_done:
            self._first += 1
        if self._closes and self._next_ask() is None:
            # The gateway hung up then; it does not wait for ever for what was never asked now.
            missed = {thread for one in self._open_asks for thread in one.threads}
            left = [one for one in self._events[self._first :] if not one.is_done and not one.recorded.is_ask]
            return all(one.threads & missed for one in left)
        return self._first >= len(self._events)

    def _next_ask(self) -> _Event | None:
        """Return the request the recording waits for, if any."""
        return next((one for one in self._open_asks if not one.is_overdue), None)

    def _play(self) -> float | None:
        """Send what is due. Return the seconds until more is, None if the client must ask first."""
        present = self._reached + (self._now() - self._reached_at) * self._pace.speed
        missed: set[str] = set()
        for event in self._events[self._first :]:
            if event.is_done:
                continue
            if event.is_open_ask and not event.is_overdue:
                return self._overtake() if self._asked_ahead else None
            if event.is_open_ask:
                missed |= event.threads
            elif event.recorded.is_ask:
                event.is_done = True
                self._asked_ahead -= 1
            elif event.threads & missed:
                continue
            elif event.recorded.at > present:
                return (event.recorded.at - present) / self._pace.speed
            else:
                self._write(event)
        return None

    def _overtake(self) -> float | None:
        """Send what is due of the answers to requests asked before their turn."""
        now = self._now()
        blocked: set[str] = set()
        causes: dict[str, _Event] = {}
        pauses: list[float] = []
        for event in self._events[self._first :]:
            if event.is_done:
                continue
            if event.is_open_ask:
                blocked |= event.threads
            elif event.recorded.is_ask:
                causes.update(dict.fromkeys(event.threads - blocked, event))
            elif event.threads & blocked or not event.threads & causes.keys():
                blocked |= event.threads - causes.keys()
            else:
                cause = causes[min(event.threads & causes.keys())]
                since = now - (cause.asked_at or now)
                wait_s = (event.recorded.at - cause.recorded.at) / self._pace.speed - since
                if wait_s > 0:
                    pauses.append(wait_s)
                else:
                    self._write(event)
        return min(pauses, default=None)

    def _write(self, event: _Event) -> None:
        self._send(texts_of(self._ids.translated(event.recorded.told)))
        self.played.sent += 1
        event.is_done = True

    def _give_up(self) -> None:
        """Go on without a request that does not come; should it come late, it is answered then."""
        ask = self._next_ask()
        if ask is not None:
            ask.is_overdue = True
            self._reached, self._reached_at = ask.recorded.at, self._now()


def _said(told: Described, differences: tuple[str, ...]) -> str:
    """Return a request in a few words for a report."""
    known = {name: text for name, text in told.fields if text}
    shown = [f"{name}={known[name]}" for name in ("reqId", "orderId", "symbol", "account") if name in known]
    text = " ".join([told.name, *shown])
    return f"{text} ({'; '.join(differences)})" if differences else text
