"""The two pinned lists agree, hold a hash for everything, and name no other place to install from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("requirements.txt", "requirements-dev.txt")


def pins(name: str) -> set[str]:
    """Return every pinned requirement with its marker."""
    return set(re.findall(r"^([a-z0-9][^=\s]*==[^\\\n]+?)\s*\\?$", (ROOT / name).read_text(), re.MULTILINE))


class TestPinnedLists:
    def test_agree_on_every_package_that_runs(self):
        runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")

        assert runtime
        assert runtime <= development

    @pytest.mark.parametrize("name", LISTS)
    def test_hold_a_hash_for_each_package(self, name):
        text = (ROOT / name).read_text()

        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]

        assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []

    @pytest.mark.parametrize("name", LISTS)
    def test_install_from_the_index_of_the_machine(self, name):
        text = (ROOT / name).read_text()

        assert not re.search(r"--(index-url|extra-index-url|find-links|trusted-host)|file:|https?://", text)
