"""Run a command on ib_async instead of ib_insync: the guards must hold on both.

    scripts/with_ib_async.py -- pytest tests/broker

The successor asks for an older tzdata than the product pins, so it is no part of .venv: it is
put into var/ib_async, hashes checked, without what it depends on (.venv has that already).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "broker" / "requirements-ib_async.txt"
FOLDER = ROOT / "var" / "ib_async"


def main() -> int:
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    if code := install():
        return code
    path = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path, "IB_LIBRARY": "ib_async"}).returncode


def install() -> int:
    """Return 0 with the library in its folder; a stamp keeps the hash of what was installed."""
    stamp, wanted = FOLDER / "installed", hashlib.sha256(PINS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    pins = ["--no-compile", "--no-deps", "--upgrade", "--require-hashes", "-r", str(PINS)]
    done = subprocess.run([*pip, "--root-user-action=ignore", "--target", str(FOLDER), *pins])
    if done.returncode == 0:
        stamp.write_text(wanted)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
