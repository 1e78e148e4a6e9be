"""Run a command beside a throw-away PostgreSQL and Redis, and leave nothing behind.

    scripts/services.py -- pytest tests

Both servers listen on free loopback ports with passwords made for this run; the command finds them
in DATABASE_URL and REDIS_URL. Nothing is shared with servers that may run here already, and only the
processes started here are stopped, by their id. PostgreSQL refuses to run as root; then both run as
`postgres` or `nobody`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg
import redis

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10
NOT_AVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
NAME = "jaxbroker"


class Unavailable(Exception):
    """A server is not installed or did not start."""


@dataclass(frozen=True)
class Account:
    """Who the servers run as; all None means as we do."""

    user: int | None = None
    group: int | None = None
    extra_groups: list[int] | None = None

    def own(self, path: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def main() -> int:
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, leave)
    try:
        with throw_away_services() as addresses:
            return run(command, env=os.environ | addresses)
    except Unavailable as error:
        print(f"services: {error}", file=sys.stderr)
        return NOT_AVAILABLE


@contextlib.contextmanager
def throw_away_services(*, durable: bool = False) -> Iterator[dict[str, str]]:
    """Yield DATABASE_URL and REDIS_URL of two servers that live as long as this block.

    A `durable` PostgreSQL waits for the disk at each commit, as one that is not thrown away does.
    """
    account = unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="jaxbroker-services-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        account.own(folder)
        with (
            postgresql(folder, account, durable=durable) as database_url,
            redis_server(folder, account) as redis_url,
        ):
            yield {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


@contextlib.contextmanager
def postgresql(folder: Path, account: Account, *, durable: bool = False) -> Iterator[str]:
    password, port, data = secrets.token_hex(16), free_port(), folder / "postgresql"
    password_file = folder / "password"
    password_file.write_text(password)
    account.own(password_file)
    login = ["-U", NAME, "--auth=scram-sha-256", f"--pwfile={password_file}"]
    initialise = [
        postgresql_binary("initdb"),
        "-D",
        str(data),
        *login,
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    made = subprocess.run(
        initialise,
        cwd=folder,
        capture_output=True,
        text=True,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    if made.returncode:
        raise Unavailable(f"initdb failed: {made.stderr.strip()}")
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "max_connections": 200,
        "timezone": "UTC",
    }
    if not durable:  # this database may be lost, and nothing may wait for the disk
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = [postgresql_binary("postgres"), "-D", str(data), *options]
    with running(server, folder / "postgresql.log", account, stop_with=signal.SIGINT) as process:
        address = f"postgresql://{NAME}:{password}@127.0.0.1:{port}"
        wait_until(lambda: create_database(address), process, folder / "postgresql.log")
        yield f"{address}/{NAME}"


def create_database(address: str) -> None:
    with psycopg.connect(f"{address}/postgres", autocommit=True, connect_timeout=2) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")


@contextlib.contextmanager
def redis_server(folder: Path, account: Account) -> Iterator[str]:
    password, port = secrets.token_hex(16), free_port()
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise Unavailable("neither redis-server nor valkey-server is installed")
    config = folder / "redis.conf"
    config.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ""\nappendonly no\n'
    )
    account.own(config)
    log = folder / "redis.log"
    with running([binary, str(config)], log, account, stop_with=signal.SIGTERM) as process:
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        wait_until(lambda: redis.Redis.from_url(url).ping(), process, log)
        yield url


@contextlib.contextmanager
def running(
    command: list[str], log: Path, account: Account, *, stop_with: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep one server alive for the block; in its own session, so that Ctrl-C reaches us first."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    try:
        yield process
    finally:
        process.send_signal(stop_with)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(answers: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    """Try `answers` until it raises no more; a server that ended or stays silent is Unavailable."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            answers()
        except (psycopg.OperationalError, redis.ConnectionError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{process.args!r} does not answer: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
        else:
            return


def run(command: list[str], *, env: dict[str, str]) -> int:
    """Run the command to its end; if we are told to end, it is told first.

    A Ctrl-C reaches the command by itself: what it still does then needs the services.
    """
    with subprocess.Popen(command, env=env) as process:
        try:
            try:
                return process.wait()
            except KeyboardInterrupt:
                return process.wait()
        except BaseException:
            process.terminate()
            raise


def leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def unprivileged_account() -> Account:
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid, [])
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def postgresql_binary(name: str) -> str:
    """Return a server program; Debian keeps them out of the path, one folder a version."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
