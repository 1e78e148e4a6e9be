"""run_gateway as a process: signals, exit codes, and who wins when one was asleep."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.gateway.house import ROOT, SimulatorProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


class GatewayProcesses:
    """Gateways of one database, each in a process and a state directory of its own."""

    def __init__(self, home, broker_port):
        self.home = home
        self.database = home / "rows.sqlite3"
        self._broker_port = broker_port
        self._running = []

    def manage(self, *words, name="one", **options):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAXBROKER", "DJANGO", "LOG_LEVEL"))}
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=kept
            | {
                "JAXBROKER_ENV_FILE": os.devnull,
                "JAXBROKER_STATE_DIR": str(self.home / name),
                "DATABASE_URL": f"sqlite:///{self.database}",
                "SECRET_KEY": "only-for-tests-" * 5,
                "IB_GATEWAY_PORT": str(self._broker_port),
                "JAXBROKER_PORT_MODES": f"{self._broker_port}=paper",
            },
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def start(self, name):
        process = self.manage("run_gateway", name=name)
        self._running.append(process)
        return process

    def end_all(self):
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate(timeout=10)

    def row(self, query):
        with closing(sqlite3.connect(self.database, timeout=10)) as rows:
            return rows.execute(query).fetchone()

    def connection(self):
        return self.row("SELECT phase, session, reasons FROM accounts_connection") or ("", 0, "")


@pytest.fixture
def gateways(tmp_path):
    simulator = SimulatorProcess(tmp_path / "simulator.state")
    simulator.start()
    found = GatewayProcesses(tmp_path, simulator.port)
    migrate = found.manage("migrate", "--verbosity", "0")
    assert migrate.communicate(timeout=60)[1] == ""
    yield found
    found.end_all()
    simulator.kill()


def until(read, within_s=20.0):
    deadline, seen = time.monotonic() + within_s, None
    while time.monotonic() < deadline:
        if seen := read():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"not in {within_s} s; last seen {seen!r}")


class TestSignals:
    def test_sigterm_ends_it_in_three_seconds_with_a_reason_in_the_row(self, gateways):
        process = gateways.start("one")
        until(lambda: gateways.connection()[0] == "READY")

        process.send_signal(signal.SIGTERM)

        ended = ("DISCONNECTED", 1, '["gateway stopped"]')
        until(lambda: gateways.connection() == ended, within_s=3)
        assert process.wait(timeout=10) == 0
        assert gateways.row("SELECT expires_at FROM accounts_lease")[0].startswith("1970")

    def test_sigusr1_halts_trading_and_the_process_goes_on(self, gateways):
        process = gateways.start("one")
        until(lambda: gateways.connection()[0] == "READY")

        process.send_signal(signal.SIGUSR1)

        state = "SELECT state, actor FROM safety_tradingstate WHERE scope = '*'"
        until(lambda: gateways.row(state) == ("HALTED", "SIGUSR1"), within_s=2)
        assert process.poll() is None

    def test_an_owner_that_slept_through_its_lease_leaves_at_once(self, gateways):
        sleeper = gateways.start("one")
        until(lambda: gateways.connection()[0] == "READY")
        sleeper.send_signal(signal.SIGSTOP)
        gateways.start("two")
        until(lambda: gateways.row("SELECT epoch FROM accounts_lease") == (2,))

        sleeper.send_signal(signal.SIGCONT)

        sleeper.wait(timeout=5)
        assert sleeper.returncode == 70
        until(lambda: gateways.connection()[0] == "READY")


class TestStart:
    def test_refuses_a_database_of_another_version(self, gateways):
        gateways.database.unlink()

        process = gateways.start("one")

        _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        assert "migrate" in said
        assert "orders.0001_initial" in said or "contenttypes.0001_initial" in said

    def test_refuses_a_damaged_database(self, gateways):
        with gateways.database.open("r+b") as file:
            for page in range(3, gateways.database.stat().st_size // 4096, 4):
                file.seek(page * 4096)
                file.write(b"\xa5" * 4096)

        process = gateways.start("one")

        _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        assert "damaged" in said
