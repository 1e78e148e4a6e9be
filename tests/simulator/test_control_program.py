"""The control port from a command line."""

from __future__ import annotations

import asyncio
import json

import pytest

from apps.simulator.control import program


@pytest.fixture
def control(simulator, capsys):
    """Run the program beside the loop and return its exit code and what it wrote."""

    async def run(*words):
        code = await asyncio.to_thread(program.run, ["--port", str(simulator.control_port), *words])
        return code, capsys.readouterr()

    return run


class TestControlProgram:
    async def test_throws_a_switch(self, control, simulator):
        code, said = await control("fault", "eat_order", "count=2")

        assert (code, json.loads(said.out)) == (0, {})
        assert simulator.venue.faults.state() == {"eat_order": 2}

    async def test_takes_values_as_they_are_meant(self, control):
        code, said = await control("set_price", "symbol=AAPL", "price=251.37", "hold=true")

        assert (code, json.loads(said.out)) == (0, {"symbol": "AAPL", "price": 251.37})

    async def test_shows_what_there_is(self, control):
        code, said = await control()

        assert code == 0
        assert "eat_order" in said.out

    @pytest.mark.parametrize(
        "words", [["nonsense"], ["fault", "nonsense"], ["fault", "eat_order", "name=freeze"], ["set_price"]]
    )
    async def test_says_why_not(self, control, words):
        code, said = await control(*words)

        assert (code, said.out) == (1, "")
        assert said.err.startswith("simulator control: ")

    async def test_says_that_nobody_listens(self, control, simulator):
        port = simulator.control_port
        await simulator.stop()
        code = await asyncio.to_thread(program.run, ["--port", str(port), "status"])

        assert code == 1
