"""The table of fault verbs: what may be given to them, how they are lifted, and that each is tested."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from apps.simulator.control import ControlRefused, ask_async
from apps.simulator.faults import TABLE

TESTS = sorted(Path(__file__).parent.glob("test_faults_*.py"))
_AT_ONCE = {
    "drop_fin", "drop_rst", "roll_back_ids", "gateway_restart", "garbage_frame", "oversize_frame",
    "empty_frame", "truncated_frame", "unended_frame", "unknown_message", "emit_frame", "emit_error",
    "ib_reset", "halt", "market_data", "farm_blip", "stop_streams", "release_fills",
    "unsolicited_completed", "foreign_order",
}  # fmt: skip
_NEEDED = {
    "emit_error": {"code": 2104},
    "emit_frame": {"fields": ["4"]},
    "managed_accounts": {"accounts": "DU1"},
    "announce_id": {"id": "1"},
    "burst": {"ticks_per_s": 10},
    "halt": {"symbol": "AAPL"},
    "market_data": {"right": "live"},
    "refuse_request": {"message": 1, "code": 101},
    "delist": {"symbol": "AAPL"},
    "ambiguous": {"symbol": "AAPL"},
}


def thrown_in(path):
    """Return the verbs a test file throws by name."""
    calls = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    calls = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "throw" and one.args]
    values = {one.args[0].value for one in calls if isinstance(one.args[0], ast.Constant)}
    parameters = {
        one.value
        for one in ast.walk(ast.parse(path.read_text()))
        if isinstance(one, ast.Constant) and one.value in TABLE.verbs
    }
    return values | (parameters if any(isinstance(one.args[0], ast.Name) for one in calls) else set())


class TestTable:
    def test_every_verb_is_thrown_in_a_test(self):
        files = [one for one in TESTS if one.name not in ("test_faults_table.py", "test_faults_board.py")]
        thrown = {verb for path in files for verb in thrown_in(path)}

        assert sorted(TABLE.verbs.keys() - thrown) == []

    def test_every_verb_says_what_it_does(self):
        for verb in TABLE.verbs.values():
            assert len(verb.help) > 20

    @pytest.mark.parametrize("name", sorted(TABLE.verbs.keys() - _AT_ONCE))
    async def test_a_verb_that_lasts_is_shown_and_can_be_lifted(self, throw, simulator, name):
        await throw(name, **_NEEDED.get(name, {}))
        shown = simulator.venue.faults.state()
        await ask_async(simulator.control_port, "lift_fault", name=name)

        assert list(shown) == [name]
        assert simulator.venue.faults.state() == {}
        assert simulator.venue.faults.is_quiet

    @pytest.mark.parametrize("name", sorted(_AT_ONCE))
    async def test_a_verb_that_acts_at_once_leaves_nothing(self, throw, simulator, name):
        await throw(name, **_NEEDED.get(name, {}))

        assert simulator.venue.faults.state().keys() <= {"refuse"}
        with pytest.raises(ControlRefused, match="at once"):
            await ask_async(simulator.control_port, "lift_fault", name=name)

    async def test_all_at_once_can_be_lifted(self, throw, simulator):
        for name in sorted(TABLE.verbs.keys() - _AT_ONCE):
            await throw(name, **_NEEDED.get(name, {}))
        assert len(simulator.venue.faults.state()) == len(TABLE.verbs) - len(_AT_ONCE)
        await ask_async(simulator.control_port, "clear_faults")

        assert simulator.venue.faults.state() == {}


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "arguments", "argument"),
        [
            ("eat_order", {"count": 0}, "count"),
            ("eat_order", {"count": 1.5}, "count"),
            ("eat_order", {"count": "1"}, "count"),
            ("eat_order", {"count": True}, "count"),
            ("eat_order", {"count": None}, "count"),
            ("eat_order", {"number": 1}, "number"),
            ("refuse", {"seconds": -1}, "seconds"),
            ("refuse", {"seconds": "long"}, "seconds"),
            ("emit_error", {}, "code"),
            ("emit_error", {"code": 1, "text": 5}, "text"),
            ("withhold", {"messages": 53}, "messages"),
            ("withhold", {"messages": ["53"]}, "messages"),
            ("withhold", {"messages": [0]}, "messages"),
            ("halt", {"symbol": "NOSUCH"}, "symbol"),
            ("halt", {"symbol": "AAPL", "on": "yes"}, "on"),
            ("market_data", {"right": "free"}, "right"),
            ("link_lost", {"recovery": "1103"}, "recovery"),
            ("exec_times", {"zone": "Mars/Olympus"}, "zone"),
            ("reject_orders", {"chance": 1.1}, "chance"),
            ("drop_fin", {"now": True}, "now"),
        ],
    )
    async def test_that_are_wrong_are_named(self, throw, simulator, name, arguments, argument):
        with pytest.raises(ControlRefused) as refused:
            await throw(name, **arguments)

        assert refused.value.problem["argument"] == argument
        assert argument in str(refused.value)
        assert simulator.venue.faults.state() == {}

    async def test_whole_numbers_are_numbers_too(self, throw, simulator):
        await throw("delay_acks", seconds=2)

        assert simulator.venue.faults.state() == {"delay_acks": 2.0}

    async def test_are_told_with_their_types_and_defaults(self, simulator):
        told = await ask_async(simulator.control_port, "faults")
        rows = {one["name"]: one["arguments"] for one in told["verbs"]}

        assert rows["eat_order"] == ["count=whole number (1)"]
        assert rows["link_lost"][1] == "recovery=1102|1101|none (1102)"
        assert rows["halt"][0] == "symbol=text"
        assert rows["withhold"] == ["messages=[int, …] ([53, 54, 55, 62, 102])"]
