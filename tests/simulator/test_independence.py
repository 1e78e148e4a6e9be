"""The simulator is an independent witness: it shares no code with what it is used to test."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "apps" / "simulator"
# HTTP of the control port is parsed by a library that does nothing else.
ALLOWED = {"h11"} | sys.stdlib_module_names
MODULES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
class TestModule:
    def test_imports_the_standard_library_h11_and_itself(self, path):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.startswith("apps.simulator") or name.split(".")[0] in ALLOWED

    def test_says_why_it_exists_and_stays_small(self, path):
        text = path.read_text()

        assert ast.get_docstring(ast.parse(text))
        assert len(text.splitlines()) <= 500


@pytest.mark.parametrize("path", sorted((FOLDER / "frames").glob("*.py")), ids=lambda path: path.name)
def test_names_of_fields_know_nothing_of_those_who_write_them(path):
    for node in ast.walk(ast.parse(path.read_text())):
        name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if name.startswith("apps."):
            assert name.startswith("apps.simulator.frames") or name.endswith(".clock"), name
