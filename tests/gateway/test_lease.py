"""One gateway for a connection: the second one waits, a lost lease ends the process."""

import asyncio
import signal
import subprocess
import sys

import pytest

from apps.accounts.models import Lease
from apps.accounts.services import release_lease, take_lease
from apps.broker.memory import MemorySession
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.gateway.lease import LeaseLost, LoopWatch, host_lock
from apps.gateway.owner import is_certainly_dead
from tests.gateway.house import ROOT, config_for, running_gateway, start_gateway, until

pytestmark = pytest.mark.django_db(transaction=True)


NAME_ONLY = "from apps.gateway.owner import owner_name; print(owner_name(), flush=True)"
NAME_AND_SLEEP = f"{NAME_ONLY}; import signal; signal.pause()"


def open_twin(settings):
    return MemorySession()


class TestSecondGateway:
    async def test_waits_on_another_host_and_takes_over_when_the_first_ends(
        self, transactional_db, tmp_path, caplog
    ):
        here, there = (config_for(4002, tmp_path / host) for host in ("here", "there"))
        async with running_gateway(here, open_session=open_twin) as first:
            await first.until_phase("READY")

            async with running_gateway(there, open_session=open_twin) as second:
                await until(lambda: said(caplog, "waiting for the lease"))
                assert (await first.row()).session == 1
                await first.end()

                await second.until_next_session(1)

        assert (await in_db(Lease.objects.get)).epoch == 2

    async def test_waits_on_the_same_host_before_it_touches_the_lease(
        self, transactional_db, tmp_path, caplog
    ):
        config = config_for(4002, tmp_path)
        async with running_gateway(config, open_session=open_twin) as first:
            await first.until_phase("READY")

            async with running_gateway(config, open_session=open_twin):
                await until(lambda: said(caplog, "another gateway runs on this host"))

                assert (await in_db(Lease.objects.get)).epoch == 1


class TestDeadOwner:
    def test_a_killed_process_is_certainly_dead_and_a_stopped_one_is_not(self):
        sleeper = subprocess.Popen([sys.executable, "-c", NAME_AND_SLEEP], cwd=ROOT, stdout=subprocess.PIPE)
        name = sleeper.stdout.readline().decode().strip()
        sleeper.send_signal(signal.SIGSTOP)
        assert not is_certainly_dead(name)

        sleeper.kill()
        sleeper.communicate(timeout=10)

        assert is_certainly_dead(name)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda name: name.replace(name.split(":")[1], "0123456789abcdef.1"), id="machine"),
            pytest.param(lambda name: name.replace(name.split(":")[1], ""), id="unknown machine"),
            pytest.param(lambda name: name.replace(":", "-"), id="another form"),
            pytest.param(lambda name: "", id="nobody"),
        ],
    )
    def test_nothing_is_assumed_of_an_owner_elsewhere(self, change):
        name = dead_owner()
        assert is_certainly_dead(name)

        assert not is_certainly_dead(change(name))

    async def test_is_succeeded_before_its_lease_runs_out(self, transactional_db, tmp_path):
        async with running_gateway(config_for(4002, tmp_path), open_session=open_twin) as first:
            await first.until_phase("READY")
        gone = await asyncio.to_thread(dead_owner)
        assert await in_db(take_lease, connection_name="main", owner=gone, ttl_s=3600) == 2

        async with running_gateway(config_for(4002, tmp_path), open_session=open_twin) as second:
            await second.until_next_session(1)

        assert (await in_db(Lease.objects.get)).epoch == 3


class TestLostLease:
    async def test_ends_the_process_without_a_word_in_the_rows(self, transactional_db, tmp_path):
        gateway = start_gateway(config_for(4002, tmp_path), open_session=open_twin)
        await gateway.until_phase("READY")

        await in_db(release_lease, connection_name="main", owner=await owner(), epoch=1)
        await in_db(take_lease, connection_name="main", owner="somebody else")
        taken = await gateway.row()

        with pytest.raises(LeaseLost):
            await asyncio.wait_for(gateway.task, timeout=10)
        row = await gateway.row()
        assert (row.phase, row.reasons) == (taken.phase, taken.reasons)


class TestHostLock:
    async def test_a_stop_ends_the_wait(self, tmp_path):
        config, stop = config_for(4002, tmp_path), asyncio.Event()

        async with host_lock(config, asyncio.Event()) as first:
            stop.set()
            async with host_lock(config, stop) as second:
                assert (first, second) == (True, False)


class TestLoopWatch:
    async def test_knows_a_stall_of_its_own_loop(self):
        watch = LoopWatch()
        before = boottime()
        assert not watch.has_stalled_since(before)

        watch._tick -= 2.5

        assert watch.has_stalled_since(before)


def dead_owner():
    command = [sys.executable, "-c", NAME_ONLY]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


async def said(caplog, sentence):
    return sentence in [record.message for record in caplog.records]


async def owner():
    return (await in_db(Lease.objects.get)).owner
