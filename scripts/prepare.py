"""Bring .venv to what the pinned requirements say, and do nothing if it is there already.

Runs before everything else, so it needs the standard library alone. A stamp in .venv keeps the
hash of each file that was installed; an unchanged file costs a few milliseconds. The lock lets
`make run` and `make test` be started at the same time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"

RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
PINNED = ("--require-hashes", "-r")
HOLDS = {RUNTIME: [RUNTIME], DEVELOPMENT: [DEVELOPMENT, RUNTIME]}  # the development set holds the other


def main() -> int:
    wanted = DEVELOPMENT if "--dev" in sys.argv[1:] else RUNTIME
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_usable() and (code := create()):
            return code
        return 0 if is_installed(wanted) else install(wanted)


def is_usable() -> bool:
    """Return whether .venv holds a Python that runs; one whose system Python went away does not."""
    question = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", question], capture_output=True).returncode == 0
    except OSError:
        return False


def create() -> int:
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"==> creating .venv with Python {version}", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode == 0:
        return 0
    if "ensurepip" in made.stdout:
        minor = ".".join(map(str, sys.version_info[:2]))
        print(
            f"This Python has no ensurepip. On Debian or Ubuntu: apt-get install python{minor}-venv",
            file=sys.stderr,
        )
    else:
        print(made.stdout, made.stderr, sep="", file=sys.stderr)
    return 1


def install(wanted: str) -> int:
    print(f"==> installing {wanted} (pinned, hashes checked)", flush=True)
    started = time.monotonic()
    if install_with_uv(wanted) and (code := install_with_pip(ROOT / wanted)):
        return code
    STAMP.write_text(json.dumps(installed() | {name: digest(name) for name in HOLDS[wanted]}, indent=1))
    print(f"    done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def install_with_uv(wanted: str) -> int:
    """Return 0 if uv could be fetched and did it; what it says otherwise is not worth a line, pip follows."""
    if any(name in os.environ for name in ("PIP_INDEX_URL", "PIP_NO_INDEX")):
        return 1  # uv does not read pip's settings and would look in the wrong place
    if install_with_pip(ROOT / "scripts" / "installer.txt", quiet=True):
        return 1
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--no-config"]
    # The certificates of the system, as pip trusts them.
    return subprocess.run(
        [*uv, "--python", str(PYTHON), *PINNED, str(ROOT / wanted)],
        capture_output=True,
        env=os.environ | {"UV_SYSTEM_CERTS": "true"},
    ).returncode


def install_with_pip(pins: Path, *, quiet: bool = False) -> int:
    # Without --no-compile a third of the time goes into byte code of modules nobody imports.
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*pip, "--no-compile", *PINNED, str(pins)], capture_output=quiet).returncode


def is_installed(name: str) -> bool:
    return installed().get(name) == digest(name)


def installed() -> dict[str, str]:
    return json.loads(STAMP.read_text()) if STAMP.exists() else {}


def digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
