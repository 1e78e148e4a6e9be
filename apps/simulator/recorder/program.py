"""The programs `record` and `replay`, and what they print when they end."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from apps.simulator.frames.frame_log import stamp
from apps.simulator.logs import log_to_stderr
from apps.simulator.recorder.masking import Mask
from apps.simulator.recorder.proxy import Kept, Recorder
from apps.simulator.recorder.recording import BadRecording, RecordingWriter, read_recording
from apps.simulator.recorder.replay import Replayer

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def record(arguments: list[str]) -> int:
    """Record until SIGTERM or SIGINT: 1 if anything was not kept or could not be, 2 if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="apps.simulator record",
        description="Stand between clients and an IB Gateway and keep what they say, without names.",
        epilog="Account numbers, users, advisors' names, mail addresses and hosts are masked before anything "
        "is written. Free texts (orderRef, news) are kept but for names found in them.",
    )
    parser.add_argument("--to", type=Path, required=True, help="the new file; an existing one is refused")
    parser.add_argument("--upstream", type=_address, required=True, metavar="HOST:PORT", help="the gateway")
    parser.add_argument("--listen", type=int, default=4002, metavar="PORT", help="on 127.0.0.1; 0 takes one")
    parser.add_argument("--mask", action="append", default=[], metavar="TEXT", help="mask this text too")
    parser.add_argument("--mask-order-ref", action="store_true", help="mask every orderRef")
    parser.add_argument(
        "--accept-unmasked",
        action="store_true",
        help="keep binary frames (servers above version 200), in which nothing can be masked",
    )
    asked = parser.parse_args(arguments)
    log_to_stderr("WARNING")
    try:
        return asyncio.run(_record(asked))
    except OSError as error:
        return _failed("record", error)


async def _record(asked: argparse.Namespace) -> int:
    host, port = asked.upstream
    machines = [one for one in (host, socket.gethostname()) if one not in _LOOPBACK]
    mask = Mask(words=[*asked.mask, *machines], masks_order_ref=asked.mask_order_ref)
    header = {
        "started": stamp(datetime.now(UTC).timestamp()),
        "order_refs": "masked" if asked.mask_order_ref else "kept",
        "binary_frames": "unmasked" if asked.accept_unmasked else "refused",
    }
    kept = Kept(RecordingWriter(asked.to, header=header), mask, accepts_unmasked=asked.accept_unmasked)
    recorder = Recorder(host, port, kept=kept)
    await recorder.start(asked.listen)
    _say(f"recording {host}:{port} on 127.0.0.1:{recorder.port} to {asked.to}")
    await _until_told(asyncio.Event().wait)
    await recorder.stop()
    _say(f"{kept.connections} connections, {kept.frames} frames kept, {kept.troubles} troubles")
    return 1 if kept.troubles else 0


def replay(arguments: list[str]) -> int:
    """Play a recording: 0 if all of it was asked for, 1 if not, 2 if the file cannot be played."""
    parser = argparse.ArgumentParser(
        prog="apps.simulator replay",
        description="Play the gateway's side of a recording to clients; ends when all of it was played.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, default=4002, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--speed", type=_speed, default=1.0, help="2 is twice as fast, 0 is without pauses")
    parser.add_argument(
        "--patience", type=float, default=10.0, metavar="SECONDS", help="for a request that does not come"
    )
    asked = parser.parse_args(arguments)
    log_to_stderr("WARNING")
    try:
        return asyncio.run(_replay(asked))
    except (OSError, BadRecording) as error:
        return _failed("replay", error)


async def _replay(asked: argparse.Namespace) -> int:
    recording = read_recording(asked.file)
    replayer = Replayer(recording, speed=asked.speed, patience_s=asked.patience)
    await replayer.start(asked.port)
    _say(f"replaying {len(recording.connections)} connections on 127.0.0.1:{replayer.port}")
    await _until_told(replayer.is_finished.wait)
    await replayer.stop()
    for line in replayer.report():
        _say(line)
    return 0 if replayer.is_faithful else 1


async def _until_told(finished: Callable[[], Awaitable[object]]) -> None:
    """Wait for the end of something, or for SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waits = [asyncio.ensure_future(finished()), asyncio.ensure_future(told.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"not HOST:PORT: {text}")
    return host.strip("[]"), int(port)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 <= speed < float("inf"):
        raise argparse.ArgumentTypeError("a speed is not negative")
    return speed


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _failed(program: str, error: Exception) -> int:
    sys.stderr.write(f"{program}: {error}\n")
    return 2
