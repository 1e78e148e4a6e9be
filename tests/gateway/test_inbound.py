"""Facts on their way into rows: what waits for another fact, and for how long."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.broker.memory import MemorySession
from apps.broker.port import SessionIdentity
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.domain.executions import CommissionReport
from apps.domain.mode import Mode, prove_mode
from apps.gateway.inbound import EARLY_FOR_S, Inbox
from apps.gateway.session_state import Brake, SessionState
from apps.orders.models import Execution
from apps.orders.services.facts import record_execution
from tests.orders.conftest import CODE, aapl, accepted, account, execution, flying, picture, sender, tara

__all__ = ["aapl", "accepted", "account", "flying", "picture", "sender", "tara"]

pytestmark = pytest.mark.django_db(transaction=True)

FEE = CommissionReport("0000e0d5.69b0c1f2.01.01", Decimal("1.00"), "USD", None)


@pytest.fixture
def inbox(sender, tmp_path):
    return Inbox(
        SessionState(
            number=1,
            sender=sender,
            session=MemorySession(),
            identity=SessionIdentity(176, (CODE,), 1, datetime.now(UTC)),
            proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE]),
            opened_at=datetime.now(UTC),
            brake=Brake(tmp_path / "HALT"),
        )
    )


@pytest.fixture
def fill(flying):
    return execution(flying)


class TestEarlyCommission:
    async def test_is_joined_when_a_complete_look_has_booked_its_execution(self, inbox, fill, sender):
        await inbox.book(FEE)
        await in_db(record_execution, fill, sender=sender)

        await inbox.join_early_commissions()

        assert (await in_db(Execution.objects.get)).commission == Decimal("1.00")
        assert inbox.early_commissions == {}

    async def test_without_an_execution_is_let_go_after_a_while(self, inbox, monkeypatch):
        await inbox.book(FEE)
        await inbox.join_early_commissions()
        assert len(inbox.early_commissions) == 1
        monkeypatch.setattr("apps.gateway.inbound.boottime", lambda: boottime() + EARLY_FOR_S + 1)

        await inbox.join_early_commissions()

        assert inbox.early_commissions == {}
