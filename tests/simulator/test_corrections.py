"""Trades corrected and declared void after they happened, and the books that follow."""

from __future__ import annotations

import pytest

from apps.simulator.control import ControlError, ask_async
from tests.simulator.order_tables import EXECUTION, decode
from tests.simulator.raw_client import contract, place_order

VERSION = 176


@pytest.fixture
async def control(simulator):
    """Ask the control port for something."""

    async def ask(command, **arguments):
        return await ask_async(simulator.control_port, command, **arguments)

    await ask("set_price", symbol="AAPL", price=230, hold=True)
    return ask


@pytest.fixture
def trade(raw):
    """Trade at the market and return the execution as the client hears it."""

    async def trade(order_id, action="BUY", quantity=100):
        raw.send(*place_order(VERSION, order_id, action=action, quantity=quantity))
        fill = decode(await raw.until(11), EXECUTION, VERSION)
        await raw.until(59)
        return fill

    return trade


async def executions(raw):
    await raw.settle()
    raw.frames.clear()
    await raw.ask(55, 7, 3, 9, 0, "", "", "", "", "", "")
    await raw.settle()
    fills = [decode(one, EXECUTION, VERSION) for one in raw.frames if one[0] == "11"]
    return fills, [one for one in raw.frames if one[0] == "59"]


class TestCorrection:
    async def test_is_the_same_fill_again_under_the_next_revision(self, raw, control, trade):
        fill = await trade(1)
        await control("correct_execution", execId=fill["execId"], price=229.5)
        again = decode(await raw.until(11), EXECUTION, VERSION)
        charged = await raw.until(59)

        assert fill["execId"].endswith(".01")
        assert again["execId"] == fill["execId"][:-2] + "02"
        assert again == {**fill, "execId": again["execId"], "price": "229.5", "avgPrice": "229.5"}
        assert charged[2] == again["execId"]

    async def test_is_what_later_requests_tell(self, raw, control, trade):
        fill = await trade(1)
        await control("correct_execution", execId=fill["execId"], price=229.5)
        await raw.until(59)
        fills, charges = await executions(raw)

        assert [one["price"] for one in fills] == ["229.5"]
        assert [one[2] for one in charges] == [fills[0]["execId"]]

    async def test_moves_cash_cost_and_profit_as_if_it_had_been_so(self, raw, control, trade, simulator):
        ledger = simulator.venue.state.ledger
        fill = await trade(1, quantity=100)
        sold = await trade(2, action="SELL", quantity=40)
        cash, price = ledger.cash, float(fill["price"])
        await control("correct_execution", execId=fill["execId"], price=price - 1)
        position = ledger.position(265598)

        assert ledger.cash == pytest.approx(cash + 100)
        assert position.quantity == 60
        assert position.average_cost == pytest.approx(price - 1 + 0.01)
        assert position.realized_today == pytest.approx(40 * (float(sold["price"]) - price + 1 - 0.01) - 1)
        _, charges = await executions(raw)
        assert float(charges[1][5]) == pytest.approx(position.realized_today)

    async def test_of_the_size_moves_the_position(self, raw, control, trade):
        raw.send(61, 1)
        await raw.until(62)
        fill = await trade(1)
        await raw.settle()
        await control("correct_execution", execId=fill["execId"], shares=90)

        assert float((await raw.until(61))[14]) == 90

    async def test_can_be_corrected_again(self, raw, control, trade):
        fill = await trade(1)
        first = await control("correct_execution", execId=fill["execId"], price=229)
        second = await control("correct_execution", execId=first["exec_id"], price=228)

        assert second["exec_id"].endswith(".03")

    @pytest.mark.parametrize("change", [{"execId": "none"}, {"price": 0}, {"shares": -1}])
    async def test_of_nothing_is_refused(self, control, trade, change, simulator):
        fill = await trade(1)
        before = simulator.venue.state.ledger.cash

        with pytest.raises(ControlError):
            await control("correct_execution", **{"execId": fill["execId"], **change})
        assert simulator.venue.state.ledger.cash == before

    async def test_is_refused_once_more_than_trades_moved_the_position(self, control, trade, simulator):
        fill = await trade(1)
        simulator.venue.state.ledger.positions[265598].quantity *= 2

        with pytest.raises(ControlError):
            await control("correct_execution", execId=fill["execId"], price=229)
        assert simulator.venue.state.ledger.position(265598).quantity == 200


class TestBust:
    async def test_takes_the_trade_out_of_the_books(self, raw, control, trade, simulator):
        raw.send(61, 1)
        await raw.until(62)
        await trade(1, quantity=30)
        wrong = await trade(2, quantity=100)
        cash = simulator.venue.state.ledger.cash
        await raw.settle()
        raw.frames.clear()
        await control("bust_execution", execId=wrong["execId"])
        position = await raw.until(61)
        fills, _ = await executions(raw)

        assert float(position[14]) == 30
        assert [one["orderId"] for one in fills] == ["1"]
        assert simulator.venue.state.ledger.cash == pytest.approx(cash + 100 * float(wrong["price"]) + 1)

    async def test_ends_the_real_time_bars_of_its_instrument(self, raw, control, trade, simulator):
        raw.send(50, 3, 70, *contract("AAPL"), 5, "TRADES", 0, "")
        raw.send(50, 3, 71, *contract("MSFT"), 5, "TRADES", 0, "")
        fill = await trade(1)
        await control("bust_execution", execId=fill["execId"])
        told = await raw.error(10225)
        await raw.settle()

        assert told[2] == "70"
        assert [one[1] for one in simulator.sessions[1].streams] == [71]
