"""The history checker sees each broken promise; an honest run it passes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.reliability.checker import Evidence, check
from tests.reliability.history import Call, History, Outcome
from tests.reliability.rows import Dump
from tests.reliability.tap import Frame, Tap, Way, payload_of

REF = "jb:" + "A" * 26


def placed(ib_order_id: int = 7, ref: str = REF) -> Frame:
    return Frame(10.0, 1, Way.OUT, payload_of(["3", str(ib_order_id), "AAPL", ref]))


def let_in(connection: int) -> Frame:
    return Frame(1.0, connection, Way.IN, payload_of(["9", "1", "7"]))


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "client_order_id": "key-00001",
        "order_ref": REF,
        "status": "FILLED",
        "origin": "OWN",
        "side": "BUY",
        "quantity": Decimal(10),
        "filled_quantity": Decimal(10),
        "ib_order_id": 7,
        "ib_client_id": 1,
        "parent_id": None,
        "expires_at": datetime.fromtimestamp(15.0, UTC),
        "seq": 3,
    } | changes


def events(*statuses: str) -> list[dict[str, Any]]:
    rows, before = [], ""
    for seq, status in enumerate(statuses, 1):
        rows.append({"order_id": 1, "seq": seq, "from_status": before, "to_status": status, "cause": "x"})
        before = status
    return rows


def execution(**changes: Any) -> dict[str, Any]:
    return {"order_id": 1, "superseded": False, "quantity": Decimal(10), "root": "a.b.01"} | changes


def answer(number: int, key: str = "key-00001") -> Call:
    order = {"client_order_id": key}
    return Call("tara", "place", order, 9.0, 9.1, Outcome.OK, 200, {"order_id": number})


class Story:
    """An honest run of one filled order, of which a test changes one thing."""

    def __init__(self) -> None:
        self.frames = [placed(), let_in(1), let_in(2)]
        self.calls = [answer(1)]
        self.orders = [order()]
        self.events = events("ACCEPTED", "IN_FLIGHT", "FILLED")
        self.executions = [execution()]
        self.positions = [{"symbol": "AAPL", "quantity": Decimal(10)}]
        self.book: dict[str, Any] = {
            "orders": [{"orderRef": REF, "status": "Filled"}],
            "executions": [{"order_ref": REF, "shares": 10.0}],
            "positions": [{"symbol": "AAPL", "quantity": 10.0}],
        }
        self.lives: list[tuple[float, float]] = [(1.0, 2.0), (2.5, 3.0)]

    def broken(self) -> set[str]:
        tap = Tap(0)
        tap.frames = self.frames
        tap.connections = [Life(n, *life) for n, life in enumerate(self.lives, 1)]  # type: ignore[misc]
        dump = Dump(self.orders, self.events, self.executions, self.positions)
        found = check(Evidence(History(self.calls), tap, dump, self.book, now=100.0))
        return {violation.invariant for violation in found}


class Life:
    """What the checker reads of one connection."""

    def __init__(self, number: int, opened_at: float, closed_at: float) -> None:
        self.number, self.opened_at, self.closed_at = number, opened_at, closed_at


def sent_twice(story: Story) -> None:
    story.frames.append(placed(8))


def held_twice(story: Story) -> None:
    story.book["orders"].append({"orderRef": REF, "status": "Filled"})


def id_of_two_orders(story: Story) -> None:
    other = order(id=2, order_ref="jb:" + "B" * 26, status="DENIED", filled_quantity=Decimal(0), seq=0)
    story.orders.append(other)


def frame_without_row(story: Story) -> None:
    story.frames.append(placed(9, "jb:" + "C" * 26))


def frame_without_intent(story: Story) -> None:
    story.events = events("ACCEPTED", "WORKING", "FILLED")


def written_late(story: Story) -> None:
    story.orders[0]["expires_at"] = datetime.fromtimestamp(9.0, UTC)


def fill_counted_twice(story: Story) -> None:
    story.executions.append(execution(root="a.b.02"))


def fill_missed(story: Story) -> None:
    story.book["executions"][0]["shares"] = 20.0


def event_missing(story: Story) -> None:
    del story.events[1]


def confirmed_and_gone(story: Story) -> None:
    story.calls.append(answer(99, key="key-00099"))


def left_in_doubt(story: Story) -> None:
    story.orders[0]["status"] = story.events[-1]["to_status"] = "UNKNOWN"


def position_differs(story: Story) -> None:
    story.positions[0]["quantity"] = Decimal(9)


def open_only_here(story: Story) -> None:
    story.orders[0]["status"] = story.events[-1]["to_status"] = "WORKING"


def falsely_not_placed(story: Story) -> None:
    story.orders[0]["status"] = story.events[-1]["to_status"] = "NOT_PLACED"


def two_writers(story: Story) -> None:
    story.lives = [(1.0, 5.0), (3.0, 6.0)]


def key_of_two_orders(story: Story) -> None:
    story.calls.append(answer(2))


def cancelled_and_sent(story: Story) -> None:
    story.orders[0]["status"] = story.events[-1]["to_status"] = "CANCELLED_UNSENT"


class TestChecker:
    def test_passes_an_honest_run(self) -> None:
        assert Story().broken() == set()

    def test_a_connection_that_was_never_let_in_is_no_writer(self) -> None:
        story = Story()
        story.lives = [(1.0, 5.0), (2.0, 2.1), (3.0, 3.1)]
        story.frames.remove(let_in(2))

        assert story.broken() == set()

    @pytest.mark.parametrize(
        ("lie", "invariant"),
        [
            (sent_twice, "I1"),
            (held_twice, "I1"),
            (id_of_two_orders, "I2"),
            (frame_without_row, "I3"),
            (frame_without_intent, "I3"),
            (written_late, "I4"),
            (fill_counted_twice, "I5"),
            (fill_missed, "I5"),
            (event_missing, "I7"),
            (confirmed_and_gone, "I8"),
            (left_in_doubt, "I9"),
            (position_differs, "I9"),
            (open_only_here, "I9"),
            (two_writers, "I10"),
            (key_of_two_orders, "I11"),
            (cancelled_and_sent, "I12"),
            (falsely_not_placed, "truth"),
        ],
    )
    def test_sees_each_broken_promise(self, lie: Any, invariant: str) -> None:
        story = Story()

        lie(story)

        assert invariant in story.broken()
