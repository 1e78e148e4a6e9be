"""How many ticks the simulator sends, and what each costs beside a bare asyncio writer.

The writer gets the very frames the simulator sent, at the same rate; both are pinned to
one core and read by the same client.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.figures import Report, at_least, ratio_at_least
from bench.harness import Options, Program, Window, interleaved, measure, ratios
from bench.simulator import MAX_LINES, Simulator, line_symbols
from bench.tick_client import Client, collect, read_all

ABOUT = "ticks of market data lines; messages per CPU second beside a bare asyncio writer of the same bytes"
WARM_S = 0.3
#: More than one core can do: what is delivered is the limit.
LIMIT = 500_000


def run(options: Options) -> Report:
    """Measure one client at 50,000 a second, 32 at 2,000 each, and the most one core can do."""
    report = Report("sim_ticks", ABOUT)
    with Simulator() as simulator:
        _compare(report, options, simulator, clients=1, lines=MAX_LINES, ticks_per_s=50_000)
        clients = int(options.pick(32, 4))
        _compare(report, options, simulator, clients=clients, lines=10, ticks_per_s=2_000)
        _find_limit(report, options, simulator)
    return report


def _compare(
    report: Report,
    options: Options,
    simulator: Simulator,
    *,
    clients: int,
    lines: int,
    ticks_per_s: int,
) -> None:
    group = f"{clients} client{'s' * (clients > 1)}, {lines} lines and {ticks_per_s:,} ticks/s each"
    seconds = options.pick(3.0, 0.2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        file = _record(simulator, folder, lines=lines, ticks_per_s=ticks_per_s)
        writers = {
            how: stack.enter_context(Program(["-m", "bench.bare_writer", str(file), str(ticks_per_s), how]))
            for how in ("each", "joined")
        }
        cases: dict[str, Callable[[], Window]] = {
            "ours": lambda: _ours(simulator, clients, lines, ticks_per_s=ticks_per_s, seconds=seconds)
        }
        for how, writer in writers.items():
            cases[how] = partial(_peer, writer, clients, seconds=seconds)
        found = interleaved(cases, rounds=options.rounds)
    _tell(report, group, found, wanted=clients * ticks_per_s)


def _tell(report: Report, group: str, found: dict[str, list[Window]], *, wanted: int) -> None:
    per_cpu = {name: [one.per_cpu_second for one in windows] for name, windows in found.items()}
    delivered = [one.per_second for one in found["ours"]]
    # A hundredth is the edge of the window, not a loss.
    report.add(group, "delivered", delivered, unit="msg/s", target=at_least(wanted * 0.99))
    report.add(group, "cores used", [one.cores for one in found["ours"]], digits=2)
    report.add(group, "simulator", per_cpu["ours"], unit="msg/CPU-s")
    report.add(group, "bare writer, a write a frame", per_cpu["each"], unit="msg/CPU-s")
    report.add(group, "bare writer, a write a beat (floor)", per_cpu["joined"], unit="msg/CPU-s")
    against = ratios(per_cpu["ours"], per_cpu["each"])
    report.add(group, "ratio to a write a frame", against, target=ratio_at_least(0.5), digits=2)
    report.add(group, "ratio to the floor", ratios(per_cpu["ours"], per_cpu["joined"]), digits=2)


def _record(simulator: Simulator, folder: Path, *, lines: int, ticks_per_s: int) -> Path:
    """Return a file with half a second of what one client is sent."""
    client = _connect(simulator, client_id=1, lines=lines)
    simulator.switch("burst", ticks_per_s=ticks_per_s)
    collect(client, seconds=WARM_S)
    payloads = collect(client, seconds=0.5)
    simulator.switch("burst", ticks_per_s=0)
    client.close()
    file = folder / "frames"
    file.write_bytes(b"".join(struct.pack(">I", len(one)) + one for one in payloads))
    return file


def _connect(simulator: Simulator, *, client_id: int, lines: int) -> Client:
    client = Client(simulator.port)
    client.start(client_id)
    client.subscribe(line_symbols(lines))
    return client


def _ours(simulator: Simulator, clients: int, lines: int, *, ticks_per_s: int, seconds: float) -> Window:
    connected = [_connect(simulator, client_id=one, lines=lines) for one in range(1, clients + 1)]
    simulator.switch("burst", ticks_per_s=ticks_per_s)
    read_all(connected, seconds=WARM_S)
    window = measure(simulator, lambda: read_all(connected, seconds=seconds))
    simulator.switch("burst", ticks_per_s=0)
    for client in connected:
        client.close()
    return window


def _peer(writer: Program, clients: int, *, seconds: float) -> Window:
    connected = [Client(int(writer.first_line)) for _ in range(clients)]
    read_all(connected, seconds=WARM_S)
    window = measure(writer, lambda: read_all(connected, seconds=seconds))
    for client in connected:
        client.close()
    return window


def _find_limit(report: Report, options: Options, simulator: Simulator) -> None:
    seconds = options.pick(3.0, 0.2)
    windows = [
        _ours(simulator, 1, MAX_LINES, ticks_per_s=LIMIT, seconds=seconds) for _ in range(options.rounds)
    ]
    group = "1 client, as many as one core sends"
    report.add(group, "delivered", [one.per_second for one in windows], unit="msg/s")
    report.add(group, "simulator", [one.per_cpu_second for one in windows], unit="msg/CPU-s")
