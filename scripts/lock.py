"""Pin requirements*.in into requirements*.txt: every version exact, every file by its hash.

The clients of tests/interop are pinned likewise. Keeps the pins that still fit; `--upgrade` looks for
newer ones. One result serves every Python from 3.11 on and every platform. Settings of the machine
(other indexes, local wheels) stay out of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = "3.11"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        binaries = Path(folder) / "bin"
        installer = ["--require-hashes", "-r", str(ROOT / "scripts" / "installer.txt")]
        subprocess.run([str(binaries / "pip"), "install", "--quiet", *installer], check=True)
        compile_pins(binaries / "uv", "requirements")
        compile_pins(binaries / "uv", "requirements-dev", "--constraint", "requirements.txt")
        for client in sorted((ROOT / "tests" / "interop" / "requirements").glob("*.in")):
            compile_pins(binaries / "uv", str(client.relative_to(ROOT).with_suffix("")))
    return 0


def compile_pins(uv: Path, name: str, *options: str) -> None:
    form = ["--quiet", "--no-config", "--universal", "--generate-hashes", "--python-version", FLOOR]
    note = ["--custom-compile-command", "make lock"]
    files = [f"{name}.in", "--output-file", f"{name}.txt"]
    command = [str(uv), "pip", "compile", *form, *note, *options, *sys.argv[1:], *files]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    subprocess.run(command, cwd=ROOT, env=clean, check=True)
    print(f"    {name}.txt")


if __name__ == "__main__":
    sys.exit(main())
