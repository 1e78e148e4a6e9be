"""The simulator as a program: `python -m apps.simulator --port 4002 --scenario quiet`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from apps.simulator.clock_options import add_clock_options, clock_for
from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.control import LOOPBACK
from apps.simulator.control import program as control
from apps.simulator.exchange.policies import REJECT_ORDERS
from apps.simulator.frames import printing
from apps.simulator.help_options import add_help_options
from apps.simulator.instruments.universe import KNOWN_STOCKS
from apps.simulator.logs import log_to_stderr
from apps.simulator.market.entitlements import Right
from apps.simulator.market.limits import LIMITS
from apps.simulator.market.price_sources import OWN_TIMES
from apps.simulator.protocol.messages import NEWEST_VERSION
from apps.simulator.recorder import program
from apps.simulator.scenario import read_scenario
from apps.simulator.server import SimulatorServer

# Programs beside the simulator itself, by their first argument.
PROGRAMS: dict[str, Callable[[list[str]], int]] = {
    "control": control.run,
    "log": printing.main,
    "record": program.record,
    "replay": program.replay,
}


def parse_arguments(arguments: list[str]) -> tuple[SimulatorConfig, str]:
    """Return the configuration and the level of the log."""
    parser = argparse.ArgumentParser(
        prog="apps.simulator",
        description="Pretend to be IB Gateway, paper only.",
        epilog=f"Other programs: {', '.join(PROGRAMS)}; each has a --help of its own.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine only: %(default)s")
    parser.add_argument("--port", type=int, default=4002, help="%(default)s; 0 takes a free port")
    parser.add_argument("--control-port", type=int, default=None, help="HTTP, loopback; 0 takes a free port")
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same market: %(default)s")
    parser.add_argument("--scenario", default="quiet", help="name of one that comes along, or path of a file")
    parser.add_argument("--state", type=Path, default=None, help="file or directory that keeps the book")
    parser.add_argument("--account", default="DU1234567", help="begins with DU: %(default)s")
    parser.add_argument("--hours", choices=("always", "nyse"), default="always", help="when markets are open")
    parser.add_argument(
        "--max-server-version", type=int, default=NEWEST_VERSION, help="be a gateway of 157 to %(default)s"
    )
    parser.add_argument("--cash", type=float, default=1_000_000.0, help="dollars to begin with: %(default)s")
    _add_order_policies(parser)
    parser.add_argument(
        "--frame-log", type=Path, default=None, help="file of all frames by name; - is standard output"
    )
    parser.add_argument(
        "--market-data", choices=tuple(map(str, Right)), default="live", help="what the login has paid for"
    )
    parser.add_argument(
        "--limits", choices=tuple(LIMITS), default="real", help="how much data may be asked for, and how fast"
    )
    add_clock_options(parser)
    add_help_options(parser)
    parser.add_argument(
        "--tape",
        dest="tapes",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="play prices from a CSV or Parquet file of bars or ticks, or from all in a folder; repeatable",
    )
    parser.add_argument(
        "--tape-start",
        default=OWN_TIMES,
        metavar="TIME",
        help="when the tapes begin: own (the times in the files), now, or a time",
    )
    parser.add_argument(
        "--calendar", type=Path, default=None, metavar="FILE", help="splits and dividends, as TOML"
    )
    parser.add_argument("--log-level", default="WARNING", help="of the log on stderr: %(default)s")
    values = vars(parser.parse_args(arguments))
    log_level = values.pop("log_level")
    values["tapes"] = tuple(values["tapes"])
    clock = clock_for(values.pop("clock"), speed=values.pop("speed"), start=values.pop("start"))
    return SimulatorConfig(**values, clock=clock), log_level


def _add_order_policies(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--master-client-id", type=int, default=None, help="the client that hears of everybody's orders"
    )
    parser.add_argument(
        "--cross-client-cancel",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a client may cancel an order of another by its id",
    )
    parser.add_argument(
        "--roll-back-next-id", action="store_true", help="begin the order ids at 1 again, whatever was used"
    )
    parser.add_argument(
        "--reject-order",
        choices=REJECT_ORDERS,
        default=REJECT_ORDERS[0],
        help="what a rejected order tells first: its status or the code",
    )


async def run(config: SimulatorConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = SimulatorServer(config)
    await server.start()
    control = f"{LOOPBACK}:{server.control_port}" if server.control_port else "none"
    _say(
        sys.stdout,
        f"simulator listens on {config.host}:{server.port}, control {control}, "
        f"{KNOWN_STOCKS} symbols, seed {config.seed}, scenario {config.scenario}, "
        f"hours {config.hours}, account {config.account}",
    )
    await stopped.wait()
    await server.stop()


def _say(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


def main() -> int:
    """Run the program and return its exit code: 2 if it must not start like this."""
    other = PROGRAMS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if other is not None:
        return other(sys.argv[2:])
    try:
        config, log_level = parse_arguments(sys.argv[1:])
        log_to_stderr(log_level)
        config.check(os.environ)
        read_scenario(config.scenario)
        asyncio.run(run(config))
    except BadConfig as error:
        _say(sys.stderr, f"simulator: {error}")
        return 2
    except (OSError, sqlite3.Error) as error:
        _say(sys.stderr, f"simulator: cannot start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
