"""Promises of the order gate: it closes for three reasons, and says which."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.order_gate import VERSION_MISMATCH, closed_gate
from apps.accounts.selectors import connection
from apps.accounts.services import (
    next_session,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
)
from apps.common.db import database_now
from apps.domain.mode import Mode, prove_mode
from apps.domain.restart import RestartSchedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready():
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    epoch = take_lease(connection_name="main", owner="here")
    record_identity(
        connection_name="main",
        epoch=epoch,
        session=next_session(connection_name="main", epoch=epoch),
        server_version=176,
        accounts=["DU1"],
        proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=["DU1"]),
    )
    record_phase(connection_name="main", epoch=epoch, phase="READY")
    return connection("main")


def restart_in(seconds):
    at = (database_now() + timedelta(seconds=seconds)).time()
    return RestartSchedule(at, ZoneInfo("UTC"))


class TestClosedGate:
    def test_is_open_while_ready_with_equal_code_and_no_restart_near(self, ready, settings):
        settings.JAXBROKER_RESTART = restart_in(3600)

        assert closed_gate(ready, now=database_now()) is None

    def test_closes_while_not_ready(self, ready):
        ready.phase = "RECONCILING"

        gate = closed_gate(ready, now=database_now())

        assert (gate.code, gate.reason) == ("BROKER_NOT_READY", "RECONCILING")

    def test_closes_while_the_gateway_runs_other_code(self, ready, settings):
        settings.JAXBROKER_VERSION = "99.0"

        gate = closed_gate(ready, now=database_now())

        assert (gate.code, gate.reason) == ("BROKER_NOT_READY", VERSION_MISMATCH)
        assert "99" not in gate.sentence

    def test_closes_before_the_restart_and_says_when_to_ask_again(self, ready, settings):
        settings.JAXBROKER_RESTART = restart_in(200)

        gate = closed_gate(ready, now=database_now())

        assert (gate.code, gate.reason) == ("RESTART_WINDOW", "RESTART_WINDOW")
        assert 190 <= gate.retry_after_s <= 200

    def test_stays_closed_after_its_time_while_the_session_is_the_old_one(self, ready, settings):
        settings.JAXBROKER_RESTART = restart_in(10)
        later = database_now() + timedelta(seconds=15)

        assert closed_gate(ready, now=later).code == "RESTART_WINDOW"

    def test_opens_with_a_session_that_began_after_the_restart(self, ready, settings):
        settings.JAXBROKER_RESTART = restart_in(-10)

        assert closed_gate(ready, now=database_now()) is None
