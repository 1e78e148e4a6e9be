"""Every scenario that comes with the simulator, played in time moved by hand; and what a file may say."""

from __future__ import annotations

import asyncio
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import BadConfig
from apps.simulator.control import ControlRefused, ask_async
from apps.simulator.faults import TABLE
from apps.simulator.scenario import read_scenario, scenario_names
from apps.simulator.scenario.reading import seconds_of, understand
from tests.simulator.conftest import until
from tests.simulator.raw_client import RawClient, contract, place_order

MANUAL = Path(__file__).parents[2] / "docs" / "simulator-faults.md"
FOLDER = Path(__file__).parents[2] / "apps" / "simulator" / "scenarios"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


@pytest.fixture
def play(simulator, raw):
    """Start a scenario over the control port, with a client connected."""

    async def start(name):
        await ask_async(simulator.control_port, "scenario", name=name)

    return start


@pytest.fixture
def move(simulator):
    """Let time pass, by the second where it is long."""

    async def advance(seconds):
        await simulator.pacemaker.advance(seconds, step_s=1 if seconds > 20 else None)

    return advance


def quote(request_id, symbol="AAPL"):
    return [1, 11, request_id, *contract(symbol), 0, "", 0, 0, ""]


def history(request_id, *, live=0):
    return [20, request_id, *contract("AAPL"), 0, "", "1 min", "600 S", 0, "TRADES", 1, live, ""]


def kinds(frames):
    return [one[0] for one in frames]


def codes(frames):
    return [one[3] for one in frames if one[0] == "4"]


def statuses(frames):
    return [one[2] for one in frames if one[0] == "3"]


async def hello(port, client_id=1):
    """Return the id of the first message after startApi: 326 and 10141 come as 4."""
    client = await RawClient.open(port, start=False)
    client.send(71, 2, client_id, "")
    first = await client.read()
    await client.close()
    return first[3] if first[0] == "4" else first[0]


class TestOrdinary:
    async def test_quiet(self, play, raw, simulator, move):
        await play("quiet")
        raw.send(*place_order(176, 1, quantity=10))
        frames = await raw.settle()
        await move(30)

        assert kinds(frames) == ["5", "3", "11", "5", "3", "5", "59"]
        assert simulator.venue.faults.state() == {}


class TestMarket:
    async def test_opening_rush(self, play, raw, move, simulator):
        raw.send(*quote(11, "TSLA"))
        await raw.settle()
        await play("opening_rush")
        await move(2)
        flood = await raw.settle()
        raw.send(2, 2, 11)
        await raw.settle()
        await move(20)
        halted = dict(simulator.venue.market.halted)
        await move(40)

        assert len(flood) > 3_000
        assert list(halted) == ["TSLA"]
        assert simulator.venue.market.halted == simulator.venue.faults.state() == {}

    async def test_halt_and_resume(self, play, raw, move):
        await play("halt_and_resume")
        await move(11)
        raw.send(*place_order(176, 1, kind="LMT", limit=190, quantity=10))
        raw.send(*place_order(176, 2, quantity=10))
        during = await raw.settle()
        await move(310)
        after = await raw.settle()

        assert "11" not in kinds(during)
        assert sorted(one[2] for one in after if one[0] == "11") == ["1", "2"]

    async def test_flash_crash(self, play, raw, move, hold_price):
        await play("flash_crash")
        raw.send(*place_order(176, 1, quantity=10))
        await raw.until(59)
        raw.send(*place_order(176, 2, action="SELL", quantity=10, kind="STP", stop=185))
        await raw.settle()
        await move(30)
        fill = await raw.until(11)

        assert (fill[2], float(fill[20]) < 180) == ("2", True)


class TestOrders:
    async def test_eaten_order(self, play, raw, simulator):
        await play("eaten_order")
        raw.send(*place_order(176, 1, kind="LMT", limit=1))
        raw.send(*place_order(176, 2, kind="LMT", limit=1))
        raw.send(4, 1, 2, "")
        frames = await raw.settle()

        assert {one[1] for one in frames} == {"2"}
        assert statuses(frames)[-1] == "Submitted"

    async def test_late_fill(self, play, raw, move, hold_price):
        hold_price("AAPL", 200)
        await play("late_fill")
        for order_id in (1, 2):
            raw.send(*place_order(176, order_id, kind="LMT", limit=190, quantity=10))
        raw.send(4, 1, 1, "")
        await raw.settle()
        await move(2)
        first = await raw.settle()
        raw.send(4, 1, 2, "")
        second = await raw.settle()
        await move(4)
        late = await raw.settle()

        assert [one[19] for one in first if one[0] == "11"] == ["5"]
        assert statuses(first)[-1] == "Cancelled"
        assert statuses(second) == ["Cancelled"]
        assert [one[19] for one in late if one[0] == "11"] == ["10"]

    async def test_fill_before_status(self, play, raw):
        await play("fill_before_status")
        raw.send(*place_order(176, 1, quantity=10))

        assert kinds(await raw.settle()) == ["59", "11", "5", "3", "5", "3", "5"]

    async def test_execution_correction(self, play, raw, move, simulator):
        await play("execution_correction")
        raw.send(*place_order(176, 1, quantity=10))
        await raw.until(59)
        await move(4)
        corrected = await raw.until(11)
        raw.send(*place_order(176, 2, quantity=5))
        await raw.until(59)
        await move(4)

        assert corrected[14].endswith(".02")
        assert [one.shares for one in simulator.venue.state.book.executions] == [10]

    async def test_two_perm_ids(self, play, raw, hold_price, simulator):
        hold_price("AAPL", 200)
        await play("two_perm_ids")
        raw.send(*place_order(176, 1, kind="LMT", limit=190, ref="mine"))
        raw.send(*place_order(176, 1, kind="LMT", limit=191, ref="mine"))
        frames = await raw.settle()
        book = list(simulator.venue.state.book.open_orders())

        assert len({one[6] for one in frames if one[0] == "3" and one[1] == "1"}) == 3
        assert [one.order_ref for one in book] == ["mine", "mine"]

    async def test_duplicate_everything(self, play, raw, move):
        await play("duplicate_everything")
        raw.send(*place_order(176, 1, quantity=10))
        await raw.settle()
        await move(2)
        frames = await raw.settle()
        frames = [one for one in raw.frames if one[0] in {"3", "5", "11", "59"}]

        assert kinds(frames).count("11") == kinds(frames).count("59") == 3
        assert statuses(frames).count("Submitted") == 3
        assert kinds(frames) != sorted(kinds(frames))

    async def test_read_only_api(self, play, raw, simulator):
        await play("read_only_api")
        raw.send(*place_order(176, 1))
        raw.send(5, 1)

        assert codes(await raw.settle()) == ["321", "321"]
        assert list(simulator.venue.state.book.all_orders()) == []

    async def test_localised_errors(self, play, raw):
        await play("localised_errors")
        raw.send(*place_order(176, 1, quantity=10))
        raw.send(4, 1, 99, "")
        frames = await raw.settle()

        assert next(one[15] for one in frames if one[0] == "11") == "20261120  16:00:00"
        assert "nicht gefunden" in next(one[4] for one in frames if one[0] == "4")


class TestData:
    async def test_farm_blip(self, play, raw, move):
        raw.send(*quote(11))
        raw.send(*history(12, live=1))
        await raw.until(17)
        await play("farm_blip")
        await move(30)
        frames = await raw.settle()
        blip = [place for place, one in enumerate(frames) if one[0] == "4"]

        assert codes(frames) == ["2103", "2105", "10182", "2104", "2106"]
        assert set(kinds(frames[blip[0] :])) == {"4"}

    async def test_competing_session(self, play, raw, move):
        raw.send(*quote(11))
        await raw.settle()
        await play("competing_session")
        await move(11)
        await raw.settle()
        await move(50)
        quiet = await raw.settle()
        raw.send(*place_order(176, 1, quantity=1))
        traded = await raw.settle()
        await move(10)

        assert "10197" in codes(raw.frames)
        assert quiet == []
        assert "11" in kinds(traded)
        assert "1" in kinds(await raw.settle())

    async def test_pacing(self, play, raw):
        await play("pacing")
        raw.send(*history(21))
        raw.send(*history(22))
        raw.send(*quote(23))
        raw.send(97, 24, *contract("AAPL"), "Last", 0, 0)
        limited = codes(await raw.settle())
        for _ in range(200):
            raw.send(49, 1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.until(999)

        assert limited == ["322", "162", "101", "10190"]
        assert codes(raw.frames).count("100") == 3


class TestConnections:
    async def test_slow_sync(self, play, raw, move):
        await play("slow_sync")
        raw.send(6, 2, 1, "")
        with pytest.raises(TimeoutError):
            await raw.until(54, 0.1)
        await move(1)
        some = [await raw.read() for _ in range(9)]
        await move(121)
        await raw.until(54)

        assert len(some) == 9
        assert "54" not in kinds(some)

    async def test_withheld_end_markers(self, play, raw, move):
        await play("withheld_end_markers")
        for request in ([5, 1], [61, 1], [99, 0], [6, 2, 1, ""], [7, 3, 9, 0, *[""] * 6]):
            raw.send(*request)
        without = await raw.settle()
        await move(61)
        raw.send(61, 1)

        assert not {"53", "54", "55", "62", "102"} & set(kinds(without))
        assert (await raw.until(62))[0] == "62"

    async def test_stuck_client_id(self, play, raw, move, simulator):
        await play("stuck_client_id")
        await move(6)
        assert await raw.is_closed()
        await until(lambda: not simulator.sessions)
        early = await hello(simulator.port)
        await move(21)

        assert early == "326"
        assert await hello(simulator.port) == "15"

    async def test_gateway_restart(self, play, raw, move, simulator):
        raw.send(*place_order(176, 700, quantity=1))
        await raw.until(59)
        await play("gateway_restart")
        await move(6)
        assert await raw.is_closed()
        await until(lambda: not simulator.sessions)
        with pytest.raises(ConnectionRefusedError):
            await hello(simulator.port)
        await move(90)
        early = await hello(simulator.port)
        await move(21)
        client = await RawClient.open(simulator.port)
        await client.close()

        assert early == "326"
        assert [one[2] for one in client.frames if one[0] == "9"] == ["1"]

    async def test_weekly_relogin(self, play, raw, move, simulator):
        await play("weekly_relogin")
        await move(6)
        assert await raw.is_closed()
        await until(lambda: not simulator.sessions)
        with pytest.raises(ConnectionRefusedError):
            await hello(simulator.port)
        await move(40)
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"API\0\x00\x00\x00\x09v157..176")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.close()
        await simulator.pacemaker.advance(3_565, step_s=20)
        answers = [await hello(simulator.port)]
        await move(60)
        answers += [await hello(simulator.port) for _ in range(2)]

        assert answers == ["326", "10141", "15"]


class TestNight:
    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 21, 5, 10, tzinfo=UTC))

    @pytest.fixture
    def move(self, simulator):
        """Let much time pass: what happens in between stands on the agenda."""

        async def advance(seconds):
            await simulator.pacemaker.advance(seconds, step_s=30)

        return advance

    async def test_nightly_reset(self, play, raw, move):
        raw.send(*quote(11))
        await raw.settle()
        await play("nightly_reset")
        await move(4 * 60)
        before = codes(await raw.settle())
        await move(5 * 60)
        first = codes(await raw.settle())
        await move(30 * 60)
        second = codes(await raw.settle())
        raw.send(2, 2, 11)

        assert before == []
        assert (first.count("1100"), first[-1]) == (24, "1102")
        assert (second.count("1100"), second[-1]) == (60, "1101")
        assert codes(await raw.settle()) == ["300"]


class TestFiles:
    def test_each_is_played_in_a_test(self):
        text = Path(__file__).read_text()

        assert [name for name in scenario_names() if f"async def test_{name}(" not in text] == []

    def test_each_is_told_of_in_the_manual_and_so_is_each_verb(self):
        words = set(re.findall(r"[a-z_]+", MANUAL.read_text()))

        assert sorted({*scenario_names(), *TABLE.verbs} - words) == []

    @pytest.mark.parametrize("name", scenario_names())
    def test_each_opens_with_what_it_reproduces(self, name):
        text = (FOLDER / f"{name}.toml").read_text()

        assert text.startswith("# ")
        assert name == "quiet" or "# Reproduces: " in text
        assert read_scenario(name).description

    def test_one_of_ones_own_is_read_by_its_path(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text('description = "mine"\n[[steps]]\nat = 5\nfault = "drop_fin"\n')

        assert read_scenario(str(path)).steps[0].at == 5

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("", "description"),
            ("descripton = 'x'", "unknown key 'descripton'"),
            ("description = 'x'\n[[faults]]\nname = 'nonsense'", "unknown fault 'nonsense'"),
            ("description = 'x'\n[[faults]]\nname = 'eat_order'\ncuont = 1", "'cuont'"),
            ("description = 'x'\n[prices]\nNOSUCH = 1", "NOSUCH"),
            ("description = 'x'\n[prices]\nAAPL = 0", "AAPL"),
            ("description = 'x'\n[[steps]]\nfault = 'drop_fin'", "step 1: exactly one of at, every, when"),
            ("description = 'x'\n[[steps]]\nat = '1s'", "step 1: exactly one of fault"),
            ("description = 'x'\n[[steps]]\nat = '1s'\nevery = '1s'\nfault = 'drop_fin'", "at, every"),
            ("description = 'x'\n[[steps]]\nat = 'soon'\nfault = 'drop_fin'", "'soon' is no length"),
            ("description = 'x'\n[[steps]]\nat = '1s'\nfalut = 'drop_fin'", "unknown key 'falut'"),
            ("description = 'x'\n[[steps]]\nat = '1s'\nfault = 'refuse'\nwith = {seconds = -1}", "seconds"),
            ("description = 'x'\n[[steps]]\nwhen = 'bored'\nfault = 'drop_fin'", "unknown trigger 'bored'"),
            ("description = 'x'\n[[steps]]\nat = '1s'\nlift = 'nonsense'", "nonsense"),
            ("description = 'x'\n[[steps]]\nat = '1s'\ncommand = 'advance'", "no place"),
            ("description = 'x'\n[[steps]]\nevery = '1s'\nfault = 'drop_fin'\ntimes = -1", "times"),
        ],
    )
    def test_what_is_wrong_with_one_is_said(self, content, complaint):
        with pytest.raises(BadConfig, match="scenario wrong: ") as error:
            understand("wrong", tomllib.loads(content))

        assert complaint in str(error.value)

    @pytest.mark.parametrize(
        ("text", "seconds"), [(5, 5), (0.5, 0.5), ("5s", 5), ("250ms", 0.25), ("5m10s", 310), ("1h", 3600)]
    )
    def test_lengths_of_time_are_read(self, text, seconds):
        assert seconds_of(text) == seconds


class TestPlayer:
    def scenario(self, steps):
        return understand("own", tomllib.loads('description = "own"\n' + steps))

    async def test_repeats_what_comes_every_so_often(self, simulator, raw, move):
        steps = "[[steps]]\nevery='2s'\ntimes=3\nfault='emit_error'\nwith={code=2109}"
        simulator.scenario.play(self.scenario(steps))
        await move(15)

        assert codes(await raw.settle()) == ["2109"] * 3

    @pytest.mark.parametrize(
        ("trigger", "times"),
        [("order placed", 2), ("order filled", 1), ("order cancelled", 1), ("order rejected", 0)],
    )
    async def test_answers_what_happens_to_orders(self, simulator, raw, move, trigger, times):
        steps = f"[[steps]]\nwhen='{trigger}'\ntimes=9\nfault='emit_error'\nwith={{code=2109}}"
        simulator.scenario.play(self.scenario(steps))
        raw.send(*place_order(176, 1, quantity=10))
        raw.send(*place_order(176, 2, kind="LMT", limit=1))
        raw.send(4, 1, 2, "")
        await raw.settle()
        await move(1)
        await raw.settle()

        assert codes(raw.frames).count("2109") == times

    async def test_answers_who_comes_and_goes(self, simulator, raw, connect, move):
        steps = "[[steps]]\nwhen='client {}'\nafter='1s'\nfault='emit_error'\nwith={{code={}}}\n"
        simulator.scenario.play(self.scenario(steps.format("connected", 2108) + steps.format("gone", 2109)))
        other = await connect(client_id=2)
        await move(2)
        came = codes(await raw.settle())
        await other.close()
        await until(lambda: 2 not in simulator.sessions)
        await move(2)

        assert came == ["2108"]
        assert codes(await raw.settle()) == ["2109"]

    async def test_gives_commands(self, simulator, raw, move):
        steps = "[[steps]]\nat='1s'\ncommand='set_price'\nwith={symbol='AAPL', price=150.0, hold=true}"
        simulator.scenario.play(self.scenario(steps))
        await move(2)
        raw.send(*place_order(176, 1, quantity=1))

        assert 149 < float((await raw.until(11))[20]) < 151

    async def test_refuses_a_command_that_does_not_exist(self, simulator):
        with pytest.raises(BadConfig, match="nonsense"):
            simulator.scenario.play(self.scenario("[[steps]]\nat='1s'\ncommand='nonsense'"))

    async def test_calls_off_what_was_to_come_and_lifts_what_was_on(self, simulator, raw, play, move):
        await play("stuck_client_id")
        await play("read_only_api")
        told = await ask_async(simulator.control_port, "scenarios")
        await ask_async(simulator.control_port, "stop_scenario")
        await move(10)

        assert told["playing"] == "read_only_api"
        assert set(told["scenarios"]) == set(scenario_names())
        assert simulator.venue.faults.state() == {}
        assert await raw.settle() == []

    async def test_says_that_there_is_none_of_that_name(self, simulator):
        with pytest.raises(ControlRefused) as refused:
            await ask_async(simulator.control_port, "scenario", name="../quiet")

        assert refused.value.problem["status"] == 404
