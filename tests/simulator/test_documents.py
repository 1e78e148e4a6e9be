"""What docs/simulator.md says to type works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.simulator.raw_client import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


class TestPage:
    def test_its_first_program_buys_ten_shares(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "apps.simulator", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as simulator:
            try:
                assert simulator.stdout is not None
                port = re.search(r"127\.0\.0\.1:(\d+)", simulator.stdout.readline())
                assert port is not None
                program = blocks("python")[0].replace("4002", port[1])
                done = subprocess.run(
                    [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S
                )
            finally:
                simulator.terminate()

        assert done.stdout.startswith("Filled "), done.stderr

    def test_its_options_exist(self) -> None:
        helps = "".join(
            subprocess.run(
                [sys.executable, "-m", "apps.simulator", *words, "--help"],
                cwd=ROOT,
                capture_output=True,
                text=True,
            ).stdout
            for words in ([], ["record"], ["replay"], ["log"])
        )
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))

        assert {option for option in options if option not in helps} == set()

    def test_the_pages_it_names_exist(self) -> None:
        assert [
            name for name in re.findall(r"\]\(([\w-]+\.md)\)", PAGE) if not (ROOT / "docs" / name).exists()
        ] == []
