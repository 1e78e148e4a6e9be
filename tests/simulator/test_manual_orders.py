"""Orders nobody's program placed, clients that look over each other's shoulder, and ids that begin anew."""

from __future__ import annotations

import ib_insync
import pytest

from apps.simulator.config import SimulatorConfig
from apps.simulator.control import ControlError, ask_async
from apps.simulator.server import SimulatorServer
from tests.simulator.order_tables import COMPLETED, EXECUTION, OPEN, decode
from tests.simulator.raw_client import RawClient, place_order

VERSION = 176


@pytest.fixture
def typed(simulator):
    """Type an order into TWS."""

    async def type_order(symbol="AAPL", action="BUY", quantity=10, **more):
        return await ask_async(
            simulator.control_port, "manual_order", symbol=symbol, action=action, quantity=quantity, **more
        )

    return type_order


def told(frames, table, version=VERSION):
    """Return the messages of a table among some frames, decoded."""
    kind = {OPEN: "5", EXECUTION: "11", COMPLETED: "101"}[table]
    return [decode(one, table, version) for one in frames if one[0] == kind]


class TestManualOrder:
    async def test_is_nobodys_until_it_is_bound(self, raw, typed):
        first = await typed(type="LMT", limit=1)
        second = await typed(type="LMT", limit=2)
        pushed = await raw.settle()
        await raw.ask(53, 16, 1)
        seen = told(raw.frames, OPEN)

        assert pushed == []
        assert [(one["orderId"], one["clientId"]) for one in seen] == [("0", "0")] * 2
        assert [one["permId"] for one in seen] == [str(first["permId"]), str(second["permId"])]

    async def test_is_not_among_the_open_orders_of_another_client(self, raw, typed):
        await typed(type="LMT", limit=1)
        await raw.ask(53, 5, 1)

        assert told(raw.frames, OPEN) == []

    async def test_is_bound_to_client_0_under_a_negative_id(self, connect, typed):
        waiting = await typed(type="LMT", limit=1)
        client = await connect(client_id=0)
        await client.settle()
        client.send(15, 1, 1)
        bound = await client.until(100)
        later = await typed(type="LMT", limit=2)
        then = await client.until(100)
        await client.settle()
        seen = told(client.frames, OPEN)

        assert bound[1:] == [str(waiting["permId"]), "0", "-1"]
        assert then[1:] == [str(later["permId"]), "0", "-2"]
        assert [(one["orderId"], one["clientId"]) for one in seen] == [("-1", "0"), ("-2", "0")]

    async def test_bound_can_be_changed_and_cancelled(self, connect, typed):
        await typed(type="LMT", limit=1)
        client = await connect(client_id=0)
        await client.ask(53, 5, 1)
        client.send(*place_order(VERSION, -1, kind="LMT", limit=1.5, quantity=10))
        await client.settle()
        changed = told(client.frames, OPEN)[-1]
        client.send(4, 1, -1, "")

        assert (changed["orderId"], changed["lmtPrice"]) == ("-1", "1.5")
        assert (await client.error(202))[2] == "-1"

    async def test_fills_for_nobody_but_counts_for_everybody(self, raw, typed):
        raw.send(61, 1)
        await raw.until(62)
        await typed(quantity=7)
        position = await raw.until(61)
        await raw.ask(55, 7, 3, 9, 0, "", "", "", "", "", "")
        (fill,) = told(raw.frames, EXECUTION)
        done = decode(await raw.ask(101, 99, 0), COMPLETED, VERSION)
        raw.frames.clear()
        await raw.ask(102, 99, 1)

        assert float(position[14]) == 7
        assert (fill["orderId"], fill["clientId"], fill["reqId"]) == ("0", "0", "9")
        assert done["filledQuantity"] == "7"
        assert told(raw.frames, COMPLETED) == []

    async def test_may_leave_the_order_id_of_its_execution_unset(self, raw, typed):
        await typed(unset_id=True)
        await raw.ask(55, 7, 3, 9, 0, "", "", "", "", "", "")

        assert told(raw.frames, EXECUTION)[0]["orderId"] == "2147483647"

    async def test_is_refused_where_an_order_of_the_api_would_be(self, simulator, typed):
        with pytest.raises(ControlError, match="434"):
            await typed(quantity=0)

        assert list(simulator.venue.state.book.all_orders()) == []

    async def test_ends_with_everything_else(self, raw, typed, simulator):
        await typed(type="LMT", limit=1)
        raw.send(58, 1)
        await raw.settle()

        assert simulator.venue.state.book.open_orders() == []

    async def test_only_client_0_may_bind(self, raw):
        raw.send(15, 1, 1)

        assert await raw.error(327)


class TestTheHandAtTws:
    async def test_cancels_an_order_of_the_api(self, raw, simulator):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        await raw.settle()
        perm_id = simulator.venue.state.book.find(1, 1).perm_id
        await ask_async(simulator.control_port, "manual_cancel", permId=perm_id)

        assert (await raw.error(202))[2] == "1"
        with pytest.raises(ControlError):
            await ask_async(simulator.control_port, "manual_cancel", permId=perm_id)


@pytest.fixture
async def started():
    """Start simulators with options of their own."""
    servers = []

    async def start(**options):
        server = SimulatorServer(SimulatorConfig(port=0, control_port=0, pulse_s=0.02, **options))
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


class TestMasterClient:
    async def test_hears_of_everybodys_orders_fills_and_commissions(self, started):
        server = await started(master_client_id=9)
        master = await RawClient.open(server.port, client_id=9)
        client = await RawClient.open(server.port, client_id=3)
        await master.settle()
        master.frames.clear()
        client.send(*place_order(VERSION, 5))
        await client.until(59)
        await ask_async(server.control_port, "manual_order", symbol="MSFT", action="BUY", quantity=1)
        heard = await master.settle()

        assert [one[0] for one in heard] == ["5", "3", "11", "5", "3", "5", "59"] * 2
        assert {one["clientId"] for one in told(heard, OPEN)} == {"3", "0"}
        await master.close()
        await client.close()

    async def test_is_spared_the_errors_of_others(self, started):
        server = await started(master_client_id=9)
        master = await RawClient.open(server.port, client_id=9)
        client = await RawClient.open(server.port, client_id=3)
        await master.settle()
        client.send(*place_order(VERSION, 5, quantity=0))
        await client.error(434)

        assert await master.settle() == []
        await master.close()
        await client.close()


class TestPolicies:
    async def test_may_keep_clients_from_cancelling_each_others_orders(self, started):
        server = await started(cross_client_cancel=False)
        mine = await RawClient.open(server.port, client_id=1)
        other = await RawClient.open(server.port, client_id=2)
        mine.send(*place_order(VERSION, 8, kind="LMT", limit=1))
        await mine.settle()
        other.send(4, 1, 8, "")

        assert (await other.error(10147))[2] == "8"
        assert len(server.venue.state.book.open_orders()) == 1
        await mine.close()
        await other.close()

    @pytest.mark.parametrize(
        ("reject_order", "story"),
        [("status-first", ["5", "3", "4"]), ("error-first", ["4", "5", "3"]), ("error-only", ["4"])],
    )
    async def test_decide_what_of_a_rejection_comes_first(self, raw, simulator, reject_order, story):
        await ask_async(simulator.control_port, "policies", reject_order=reject_order)
        raw.send(*place_order(VERSION, 1, quantity=500_000))

        assert [one[0] for one in await raw.settle()] == story
        assert simulator.venue.state.book.find(1, 1).status == "Inactive"

    async def test_may_end_the_list_of_accounts_in_a_comma(self, simulator):
        await ask_async(simulator.control_port, "policies", accounts_end_in_comma=True)
        client = await RawClient.open(simulator.port, client_id=4)
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", simulator.port, clientId=5, timeout=4)

        assert client.frames[0] == ["15", "1", "DU1234567,"]
        assert ib.managedAccounts() == ["DU1234567"]
        ib.disconnect()
        await client.close()

    @pytest.mark.parametrize("wanted", [{"nonsense": 1}, {"reject_order": "never"}, {"size_limit": "many"}])
    async def test_that_do_not_exist_are_refused(self, simulator, wanted):
        with pytest.raises(ControlError):
            await ask_async(simulator.control_port, "policies", **wanted)


class TestOrderIds:
    async def test_begin_anew_when_the_gateway_is_told_so(self, raw, simulator):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        raw.send(*place_order(VERSION, 7, ref="before"))
        await raw.until(59)
        await ask_async(simulator.control_port, "reset_next_id")
        next_id = (await raw.ask(9, 8, 1, 1))[2]
        raw.send(*place_order(VERSION, 7, ref="after"))
        await raw.until(59)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        await raw.error(103)
        raw.frames.clear()
        await raw.ask(102, 99, 0)

        assert next_id == "1"
        assert [one["orderRef"] for one in told(raw.frames, COMPLETED)] == ["before", "after"]

    async def test_are_rolled_back_at_a_start_but_perm_ids_never(self, started, tmp_path):
        first = await started(state=tmp_path / "state.db")
        client = await RawClient.open(first.port)
        client.send(*place_order(VERSION, 41))
        before = await client.until(11)
        await client.close()
        await first.stop()
        second = await started(state=tmp_path / "state.db", roll_back_next_id=True)
        client = await RawClient.open(second.port)
        greeted = client.frames[-1]
        client.send(*place_order(VERSION, 41))
        after = await client.until(11)
        await client.close()

        assert greeted[:1] + greeted[2:] == ["9", "1"]
        assert int(after[21]) > int(before[21])


class TestCompletedOrders:
    async def test_are_asked_for_once_at_a_time(self, raw, simulator):
        await ask_async(simulator.control_port, "fault", name="withhold", messages=[102])
        raw.send(99, 0)
        raw.send(99, 0)

        assert await raw.error(322)


class TestExecutionFilter:
    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            ((0, "", "", "", "", "", ""), 2),
            ((1, "", "", "", "", "", ""), 1),
            ((5, "", "", "", "", "", ""), 0),
            ((0, "DU1234567", "", "", "", "", ""), 2),
            ((0, "DU999", "", "", "", "", ""), 0),
            ((0, "", "20200101-00:00:00", "", "", "", ""), 2),
            ((0, "", "20991231 00:00:00", "", "", "", ""), 0),
            ((0, "", "", "AAPL", "STK", "", "BUY"), 1),
            ((0, "", "", "", "FUT", "", ""), 0),
            ((0, "", "", "", "", "", "SELL"), 1),
            ((0, "", "", "", "", "SMART", ""), 2),
        ],
    )
    async def test_keeps_what_was_asked_for(self, connect, wanted, count):
        first, second = await connect(client_id=1), await connect(client_id=2)
        first.send(*place_order(VERSION, 1, "AAPL"))
        await first.until(59)
        second.send(*place_order(VERSION, 1, "MSFT", action="SELL"))
        await second.until(59)
        second.frames.clear()
        await second.ask(55, 7, 3, 9, *wanted)

        assert len(told(second.frames, EXECUTION)) == count
        assert len({one["execId"] for one in told(second.frames, EXECUTION)}) == count
