"""A PostgreSQL server of our own that may be killed, frozen and started again with its rows.

Unlike the throw-away server of the other tests it commits durably, because what a client was
told must survive kill -9 of every process of the server at once.
"""

import os
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg

from scripts.services import Unavailable, postgresql_binary, unprivileged_account
from tests.places import free_port

NAME = "jaxbroker"
START_TIMEOUT_S = 30.0

__all__ = ["PostgresServer", "Unavailable"]


class PostgresServer:
    """One server on a free port of loopback; `url` names its database."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._password = secrets.token_hex(16)
        self._folder = folder
        self._data = folder / "data"
        self._account = unprivileged_account()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._account.own(self._folder)
        self._initialise()
        try:
            self.start()
            with psycopg.connect(self.address(database="postgres"), autocommit=True) as server:
                server.execute(f"CREATE DATABASE {NAME}")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.kill()

    # --- verbs -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start and wait until it lets clients in; after a kill that includes its recovery."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [postgresql_binary("postgres"), "-D", str(self._data)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._identity,
            )
        self._until_it_answers()

    def kill(self) -> None:
        """End every process of the server with SIGKILL in one instant, and see them gone."""
        if self._process is None:
            return
        family = self._family()
        for pid in family:
            _signal(pid, signal.SIGKILL)
        self._process.wait(timeout=20)
        deadline = time.monotonic() + 20
        while any(_is_alive(pid) for pid in family):
            if time.monotonic() > deadline:
                raise AssertionError("the server does not die")
            time.sleep(0.01)
        self._process = None

    def stop(self) -> None:
        """Shut down as for a restart: clients are told and cut off."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=20)
        self._process = None

    def pause(self) -> None:
        """Freeze every process of the server: sockets stay open and nobody answers."""
        for pid in self._family():
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._family():
            _signal(pid, signal.SIGCONT)

    # --- asking ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.address()

    def address(self, *, port: int | None = None, database: str = NAME) -> str:
        """Return the address of a database, by way of `port` if a proxy stands before the server."""
        return f"postgresql://{NAME}:{self._password}@127.0.0.1:{port or self.port}/{database}"

    # --- inside ----------------------------------------------------------------------------

    @property
    def _identity(self) -> dict[str, object]:
        account = self._account
        return {"user": account.user, "group": account.group, "extra_groups": account.extra_groups}

    def _initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        self._account.own(password_file)
        login = ["-U", NAME, "--auth=scram-sha-256", f"--pwfile={password_file}"]
        made = subprocess.run(
            [postgresql_binary("initdb"), "-D", str(self._data), *login, "--encoding=UTF8", "--locale=C"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._identity,
        )
        if made.returncode:
            raise Unavailable(f"initdb failed: {made.stderr.strip()}")
        settings = {
            "port": self.port,
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self._folder}'",
            "max_connections": 100,
            "timezone": "UTC",
            "shared_buffers": "'16MB'",
            "dynamic_shared_memory_type": "mmap",  # nobody else can sweep it away
        }
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.address(database="postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self._folder / "server.log").read_text(errors="replace")[-2000:]
                    raise Unavailable(f"PostgreSQL does not answer: {log}") from error
                time.sleep(0.02)
            else:
                return

    def _family(self) -> list[int]:
        """Return the server's first process and its children; each child leads a session of its own."""
        if self._process is None:
            return []
        first = self._process.pid
        found = [first]
        for entry in Path("/proc").iterdir():
            with suppress(OSError, IndexError):
                if entry.name.isdigit() and _words(int(entry.name))[1] == str(first):
                    found.append(int(entry.name))
        return found


def _words(pid: int) -> list[str]:
    """Return what /proc says of a process after its name: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _is_alive(pid: int) -> bool:
    try:
        return _words(pid)[0] not in ("Z", "X")
    except OSError:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
