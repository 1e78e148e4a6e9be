"""The bell between processes of one machine, here between two that live in one."""

import socket
from pathlib import Path
from queue import Empty, Queue

import pytest

from apps.common.neighbours import Neighbours


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bell"


class TestNeighbours:
    def test_hear_each_other_and_not_themselves(self, folder: Path) -> None:
        here, there = Queue[str](), Queue[str]()
        ours, theirs = Neighbours(folder, here.put), Neighbours(folder, there.put)
        ours.follow()
        theirs.follow()

        ours.ring("orders")

        assert there.get(timeout=5) == "orders"
        with pytest.raises(Empty):
            here.get(timeout=0.05)

    def test_ring_for_nobody_and_without_a_folder(self, folder: Path) -> None:
        Neighbours(folder, lambda topic: None).ring("orders")

        assert not folder.exists()

    def test_clear_away_the_socket_of_a_dead_process(self, folder: Path) -> None:
        folder.mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(folder / "1-dead.bell"))

        Neighbours(folder, lambda topic: None).ring("orders")

        assert list(folder.iterdir()) == []

    def test_a_path_that_no_socket_can_have_means_to_poll(self, tmp_path: Path) -> None:
        deep = Neighbours(tmp_path / ("x" * 100), lambda topic: None)

        deep.follow()
        deep.ring("orders")

    def test_only_the_owner_may_look_into_the_folder(self, folder: Path) -> None:
        Neighbours(folder, lambda topic: None).follow()

        assert folder.stat().st_mode & 0o777 == 0o700
