"""What people read when a broker session is over."""

import pytest
from django.db import OperationalError

from apps.broker.port import BrokerRefused, BrokerTimeout, BrokerUnavailable
from apps.common.aio import DatabaseTimeout
from apps.domain.mode import Mode, prove_mode
from apps.gateway.endings import STOPPED, STORE_AWAY, ModeNotProven, SessionOver, ending_of


def ended(*errors):
    return ending_of(ExceptionGroup("tasks", [ExceptionGroup("inner", list(errors))]))


class TestReasons:
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (BrokerRefused(326, "client id is already in use"), "(326)"),
            (BrokerRefused(502, "Couldn't connect to TWS"), "Couldn't connect to TWS (502)"),
            (BrokerTimeout("no handshake"), "did not answer in time: no handshake"),
            (BrokerUnavailable("refused"), "cannot be reached: refused"),
            (SessionOver("two heartbeats"), "two heartbeats"),
        ],
    )
    def test_name_what_happened(self, error, words):
        assert words in ended(error).reasons[0]

    def test_a_stop_hides_what_broke_because_of_it(self):
        assert ended(BrokerUnavailable("closed"), SessionOver(STOPPED)).reasons == (STOPPED,)

    def test_a_contradicted_mode_names_each_line_that_disagrees(self):
        proof = prove_mode(Mode.LIVE, port=4001, managed_accounts=["DU1"])

        ending = ended(ModeNotProven(proof))

        assert (ending.phase, ending.reasons) == ("DISCONNECTED", ("Managed accounts: DU1",))

    def test_the_same_reason_is_said_once(self):
        assert ended(BrokerUnavailable("gone"), BrokerUnavailable("gone")).reasons == (
            "IB Gateway cannot be reached: gone",
        )


class TestStoreAway:
    @pytest.mark.parametrize("error", [OperationalError("gone"), DatabaseTimeout("No answer in 2 s")])
    def test_is_ours_and_no_failure_of_the_broker(self, error):
        ending = ended(error)

        assert ending.reasons == (STORE_AWAY,)
        assert ending.is_ours

    def test_a_broker_that_went_too_counts(self):
        assert not ended(OperationalError("gone"), BrokerUnavailable("gone")).is_ours
