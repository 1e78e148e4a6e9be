"""Spoilt frames against a simulator: no crash, no hang, no memory, and every answer well formed.

    python -m tests.simulator.fuzz --frames 1000000 --seed 1

Most frames go straight into the dispatch of sessions, some over TCP. A frame that raises,
that takes more than a second of work, or is answered with a message whose fields are not
those of its table, is a failure; each kind is printed once with the frame that caused it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from apps.simulator.clients.client_session import ClientSession
from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.frames.describe import Direction, describe
from apps.simulator.server import SimulatorServer
from apps.simulator.wire import split_fields
from tests.simulator.mutation import Mutator
from tests.simulator.raw_client import RawClient

HANG_S = 1.0
MEMORY_MB = 200
GREED_MB = 40
_START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
_FRAMES_OF_A_SESSION = 400
_FRAMES_OF_A_DAY = 8000
_FRAMES_BETWEEN_PULSES = 40
_FRAMES_BETWEEN_MARKS = 100_000


@dataclass(slots=True)
class Findings:
    """What a run has shown."""

    frames: int = 0
    answers: int = 0
    over_tcp: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    memory_marks: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def fail(self, kind: str, example: str) -> None:
        self.failures[kind] += 1
        self.examples.setdefault(kind, example)

    @property
    def memory_mb(self) -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    @property
    def is_clean(self) -> bool:
        return not self.failures and self.slowest_s <= HANG_S


class _Sink(asyncio.Transport):
    """A socket without a network: it counts what is written and looks at every answer."""

    def __init__(self, findings: Findings, version: int) -> None:
        super().__init__()
        self._findings = findings
        self._version = version
        self._is_closing = False
        self.last_asked = ""

    def write(self, data: bytes) -> None:
        place = 0
        while place < len(data):
            length = int.from_bytes(data[place : place + 4], "big")
            self._look_at(data[place + 4 : place + 4 + length])
            place += 4 + length
        if place != len(data):
            self._findings.fail("answer cut off", self.last_asked)

    def _look_at(self, payload: bytes) -> None:
        self._findings.answers += 1
        told = describe(payload, self._version, Direction.FROM_SERVER)
        if not told.is_exact or not payload.isascii() or not payload.endswith(b"\0"):
            self._findings.fail(f"answer {told.name} malformed", f"{payload!r:.300} after {self.last_asked}")

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Fuzzer:
    """One simulator under fire."""

    def __init__(self, server: SimulatorServer, clock: ManualClock, seed: int) -> None:
        self.findings = Findings()
        self._server = server
        self._clock = clock
        self._mutator = Mutator(seed)
        self._random = Random(seed)
        self._session: ClientSession
        self._sink: _Sink
        self._client_id = 0

    async def run(self, frames: int) -> None:
        """Feed so many frames."""
        for count in range(frames):
            if count % _FRAMES_OF_A_SESSION == 0:
                self._next_session()
            if count % _FRAMES_BETWEEN_MARKS == 0:
                self.findings.memory_marks.append(_resident_mb())
            if count % _FRAMES_OF_A_DAY == _FRAMES_OF_A_DAY - 1:
                self._next_day()
            if count % _FRAMES_BETWEEN_PULSES == 0:
                self._pulse(self._random.choice((0.0, 0.25, 1.0, 5.0, 61.0)))
            await self._feed(self._mutator.frame(self._session.version).payload)

    async def _feed(self, payload: bytes) -> None:
        findings = self.findings
        self._sink.last_asked = f"{payload!r:.600}"
        started, peak_mb = time.process_time(), findings.memory_mb
        try:
            self._session.handle(split_fields(payload))
        except Exception:  # noqa: BLE001  whatever it is, it is what is looked for
            self._crashed(self._sink.last_asked)
        tasks = set(self._session._tasks)
        while tasks and not all(one.done() for one in tasks):  # noqa: ASYNC110  turns of the loop are the work
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        taken_s = time.process_time() - started
        findings.frames += 1
        if taken_s > findings.slowest_s:
            findings.slowest_s, findings.slowest = taken_s, self._sink.last_asked
        if findings.memory_mb > peak_mb + GREED_MB:
            findings.fail(f"{findings.memory_mb - peak_mb:.0f} MB for one frame", self._sink.last_asked)
        if taken_s > HANG_S:
            findings.fail("hang", self._sink.last_asked)

    def _crashed(self, example: str) -> None:
        lines = traceback.format_exc().strip().splitlines()
        places = [one.strip() for one in lines if one.strip().startswith("File ")]
        self.findings.fail(f"{lines[-1][:120]} at {places[-1]}", example)

    def _next_session(self) -> None:
        if self._client_id:
            self._session.close()
            self._server.sessions.pop(self._client_id, None)
            self._server.venue.exchange.cancel_all()
        self._client_id += 1
        version = self._random.choice(self._mutator.versions)
        reader = asyncio.StreamReader()
        self._sink = _Sink(self.findings, version)
        loop = asyncio.get_running_loop()
        writer = asyncio.StreamWriter(self._sink, asyncio.StreamReaderProtocol(reader), reader, loop)
        self._session = ClientSession(
            self._server.venue, reader, writer, version=version, client_id=self._client_id
        )
        self._server.sessions[self._client_id] = self._session
        self._session.greet()

    def _next_day(self) -> None:
        # A day's orders are all told again to whoever asks; a real day is not a million orders long.
        self._pulse(86_400.0)

    def _pulse(self, seconds: float) -> None:
        self._clock.advance(seconds)
        try:
            self._server.pulse()
        except Exception:  # noqa: BLE001  whatever it is, it is what is looked for
            self._crashed(f"pulse after {self._sink.last_asked}")


class _ErrorsOfTheLog(logging.Handler):
    def __init__(self, findings: Findings) -> None:
        super().__init__(logging.ERROR)
        self._findings = findings

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._findings.fail(f"logged: {text.splitlines()[-1][:120]}", text[-2000:])


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


async def fuzz(frames: int, *, seed: int, frames_over_tcp: int = 0) -> Findings:
    """Feed `frames` spoilt frames and return what came of it."""
    clock = ManualClock(_START)
    server = SimulatorServer(SimulatorConfig(port=0, pulse_s=3600, clock=clock))
    await server.start()
    fuzzer = Fuzzer(server, clock, seed)
    handler = _ErrorsOfTheLog(fuzzer.findings)
    logging.getLogger().addHandler(handler)
    quiet = logging.getLogger("apps.simulator")
    level, quiet.level = quiet.level, logging.ERROR
    try:
        await fuzzer.run(frames)
        await _over_tcp(server, fuzzer.findings, Mutator(seed + 1), frames_over_tcp)
    finally:
        logging.getLogger().removeHandler(handler)
        quiet.setLevel(level)
        await server.stop()
    return fuzzer.findings


async def _over_tcp(server: SimulatorServer, findings: Findings, mutator: Mutator, frames: int) -> None:
    """Send frames over real sockets, lengths spoilt too, and see that a bystander is still served."""
    random = Random(frames)
    bystander = await RawClient.open(server.port, client_id=9_999_999)
    for start in range(0, frames, 50):
        version = random.choice(mutator.versions)
        client = await RawClient.open(server.port, version=version, client_id=10_000_000 + start)
        for _ in range(50):
            payload = mutator.frame(version).payload
            length = len(payload) if random.random() < 0.98 else random.randrange(2 * len(payload) + 2)
            client.write_bytes(length.to_bytes(4, "big") + payload)
            findings.over_tcp += 1
            with contextlib.suppress(ConnectionError):
                await client.drain()
        await client.close()
        await bystander.settle()
        bystander.frames.clear()
    await bystander.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Feed spoilt frames to a simulator.")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--tcp-frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    started = time.monotonic()
    found = asyncio.run(fuzz(asked.frames, seed=asked.seed, frames_over_tcp=asked.tcp_frames))
    told = (
        f"{found.frames} frames in process and {found.over_tcp} over TCP, seed {asked.seed},",
        f"in {time.monotonic() - started:.0f} s: {found.answers} answers looked at,",
        f"slowest frame {found.slowest_s:.3f} s of work, memory {found.memory_mb:.0f} MB",
    )
    marks = " ".join(str(one) for one in found.memory_marks)
    lines = [" ".join(told), f"MB every {_FRAMES_BETWEEN_MARKS} frames: {marks}"]
    for kind, count in found.failures.most_common():
        lines.append(f"FAILED {count} × {kind}\n    {found.examples[kind]}")
    if found.memory_mb > MEMORY_MB:
        lines.append(f"FAILED more than {MEMORY_MB} MB")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if found.is_clean and found.memory_mb <= MEMORY_MB else 1


if __name__ == "__main__":
    sys.exit(main())
