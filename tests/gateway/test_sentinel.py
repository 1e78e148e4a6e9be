"""The HALT file and the signal stop orders at once and become one halt each."""

import pytest

from apps.broker.memory import MemorySession
from apps.common.aio import in_db
from apps.gateway.sentinel import Latch
from apps.gateway.session_state import Brake
from apps.safety.selectors import EVERYTHING, states
from apps.safety.services.states import resume_trading
from tests.gateway.house import config_for, running_gateway, until

pytestmark = pytest.mark.django_db(transaction=True)


async def everything():
    return (await in_db(states, [EVERYTHING]))[0]


class TestLatch:
    async def test_a_file_is_one_halt_however_long_it_lies_there(self, transactional_db, tmp_path):
        brake = Brake(tmp_path / "HALT")
        latch = Latch(brake)
        before = (await everything()).halt_epoch
        brake.halt_file.touch()

        await latch.write_halt()

        state = await everything()
        assert (state.state, state.halt_epoch, state.actor) == ("HALTED", before + 1, "HALT file")
        await in_db(resume_trading, scope=EVERYTHING, by="user:rita", reason="all is well")
        await latch.write_halt()
        assert (await everything()).state == "ACTIVE"
        assert brake.is_on

    async def test_a_file_put_back_is_another_halt(self, transactional_db, tmp_path):
        brake = Brake(tmp_path / "HALT")
        latch = Latch(brake)
        brake.halt_file.touch()
        await latch.write_halt()
        first = (await everything()).halt_epoch
        brake.halt_file.unlink()
        await latch.write_halt()
        await in_db(resume_trading, scope=EVERYTHING, by="user:rita", reason="all is well")
        brake.halt_file.touch()

        await latch.write_halt()

        assert (await everything()).halt_epoch == first + 1

    async def test_a_signal_holds_until_the_halt_is_a_row(self, transactional_db, tmp_path):
        brake = Brake(tmp_path / "HALT")
        brake.pull()
        assert brake.is_on

        await Latch(brake).write_halt()

        assert not brake.is_on
        assert (await everything()).actor == "SIGUSR1"


class TestSentinel:
    async def test_confirms_a_halt_although_no_broker_is_there(self, transactional_db, tmp_path):
        brake = Brake(tmp_path / "HALT")
        config = config_for(1, tmp_path, bindings={1: config_for(1, tmp_path).mode})
        async with running_gateway(config, brake=brake) as gateway:
            await gateway.until_phase("DISCONNECTED")

            brake.pull()

            async def confirmed():
                state = await everything()
                return state.state == "HALTED" and state.confirmed_at is not None

            await until(confirmed, within_s=3)

    async def test_the_file_keeps_the_order_lane_shut(self, transactional_db, tmp_path):
        sessions = []

        def open_session(settings):
            sessions.append(MemorySession())
            return sessions[-1]

        (tmp_path / "HALT").touch()
        async with running_gateway(config_for(4002, tmp_path), open_session=open_session) as gateway:
            await gateway.until_phase("READY")

            assert (await everything()).state == "HALTED"
        assert all(session.frames == [] for session in sessions)
