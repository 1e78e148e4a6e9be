"""The broker session is lost in every way there is, and comes back."""

import random
from contextlib import suppress

import pytest

from apps.accounts import selectors as accounts
from apps.accounts.selectors import ConnectionNotFound
from apps.accounts.services import want_connection
from apps.broker.memory import MemoryScript, MemorySession
from apps.broker.port import BrokerRefused
from apps.common.aio import in_db
from apps.domain.mode import Mode
from apps.gateway.connection import back_off_s
from apps.gateway.selectors import recoveries
from apps.instruments.services import resolve_symbol
from apps.marketdata import board
from apps.marketdata.services import renew_watch
from tests.gateway.house import CODE, as_web, config_for, running_gateway, until

pytestmark = pytest.mark.django_db(transaction=True)


async def watch(symbol="AAPL"):
    instrument = await as_web(resolve_symbol, symbol)
    await in_db(renew_watch, instrument=instrument, holder="tara", priority=3, ttl_s=300)
    return instrument


async def until_ticks(instrument, *, after=0.0, within_s=15.0):
    async def ticked():
        quote = board.get(instrument.ib_con_id)
        return quote if quote is not None and quote.received_boottime > after else None

    return await until(ticked, within_s=within_s, what="a tick")


class TestStart:
    async def test_is_ready_with_a_proven_mode_and_the_account(self, gateway):
        row = await gateway.row()

        assert row.mode_proof == "proven"
        assert row.managed_accounts == [CODE]
        assert row.session == 1
        assert [account.code for account in await in_db(accounts.accounts)] == [CODE]

    async def test_ends_within_three_seconds_and_says_so(self, gateway):
        await gateway.end()

        row = await gateway.row()
        assert (row.phase, row.reasons) == ("DISCONNECTED", ["gateway stopped"])

    async def test_a_stop_while_nobody_answers_is_as_quick(self, transactional_db, tmp_path):
        async with running_gateway(config_for(1, tmp_path, bindings={1: Mode.PAPER})) as gateway:
            await gateway.until_phase("DISCONNECTED")

            await gateway.end()

        assert (await gateway.row()).reasons == ["gateway stopped"]


class TestLoss:
    @pytest.mark.parametrize("verb", ["fin", "rst"])
    async def test_comes_back_after_the_socket_is_cut(self, gateway, simulator, verb):
        instrument = await watch()
        before = await until_ticks(instrument)

        simulator.fault(f"drop_{verb}")

        row = await gateway.until_next_session(1)
        assert row.session == 2
        await until_ticks(instrument, after=before.received_boottime)

    async def test_comes_back_after_the_broker_was_restarted(self, gateway, simulator):
        instrument = await watch()
        before = await until_ticks(instrument)
        simulator.kill()
        row = await gateway.until_phase("DISCONNECTED")
        assert row.next_attempt_at is not None

        simulator.start()

        await gateway.until_next_session(1)
        await until_ticks(instrument, after=before.received_boottime)

    @pytest.mark.slow
    async def test_finds_a_half_open_line_within_25_s_and_comes_back(self, gateway, simulator):
        simulator.freeze()

        await gateway.until_phase("RECONCILING", within_s=20)
        row = await gateway.until_phase("DISCONNECTED", within_s=25)

        assert "heartbeat" in row.reasons[0]
        simulator.thaw()
        await gateway.until_next_session(1)

    async def test_reports_the_time_away(self, gateway, simulator):
        simulator.fault("drop_fin")
        await gateway.until_next_session(1)

        async def reported():
            newest = (await in_db(recoveries, "main"))[0]
            return newest if newest.session == 2 and newest.ready_at else None

        report = await until(reported)
        assert report.gap_from is not None
        assert report.gap_from <= report.gap_to <= report.ready_at


class TestWish:
    async def test_switched_off_it_stops_and_on_it_comes_back(self, gateway):
        await in_db(want_connection, name="main", wanted=False, by="user:tara")
        row = await gateway.until_phase("STOPPED")
        assert row.reasons == ["switched off"]

        await in_db(want_connection, name="main", wanted=True, by="user:tara")

        await gateway.until_next_session(1)

    async def test_gives_up_after_the_attempts_it_was_allowed(self, transactional_db, tmp_path):
        config = config_for(1, tmp_path, bindings={1: Mode.PAPER}, reconnect_max_attempts=2)

        async def given_up():
            with suppress(ConnectionNotFound):
                row = await gateway.row()
                return not row.wanted and row.phase == "STOPPED"

        async with running_gateway(config) as gateway:
            assert await until(given_up)


class TestMode:
    async def test_a_paper_account_behind_a_live_setting_gets_no_frame(self, transactional_db, tmp_path):
        sessions = []

        def open_session(settings):
            sessions.append(MemorySession(MemoryScript(accounts=(CODE,))))
            return sessions[-1]

        config = config_for(4001, tmp_path, mode=Mode.LIVE, bindings={}, simulator=False)
        async with running_gateway(config, open_session=open_session) as gateway:
            row = await gateway.until_phase("DISCONNECTED")

            assert row.mode_proof == "contradicted"
            assert any("Managed accounts" in reason for reason in row.reasons)
            assert await in_db(accounts.accounts) == []
        assert all(session.frames == [] and session.lines == {} for session in sessions)

    async def test_without_accounts_it_waits_for_a_login(self, transactional_db, tmp_path):
        def open_session(settings):
            return MemorySession(MemoryScript(accounts=()))

        async with running_gateway(config_for(4002, tmp_path), open_session=open_session) as gateway:
            row = await gateway.until_phase("AWAITING_LOGIN")

            assert row.mode_proof == "unproven"


class TestClientId:
    async def test_a_busy_id_is_waited_for_and_never_changed(self, transactional_db, tmp_path):
        seen = []

        def open_session(settings):
            seen.append(settings.client_id)
            busy = BrokerRefused(326, "Unable to connect as the client id is already in use.")
            return MemorySession(MemoryScript(connect_problem=busy if len(seen) < 3 else None))

        async with running_gateway(config_for(4002, tmp_path), open_session=open_session) as gateway:
            row = await gateway.until_phase("DISCONNECTED")
            assert "326" in row.reasons[0]

            await gateway.until_phase("READY")

        assert set(seen) == {1}


class TestBackOff:
    def test_doubles_up_to_a_minute_and_scatters(self):
        rng = random.Random(7)

        waits = [[back_off_s(n, base_s=1.0, rng=rng) for _ in range(200)] for n in (0, 3, 40)]

        assert [max(row) <= ceiling + 0.5 for row, ceiling in zip(waits, (1, 8, 60), strict=True)]
        assert all(min(row) >= 0.5 for row in waits)
        assert max(waits[0]) <= 1.5
        assert max(waits[2]) <= 60.5
        assert len({round(wait, 3) for wait in waits[1]}) > 100


class TestConnectivity:
    async def test_no_new_orders_while_ib_itself_is_cut_off(self, gateway, simulator):
        simulator.fault("emit_error", code=1100, text="Connectivity between IB and TWS has been lost.")

        row = await gateway.until_phase("RECONCILING")

        assert "1100" in row.reasons[0]
        simulator.fault("emit_error", code=1102, text="Connectivity restored, data maintained.")
        row = await gateway.until_phase("READY")
        assert row.session == 1
