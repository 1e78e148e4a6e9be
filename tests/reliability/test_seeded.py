"""The seeded bugs still fit the product, and their hunters exist; hunting them is `make seeded-bugs`."""

import ast
from dataclasses import replace

import pytest

from tests.places import ROOT
from tests.reliability.seeded.bugs import BUGS, Bug
from tests.reliability.seeded.witness import kind_of
from tests.reliability.seeded.workshop import DoesNotFit, planted

by_name = pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])


def text_of(bug: Bug) -> str:
    return (ROOT / bug.file).read_text()


def names_in(file: str) -> set[str]:
    """Return what a node id may name in a file: its classes, its functions, its methods."""
    tree = ast.parse((ROOT / file).read_text())
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


class TestBugs:
    def test_are_twenty_each_with_its_own_name_and_edit(self) -> None:
        assert (
            len(BUGS) == len({bug.name for bug in BUGS}) == len({(bug.file, bug.new) for bug in BUGS}) == 20
        )

    @by_name
    def test_still_fit_and_compile(self, bug: Bug) -> None:
        compile(planted(text_of(bug), bug), bug.file, "exec")

    @by_name
    def test_have_hunters_that_exist(self, bug: Bug) -> None:
        for hunter in bug.hunters:
            file, *names = hunter.split("::")

            assert set(names) <= names_in(file)

    def test_whose_text_is_gone_are_refused_by_name(self) -> None:
        moved = replace(BUGS[0], old="what was never there")

        with pytest.raises(DoesNotFit, match=f"{moved.name}.*0 times in {moved.file}"):
            planted(text_of(moved), moved)


class TestCatch:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (AssertionError("assert 2 == 1"), "assertion"),
            (pytest.fail.Exception("DID NOT RAISE"), "assertion"),
            (AssertionError("order 1 FILLED did not come true in 15 s; last seen: None"), "time-out"),
            (ImportError("no module"), "error"),
            (NameError("name is not defined"), "error"),
        ],
    )
    def test_is_a_failed_assertion_and_nothing_else(self, error: BaseException, kind: str) -> None:
        assert kind_of(error) == kind
