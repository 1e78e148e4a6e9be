"""Where a connection stands, what it has proven, and who may say so."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts import selectors
from apps.accounts.models import Account, AccountEvent, Connection, Lease, Phase
from apps.accounts.services import (
    Fenced,
    next_session,
    record_heartbeat,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
    want_connection,
)
from apps.audit.models import AuditEvent
from apps.common.version import code_version
from apps.domain.mode import Mode, prove_mode
from tests.accounts.conftest import PAPER_PORT, sign_in

pytestmark = pytest.mark.django_db


def register(**changes):
    address = {
        "name": "main",
        "host": "127.0.0.1",
        "port": PAPER_PORT,
        "client_id": 1,
        "mode": Mode.PAPER,
        "simulator": False,
        "wanted": True,
    }
    return register_connection(**address | changes)


def phase(epoch, word, **more):
    record_phase(connection_name="main", epoch=epoch, phase=word, **more)


class TestRegistering:
    def test_brings_the_address_up_to_date(self):
        register()

        register(host="10.0.0.9", port=7497)

        row = Connection.objects.get()
        assert (row.host, row.port) == ("10.0.0.9", 7497)

    def test_keeps_the_wish_of_people(self):
        register()
        want_connection(name="main", wanted=False, by="staff:tara")

        row = register(wanted=True)

        assert not row.wanted

    def test_keeps_the_lease(self, epoch):
        register()

        assert Lease.objects.get().epoch == epoch

    def test_a_live_simulator_cannot_be_stored(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            register(simulator=True, mode=Mode.LIVE)


class TestWanting:
    def test_stores_the_wish_with_who_and_why(self, connection):
        row = want_connection(name="main", wanted=False, by="staff:tara", reason="holiday")

        assert not row.wanted
        assert not Connection.objects.get().wanted
        line = AuditEvent.objects.get(kind="connection.wanted")
        assert (line.actor, line.reason) == ("staff:tara", "holiday")

    def test_needs_a_registered_connection(self):
        with pytest.raises(selectors.ConnectionNotFound):
            want_connection(name="nobody", wanted=True, by="staff:tara")


class TestFence:
    def writes(self, epoch):
        proof = prove_mode(Mode.PAPER, port=PAPER_PORT, managed_accounts=["DU1"])
        return [
            lambda: phase(epoch, Phase.READY),
            lambda: next_session(connection_name="main", epoch=epoch),
            lambda: record_heartbeat(
                connection_name="main", epoch=epoch, lines_used=1, market_data_type="live"
            ),
            lambda: record_identity(
                connection_name="main",
                epoch=epoch,
                session=0,
                server_version=176,
                accounts=["DU1"],
                proof=proof,
            ),
        ]

    @pytest.mark.parametrize("number", range(4))
    def test_refuses_every_write_of_an_old_owner(self, epoch, number):
        Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        take_lease(connection_name="main", owner="gateway-b")
        before = Connection.objects.values().get()

        with pytest.raises(Fenced):
            self.writes(epoch)[number]()

        assert Connection.objects.values().get() == before
        assert not Account.objects.exists()

    @pytest.mark.parametrize("number", range(4))
    def test_refuses_every_write_after_the_lease_ran_out(self, epoch, number):
        Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        with pytest.raises(Fenced):
            self.writes(epoch)[number]()

    @pytest.mark.parametrize("number", range(4))
    def test_lets_the_owner_write(self, epoch, number):
        self.writes(epoch)[number]()


class TestTakeOver:
    def test_ends_what_the_owner_before_was_signed_in_to(self, account, epoch):
        phase(epoch, Phase.READY)
        Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        take_lease(connection_name="main", owner="gateway-b")

        row = Connection.objects.get()
        assert (row.phase, row.mode_proof, row.connected_since) == (Phase.DISCONNECTED, "unproven", None)
        assert not selectors.is_ready(row)

    def test_tells_which_code_the_gateway_runs(self, epoch):
        assert Connection.objects.get().code_version == code_version()

    def test_leaves_a_connection_alone_that_people_switched_off(self, epoch):
        phase(epoch, Phase.STOPPED)

        take_lease(connection_name="main", owner="gateway-a")

        assert Connection.objects.get().phase == Phase.STOPPED


class TestSession:
    def test_numbers_are_never_used_again(self, epoch):
        numbers = [next_session(connection_name="main", epoch=epoch) for _ in range(3)]

        assert numbers == [1, 2, 3]

    def test_identity_of_a_session_that_is_over_is_refused(self, epoch):
        over = next_session(connection_name="main", epoch=epoch)
        next_session(connection_name="main", epoch=epoch)

        with pytest.raises(Fenced):
            record_identity(
                connection_name="main",
                epoch=epoch,
                session=over,
                server_version=176,
                accounts=["DU1"],
                proof=prove_mode(Mode.PAPER, port=PAPER_PORT, managed_accounts=["DU1"]),
            )


class TestIdentity:
    def test_makes_each_account_once(self, epoch):
        sign_in(epoch, "DU1", "DU2")
        sign_in(epoch, "DU1", "DU2")

        assert [row.code for row in selectors.accounts()] == ["DU1", "DU2"]
        assert {row.mode for row in selectors.accounts()} == {"paper"}

    def test_makes_no_account_of_a_mixed_login(self, epoch):
        assert sign_in(epoch, "DU1", "U1") is None

        row = Connection.objects.get()
        assert row.mode_proof == "contradicted"
        assert row.managed_accounts == ["DU1", "U1"]
        assert not Account.objects.exists()
        assert {"name": "Managed accounts", "seen": "DU1, U1", "agrees": False} in row.evidence


class TestPhase:
    def test_ready_keeps_the_moment_it_began(self, account, epoch):
        phase(epoch, Phase.READY)
        began = Connection.objects.get().ready_at

        phase(epoch, Phase.READY)

        assert began is not None
        assert Connection.objects.get().ready_at == began

    def test_losing_the_session_takes_back_the_proof(self, account, epoch):
        phase(epoch, Phase.READY)

        phase(epoch, Phase.DISCONNECTED, reasons=["port closed"], attempt=1)

        row = Connection.objects.get()
        assert (row.mode_proof, row.ready_at, row.connected_since) == ("unproven", None, None)
        assert (row.reasons, row.attempt) == (["port closed"], 1)

    def test_a_contradiction_stays_on_the_screen(self, epoch):
        sign_in(epoch, "DU1", "U1")

        phase(epoch, Phase.DISCONNECTED, reasons=["mode contradicted"])

        assert Connection.objects.get().mode_proof == "contradicted"

    def test_tells_each_account_once_of_a_new_phase(self, account, epoch):
        phase(epoch, Phase.READY)
        phase(epoch, Phase.READY)

        events = AccountEvent.objects.filter(type="connection")
        assert [event.data["phase"] for event in events] == ["READY"]


class TestReadingConnections:
    def test_the_configured_one_needs_no_name(self, connection, settings):
        settings.JAXBROKER_CONNECTION = "main"

        assert selectors.connection() == connection

    def test_an_unknown_one_is_not_found(self):
        with pytest.raises(selectors.ConnectionNotFound):
            selectors.connection("nobody")

    def test_an_unknown_account_is_not_found(self):
        with pytest.raises(selectors.AccountNotFound):
            selectors.account_by_code("DU0")

    def test_no_codes_are_no_accounts(self, account):
        assert selectors.accounts([]) == []

    def test_is_ready_only_while_the_gateway_lives(self, account, epoch):
        phase(epoch, Phase.READY)
        row = selectors.connection("main")

        assert selectors.is_ready(row)
        assert not selectors.is_ready(row, now=timezone.now() + timedelta(seconds=21))

    def test_a_gateway_that_never_spoke_is_silent(self, connection):
        assert selectors.gateway_is_silent(connection, timezone.now())


class TestModeWord:
    def test_is_unproven_before_any_connection(self):
        assert selectors.mode_word() == "unproven"

    def test_is_unproven_before_a_login(self, connection):
        assert selectors.mode_word() == "unproven"

    def test_is_paper_once_proven(self, account):
        assert selectors.mode_word() == "paper"

    def test_is_unproven_when_the_gateway_is_silent(self, account):
        Connection.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=21))

        assert selectors.mode_word() == "unproven"
