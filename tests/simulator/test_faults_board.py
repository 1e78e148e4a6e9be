"""The fault switches, thrown over the switchboard and seen from the wire."""

from __future__ import annotations

import asyncio
import threading

import pytest

from apps.simulator.control import ControlClient, ControlError, ask_async
from tests.simulator.conftest import until
from tests.simulator.raw_client import RawClient, contract, place_order


@pytest.fixture
def control(simulator):
    """Send one command to the switchboard."""

    async def ask(command, **arguments):
        return await ask_async(simulator.control_port, command, **arguments)

    return ask


class TestSwitchboard:
    async def test_tells_how_the_simulator_stands(self, control, raw):
        status = await control("status")

        assert status["symbols"] >= 60
        assert (status["seed"], status["scenario"], status["clients"]) == (7, "quiet", [1])
        assert status["simulator"] is True
        assert await control("ping") == {"pong": True}

    async def test_shows_the_book(self, control, raw):
        raw.send(*place_order(176, 1, ref="r", quantity=10))
        await raw.until(59)
        book = await control("book")

        (order,) = book["orders"]
        assert (order["orderRef"], order["status"], order["filled"], order["clientId"]) == (
            "r",
            "Filled",
            10,
            1,
        )
        assert [one["order_ref"] for one in book["executions"]] == ["r"]
        assert [one["quantity"] for one in book["positions"]] == [10]
        assert book["cash"] < 1_000_000

    async def test_names_what_it_cannot_do(self, control):
        for command, arguments in (
            ("nonsense", {}),
            ("set_price", {"symbol": "NOSUCH", "price": 1}),
            ("set_price", {"symbol": "AAPL", "price": 0}),
            ("fault", {"name": "nonsense"}),
            ("fault", {"name": "refuse", "seconds": -1}),
            ("fault", {"name": "halt", "symbol": "NOSUCH"}),
        ):
            with pytest.raises(ControlError):
                await control(command, **arguments)

    async def test_serves_the_blocking_client(self, simulator):
        answers = []

        def ask():
            with ControlClient(simulator.control_port) as client:
                answers.append(client.ask("ping"))
                answers.append(client.fault("hold_fills"))

        thread = threading.Thread(target=ask)
        thread.start()
        await until(lambda: len(answers) == 2)
        thread.join()

        assert simulator.venue.faults.are_fills_held

    async def test_sets_a_price(self, control, raw):
        raw.send(1, 11, 5, *contract("AAPL"), 0, "", 0, 0, "")
        await raw.settle()
        await control("set_price", symbol="AAPL", price=251.37, hold=True)
        while (tick := await raw.until(1))[3] != "4":
            pass

        assert tick[4] == "251.37"


class TestConnectionFaults:
    @pytest.mark.parametrize("name", ["drop_fin", "drop_rst"])
    async def test_dropped_clients_may_come_again(self, control, raw, simulator, name):
        answer = await control("fault", name=name)

        assert answer["dropped"] == 1
        assert await raw.is_closed()
        await until(lambda: not simulator.sessions)
        again = await RawClient.open(simulator.port)
        await again.close()

    async def test_reset_is_a_reset(self, control, raw):
        await control("fault", name="drop_rst")

        with pytest.raises(ConnectionResetError):
            await raw.read()

    async def test_refused_connections_are_refused_and_then_accepted(self, control, simulator):
        port = simulator.port
        await control("fault", name="refuse", seconds=60)
        with pytest.raises(ConnectionRefusedError):
            await RawClient.open(port)
        await control("clear_faults")
        await until(lambda: simulator.is_listening)
        client = await RawClient.open(port)

        assert client.version == 176
        await client.close()

    async def test_a_frozen_gateway_answers_later(self, control, raw, simulator):
        await control("fault", name="freeze", seconds=60)
        raw.send(49, 1)
        with pytest.raises(TimeoutError):
            await raw.read(0.1)
        await control("clear_faults")

        assert (await raw.until(49))[1] == "1"
        assert simulator.venue.faults.state() == {}

    async def test_a_client_id_stays_busy_after_a_drop(self, control, raw, simulator):
        await control("fault", name="busy_client_id", seconds=30)
        await control("fault", name="drop_fin")
        await until(lambda: not simulator.sessions)
        again = await RawClient.open(simulator.port, start=False)
        again.send(71, 2, 1, "")

        assert (await again.until(4))[3] == "326"
        await again.close()


class TestOrderFaults:
    async def test_an_eaten_order_never_was(self, control, raw, simulator):
        await control("fault", name="eat_order")
        raw.send(*place_order(176, 1))

        assert await raw.settle() == []
        assert list(simulator.venue.state.book.all_orders()) == []
        raw.send(*place_order(176, 2))
        assert (await raw.until(11))[2] == "2"

    async def test_held_fills_come_when_released(self, control, raw):
        await control("fault", name="hold_fills")
        raw.send(*place_order(176, 1))
        held = await raw.settle()
        await control("fault", name="release_fills")

        assert [one[0] for one in held] == ["5", "3", "5", "3"]
        assert held[-1][2] == "Submitted"
        assert (await raw.until(11))[2] == "1"

    async def test_late_acknowledgements_keep_their_order(self, control, raw):
        await control("fault", name="delay_acks", seconds=0.5)
        raw.send(*place_order(176, 1))
        at_once = await raw.settle()
        await raw.until(59)

        assert at_once == []
        assert [one[0] for one in raw.frames[-7:]] == ["5", "3", "11", "5", "3", "5", "59"]

    async def test_a_halted_symbol_does_not_trade(self, control, raw):
        raw.send(1, 11, 5, *contract("AAPL"), 0, "", 0, 0, "")
        await raw.settle()
        await control("fault", name="halt", symbol="AAPL")
        raw.send(*place_order(176, 1))
        tick = await raw.until(45)
        quiet = await raw.settle()
        await control("fault", name="halt", symbol="AAPL", on=False)

        assert tick[3:] == ["49", "1"]
        assert [one for one in quiet if one[0] == "11"] == []
        assert (await raw.until(11))[2] == "1"


class TestMessageFaults:
    @pytest.mark.parametrize(
        ("marker", "request_fields"),
        [(53, [5, 1]), (54, [6, 2, 1, ""]), (62, [61, 1]), (102, [99, 0]), (55, [7, 3, 9, 0, *[""] * 6])],
    )
    async def test_end_markers_can_be_withheld(self, control, raw, marker, request_fields):
        await control("fault", name="withhold", messages=[marker])
        raw.send(*request_fields)
        withheld = [one[0] for one in await raw.settle()]
        await control("clear_faults")
        raw.send(*request_fields)

        assert str(marker) not in withheld
        assert (await raw.until(marker))[0] == str(marker)

    async def test_an_error_can_be_emitted(self, control, raw):
        await control("fault", name="emit_error", code=1100, text="Connectivity lost")

        assert (await raw.error(1100))[2:5] == ["-1", "1100", "Connectivity lost"]

    async def test_pacing_warns_and_then_drops(self, control, raw):
        await control("fault", name="pacing")
        for _ in range(200):
            raw.send(49, 1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.until(999)
        codes = [one[3] for one in raw.frames if one[0] == "4" and one[3] == "100"]

        assert codes == ["100"] * 3

    async def test_clearing_lifts_every_switch(self, control, simulator):
        for name, arguments in (
            ("hold_fills", {}),
            ("delay_acks", {"seconds": 9}),
            ("eat_order", {"count": 3}),
            ("withhold", {}),
            ("pacing", {}),
            ("busy_client_id", {"seconds": 9}),
        ):
            await control("fault", name=name, **arguments)
        assert len((await control("status"))["faults"]) == 6
        await control("clear_faults")

        assert (await control("status"))["faults"] == {}
