"""The probes tell the truth, and strangers little of it."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import Phase
from apps.accounts.services import (
    next_session,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
)
from apps.domain.mode import Mode, prove_mode
from apps.gateway.health import health_facts, readiness

pytestmark = pytest.mark.django_db


@pytest.fixture
def epoch():
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    return take_lease(connection_name="main", owner="here")


@pytest.fixture
def ready(epoch):
    record_identity(
        connection_name="main",
        epoch=epoch,
        session=next_session(connection_name="main", epoch=epoch),
        server_version=176,
        accounts=["DU1"],
        proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=["DU1"]),
    )
    record_phase(connection_name="main", epoch=epoch, phase=Phase.READY)


def failed(found):
    return {check.name: check.code for check in found.checks if not check.ok and not check.is_advice}


class TestReadiness:
    def test_is_true_only_when_everything_is(self, ready):
        assert failed(readiness(datetime.now(UTC))) == {}

    def test_late_clock_work_is_told_and_keeps_no_order_waiting(self, ready, settings):
        settings.JAXBROKER_CLOCK_WORK = {"audit anchor": 60.0}

        found = readiness(datetime.now(UTC))

        assert found.ready
        assert found.checks[-1].as_json() == {
            "name": "clock_work",
            "ok": False,
            "detail": "audit anchor never done",
        }

    def test_without_a_gateway_names_each_thing_that_is_missing(self):
        found = readiness(datetime.now(UTC))

        assert not found.ready
        assert failed(found) == {
            "gateway_heartbeat": "BROKER_NOT_READY",
            "broker_session": "BROKER_NOT_READY",
            "mode_proof": "MODE_MISMATCH",
        }

    def test_does_not_ask_the_wall_clock_of_this_process(self, ready, monkeypatch):
        monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2030, 1, 1, tzinfo=UTC))

        assert readiness().ready
        assert health_facts().connected

    def test_a_silent_gateway_is_not_ready_whatever_it_wrote_last(self, ready):
        found = readiness(datetime.now(UTC) + timedelta(seconds=21))

        assert set(failed(found)) == {"gateway_heartbeat", "broker_session", "mode_proof"}

    def test_waiting_for_a_login_has_a_code_of_its_own(self, epoch):
        record_phase(connection_name="main", epoch=epoch, phase=Phase.AWAITING_LOGIN, reasons=["log in"])

        assert failed(readiness(datetime.now(UTC)))["broker_session"] == "AWAITING_LOGIN"


class TestHealthFacts:
    def test_connected_means_ready(self, ready):
        facts = health_facts(datetime.now(UTC))

        assert (facts.connected, facts.phase, facts.mode_proof) == (True, "READY", "proven")
        assert facts.trading_state == "ACTIVE"

    def test_connecting_is_not_connected(self, epoch):
        record_phase(connection_name="main", epoch=epoch, phase=Phase.CONNECTING)

        facts = health_facts(datetime.now(UTC))

        assert (facts.connected, facts.phase, facts.mode_proof) == (False, "CONNECTING", "unproven")

    def test_before_any_gateway_it_says_so(self):
        facts = health_facts(datetime.now(UTC))

        assert (facts.connected, facts.phase) == (False, "DISCONNECTED")
        assert facts.reasons == ("no gateway has registered this connection",)


class TestProbes:
    @pytest.fixture(autouse=True)
    def _standalone(self, settings):
        settings.JAXBROKER_STANDALONE = True

    def test_livez(self, client):
        assert client.get("/livez").json() == {"live": True}

    def test_readyz_shows_its_checks_to_callers_on_this_machine(self, client, ready):
        answer = client.get("/readyz", headers={"host": "localhost"})

        assert answer.status_code == 200
        assert {check["name"] for check in answer.json()["checks"]} >= {"database", "mode_proof"}

    def test_readyz_tells_strangers_only_whether(self, client):
        answer = client.get("/readyz", REMOTE_ADDR="203.0.113.9")

        assert answer.status_code == 503
        assert answer.json()["ready"] is False
        assert "checks" not in answer.json()

    def test_metrics_are_prometheus_text_without_accounts(self, client, ready):
        answer = client.get("/metrics", headers={"host": "localhost"})

        text = answer.content.decode()
        assert "jaxbroker_broker_ready 1.0" in text
        assert "jaxbroker_orders_in_doubt 0.0" in text
        assert "jaxbroker_trading_state 0.0" in text
        assert "jaxbroker_broker_reconnects_total 0.0" in text
        assert "jaxbroker_events_seq" in text
        assert "DU1" not in text

    def test_metrics_are_not_for_strangers(self, client):
        assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 401
