"""Who a gateway process is, and whether the process that owns a lease is certainly dead.

A killed gateway cannot give its lease back. Where its successor can prove that it is gone,
by the machine's own list of processes, the 15 s of the lease need not be waited for. Where
it cannot (another host, another container, no /proc) nothing is assumed.
"""

import os
import secrets
import socket
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_GONE_STATES = frozenset("ZX")
_STATE, _START_TIME = 0, 19  # places after the name in /proc/<pid>/stat


def owner_name() -> str:
    """Return a name no other process ever has: host:machine:pid:start:token, ≤ 128 characters."""
    pid = os.getpid()
    _, started = _state_and_start(pid)
    return f"{socket.gethostname()[:40]}:{_machine()}:{pid}:{started}:{secrets.token_hex(4)}"


def is_certainly_dead(owner: str) -> bool:
    """Tell whether an owner was a process of this very machine and container and runs no more.

    A stopped process is alive: it may wake up.
    """
    parts = owner.rsplit(":", 4)
    if len(parts) != 5 or not parts[1] or parts[1] != _machine() or not parts[2].isdigit():
        return False
    state, started = _state_and_start(int(parts[2]))
    return started != parts[3] or state in _GONE_STATES


def _machine() -> str:
    """Return one word for this boot of this kernel and this space of process ids; empty if unknown."""
    try:
        boot = _BOOT_ID.read_text().strip().replace("-", "")[:16]
        space = os.readlink(_NAMESPACE).strip("pid:[]")
    except OSError:
        return ""
    return f"{boot}.{space}"


def _state_and_start(pid: int) -> tuple[str, str]:
    """Return a process's state letter and its start in clock ticks since boot; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "", ""
    # The name may hold blanks and brackets; what follows its last bracket does not.
    words = text.rpartition(")")[2].split()
    return words[_STATE], words[_START_TIME]
