"""The simulator as a process: how it starts, how it refuses to, and what a kill cannot take from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.control import ControlClient
from tests.simulator.raw_client import RawClient, place_order

ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"simulator listens on 127\.0\.0\.1:(\d+), control 127\.0\.0\.1:(\d+), (\d+) symbols, seed (\d+), .*"
)


class Program:
    """A simulator in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "apps.simulator", "--port", "0", "--control-port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.line = self.process.stdout.readline().strip()
        found = LINE.fullmatch(self.line)
        self.port, self.control_port = int(found[1]), int(found[2])

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def book(self) -> dict:
        with ControlClient(self.control_port) as control:
            return control.ask("book")


@pytest.fixture
def program():
    """Start simulators; none outlives the test."""
    started: list[Program] = []

    def start(*arguments: str) -> Program:
        started.append(Program(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


class TestProgram:
    @pytest.mark.processes
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_says_where_it_listens_and_ends_cleanly(self, program, number):
        running = program("--seed", "11", "--account", "DU42")
        client = await RawClient.open(running.port)
        await client.settle()

        assert "seed 11" in running.line
        assert "account DU42" in running.line
        assert running.end(number) == 0
        await client.close()

    @pytest.mark.processes
    @pytest.mark.parametrize(
        ("arguments", "environment"),
        [
            (["--host", "0.0.0.0"], {}),
            (["--account", "U1234567"], {}),
            (["--scenario", "nonsense"], {}),
            (["--max-server-version", "200"], {}),
            ([], {"PAPER_TRADING": "false"}),
            (["--clock", "accelerated"], {}),
            (["--clock", "stepped", "--speed", "2"], {}),
            (["--speed", "0"], {}),
            (["--start", "2026-11-20T09:30:00-05:00"], {}),
            (["--clock", "stepped", "--start", "2026-11-20T09:30:00"], {}),
            (["--clock", "stepped", "--start", "half past nine"], {}),
        ],
    )
    def test_refuses_in_one_line_what_it_must_never_be(self, arguments, environment):
        run = subprocess.run(
            [sys.executable, "-m", "apps.simulator", "--port", "0", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )

        assert run.returncode == 2
        assert len(run.stderr.strip().splitlines()) == 1

    @pytest.mark.processes
    @pytest.mark.parametrize(
        ("option", "line"),
        [
            ("--help-faults", "  eat_order(count=whole number (1))"),
            (
                "--help-scenarios",
                "  farm_blip              2103 and 2105 for three seconds; streams stay dead",
            ),
        ],
    )
    def test_lists_what_can_be_switched_and_played(self, option, line):
        run = subprocess.run(
            [sys.executable, "-m", "apps.simulator", option],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

        assert run.returncode == 0
        assert line in run.stdout.splitlines()

    @pytest.mark.processes
    async def test_plays_a_file_of_ones_own_in_its_own_time(self, program, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(
            "description = 'a notice every minute'\n"
            "[[steps]]\nevery = '1m'\nfault = 'emit_error'\nwith = { code = 2109, text = 'a minute' }\n"
        )
        running = program("--speed", "600", "--start", "2026-11-20T10:00:00-05:00", "--scenario", str(path))
        client = await RawClient.open(running.port)
        told = [(await client.error(2109))[4] for _ in range(3)]
        now = int((await client.ask(49, 49, 1))[2])
        await client.close()

        assert told == ["a minute"] * 3
        assert 1795186800 + 180 <= now < 1795186800 + 3600

    def test_binds_elsewhere_only_where_a_container_allows_it(self):
        config = SimulatorConfig(host="0.0.0.0")

        config.check({"JAXBROKER_SIMULATOR_ALLOW_BIND": "1"})
        with pytest.raises(BadConfig):
            config.check({})


class TestState:
    @pytest.mark.processes
    async def test_a_kill_takes_nothing_that_was_acknowledged(self, program, tmp_path):
        state = str(tmp_path / "state.db")
        first = program("--state", state)
        client = await RawClient.open(first.port)
        for order_id in range(1, 21):
            client.send(*place_order(176, order_id, "F", quantity=10, ref=f"filled-{order_id}"))
        client.send(*place_order(176, 21, kind="LMT", limit=1, tif="GTC", ref="resting"))
        client.send(*place_order(176, 22, kind="LMT", limit=1, ref="cancelled"))
        client.send(4, 1, 22, "")
        client.send(*place_order(176, 23, kind="LMT", limit=1, transmit=0, ref="untransmitted"))
        await client.error(202)
        await client.settle()
        before = first.book()
        first.end(signal.SIGKILL)
        await client.close()

        second = program("--state", state)
        after = second.book()

        assert len(after["executions"]) == 20
        assert after["executions"] == before["executions"]
        assert after["cash"] == before["cash"]
        assert after["positions"] == before["positions"]
        assert [one["orderRef"] for one in after["orders"]] == [
            one["orderRef"] for one in before["orders"] if one["orderRef"] != "untransmitted"
        ]

        again = await RawClient.open(second.port)
        greeted = next(one for one in again.frames if one[0] == "9")
        again.send(*place_order(176, 21, kind="MKT", tif="GTC", ref="resting"))
        fill = await again.until(11)
        await again.settle()
        await again.close()

        assert int(greeted[2]) > 21
        assert fill[14] not in {one["exec_id"] for one in before["executions"]}
        assert int(fill[21]) == next(
            one["permId"] for one in before["orders"] if one["orderRef"] == "resting"
        )

    @pytest.mark.processes
    async def test_numbers_go_on_where_they_stopped(self, program, tmp_path):
        state = str(tmp_path / "state.db")
        seen: set[str] = set()
        for round_number in range(3):
            running = program("--state", state)
            client = await RawClient.open(running.port)
            next_id = int(next(one for one in client.frames if one[0] == "9")[2])
            client.send(*place_order(176, next_id, "F", quantity=1))
            fill = await client.until(11)
            running.end(signal.SIGKILL)
            await client.close()

            assert next_id == round_number + 1
            assert not {fill[14], fill[21]} & seen
            seen |= {fill[14], fill[21]}

    @pytest.mark.processes
    def test_a_second_process_may_not_use_the_same_file(self, program, tmp_path):
        state = str(tmp_path / "state.db")
        program("--state", state)
        second = subprocess.run(
            [sys.executable, "-m", "apps.simulator", "--port", "0", "--state", state],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )

        assert second.returncode == 1
