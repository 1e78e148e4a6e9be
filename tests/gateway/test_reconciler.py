"""One complete look at the broker's lists: what it may count, and what proves nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.broker.memory import MemorySession
from apps.broker.port import BrokerTimeout, SessionIdentity
from apps.common.aio import in_db
from apps.domain.mode import Mode, prove_mode
from apps.domain.orders import OrderStatus
from apps.gateway.reconciler import reconcile, wait_in_doubt_s
from apps.gateway.session_state import Brake, SessionState
from apps.orders.models import Order
from tests.gateway.house import config_for
from tests.orders.conftest import CODE, aapl, accepted, account, flying, picture, sender, tara

__all__ = ["aapl", "accepted", "account", "flying", "picture", "sender", "tara"]

pytestmark = pytest.mark.django_db(transaction=True)

LONG_ENOUGH = timedelta(seconds=40)


class ReadingSession(MemorySession):
    """A twin during whose lists something can happen."""

    def __init__(self):
        super().__init__()
        self.meanwhile = lambda: None

    async def snapshot(self, **options):
        self.meanwhile()
        return await super().snapshot(**options)


@pytest.fixture
def vanished(flying):
    """An order that was written long enough ago and of which the broker's lists know nothing."""
    Order.objects.update(in_flight_at=datetime.now(UTC) - LONG_ENOUGH)
    return flying


@pytest.fixture
async def state(sender, tmp_path):
    session = ReadingSession()
    await session.connect()
    return SessionState(
        number=1,
        sender=sender,
        session=session,
        identity=SessionIdentity(176, (CODE,), 1, datetime.now(UTC)),
        proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE]),
        opened_at=datetime.now(UTC),
        brake=Brake(tmp_path / "HALT"),
    )


async def looks_at(order):
    row = await in_db(Order.objects.get, pk=order.pk)
    return row.status, row.looks


class TestAbsence:
    async def test_is_counted_by_a_complete_look(self, vanished, state, tmp_path):
        await reconcile(state, config_for(4002, tmp_path))

        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 1)

    async def test_proves_nothing_while_ib_itself_is_cut_off(self, vanished, state, tmp_path):
        state.hear_notice(1100)

        await reconcile(state, config_for(4002, tmp_path))

        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 0)
        state.hear_notice(1102)
        await reconcile(state, config_for(4002, tmp_path))
        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 1)

    async def test_proves_nothing_if_the_line_broke_while_the_lists_were_read(
        self, vanished, state, tmp_path
    ):
        state.session.meanwhile = lambda: state.hear_notice(2110)

        await reconcile(state, config_for(4002, tmp_path))

        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 0)

    async def test_proves_nothing_if_a_list_failed(self, vanished, state, tmp_path):
        state.session.script.snapshot_problem = BrokerTimeout("no answer to positions")

        with pytest.raises(BrokerTimeout):
            await reconcile(state, config_for(4002, tmp_path))

        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 0)


class TestMidnight:
    async def test_where_ib_gateway_runs_leaves_what_was_written_before_in_doubt(
        self, vanished, state, tmp_path
    ):
        now = datetime.now(UTC)
        state.identity = replace(state.identity, time_zone=_where_the_day_is_young(now))
        await in_db(Order.objects.update, in_flight_at=now - timedelta(hours=3), looks=2, status="UNKNOWN")
        await in_db(Order.objects.update, first_look_at=now - timedelta(hours=2))

        await reconcile(state, config_for(4002, tmp_path))

        assert await looks_at(vanished) == (OrderStatus.UNKNOWN, 2)


def _where_the_day_is_young(now):
    """Return a zone in which it is between one and two o'clock, at night."""
    east = (25 - now.hour) % 24
    return f"Etc/GMT-{east}" if east <= 14 else f"Etc/GMT+{24 - east}"


class TestAnotherLogin:
    async def test_says_nothing_of_orders_of_accounts_it_does_not_manage(self, vanished, state, tmp_path):
        await in_db(
            Order.objects.update, status="UNKNOWN", looks=2, first_look_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        state.identity = replace(state.identity, accounts=("DU7654321",))

        await reconcile(state, config_for(4002, tmp_path))

        assert (await in_db(Order.objects.get, pk=vanished.pk)).status == OrderStatus.UNKNOWN


class TestRhythm:
    def test_a_fresh_doubt_is_looked_at_soon_a_lasting_one_every_20_s(self):
        assert [wait_in_doubt_s(looks) for looks in range(5)] == [5, 5, 10, 20, 20]
