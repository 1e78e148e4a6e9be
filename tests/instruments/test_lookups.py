"""From a symbol to the one instrument it means."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connections
from django.utils import timezone

from apps.domain.instruments import InvalidSymbol
from apps.instruments.models import Instrument, LookupRequest
from apps.instruments.selectors import (
    InstrumentNotFound,
    instrument_by_con_id,
    known_instrument,
    pending_lookups,
)
from apps.instruments.services import (
    ContractAmbiguous,
    LookupTimeout,
    UnknownSymbol,
    ensure_instrument,
    fail_lookup,
    request_lookup,
    resolve_symbol,
    store_instrument,
    store_lookup,
)
from tests.instruments.conftest import AAPL, BRK_B
from tests.racing import race

pytestmark = pytest.mark.django_db


@contextmanager
def gateway(answer):
    """Answer each question in a thread, as the gateway would in its process."""
    over = Event()

    def work():
        while not over.wait(0.01):
            for lookup in pending_lookups(10):
                answer(lookup)
        connections.close_all()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finds(*specs):
    return lambda lookup: store_lookup(request_id=lookup.pk, specs=specs)


class TestStoringInstruments:
    def test_gives_back_the_same_spec(self, aapl):
        store_instrument(aapl)

        assert instrument_by_con_id(aapl.ib_con_id).spec == aapl

    def test_keeps_the_pin_of_staff(self, aapl):
        store_instrument(aapl)
        Instrument.objects.update(pinned=True)

        row = store_instrument(replace(aapl, name="APPLE"))

        assert (row.pinned, row.name) == (True, "APPLE")

    def test_an_unknown_contract_id_is_not_found(self):
        with pytest.raises(InstrumentNotFound):
            instrument_by_con_id(1)


class TestInstrumentsOfFacts:
    def ensure(self, **changes):
        told = {
            "ib_con_id": 272093,
            "symbol": "MSFT",
            "sec_type": "STK",
            "exchange": "",
            "currency": "USD",
        }
        return ensure_instrument(**told | changes)

    def test_are_made_once_and_asked_about(self):
        first = self.ensure()
        second = self.ensure()

        assert first == second
        assert first.exchange == "SMART"
        assert [lookup.symbol for lookup in pending_lookups(10)] == ["MSFT"]

    def test_never_change_what_the_broker_described(self, aapl):
        store_instrument(aapl)

        row = self.ensure(ib_con_id=aapl.ib_con_id, symbol="OTHER")

        assert row.spec == aapl

    def test_are_booked_under_names_that_are_no_symbols(self):
        row = self.ensure(symbol="weird*name")

        assert row.symbol == "weird*name"
        assert pending_lookups(10) == []


class TestKnownInstrument:
    @pytest.mark.parametrize("spelling", ["BRK B", "BRK.B", "brk-b"])
    def test_has_one_spelling(self, spelling):
        row = store_instrument(BRK_B)

        assert known_instrument(spelling) == row

    def test_is_none_where_two_fit(self, aapl):
        store_instrument(aapl)
        store_instrument(replace(aapl, ib_con_id=2))

        assert known_instrument("AAPL") is None

    def test_is_the_pinned_one_of_two(self, aapl):
        store_instrument(aapl)
        pinned = store_instrument(replace(aapl, ib_con_id=2))
        Instrument.objects.filter(pk=pinned.pk).update(pinned=True)

        assert known_instrument("AAPL") == pinned

    def test_refuses_what_is_no_symbol(self):
        with pytest.raises(InvalidSymbol):
            known_instrument("A;DROP")


class TestAsking:
    def test_all_share_one_open_request(self):
        first = request_lookup("brk.b")

        assert request_lookup("BRK B") == first
        assert first.symbol == "BRK B"

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_moment_makes_one_request(self):
        asked = race([lambda: request_lookup("AAPL") for _ in range(20)])

        assert {request.pk for request in asked} == {LookupRequest.objects.get().pk}

    def test_is_answered_once(self, aapl):
        request = request_lookup("AAPL")
        store_lookup(request_id=request.pk, specs=[aapl])

        assert fail_lookup(request_id=request.pk, code="BROKER_TIMEOUT", detail="late") is None

        assert LookupRequest.objects.get().state == "DONE"

    def test_drops_old_answers_to_the_same_question(self, aapl):
        request = request_lookup("AAPL")
        store_lookup(request_id=request.pk, specs=[aapl])
        LookupRequest.objects.update(done_at=timezone.now() - timedelta(days=8))

        again = request_lookup("AAPL")

        assert LookupRequest.objects.get() == again


class TestResolving:
    def test_asks_nobody_about_a_fresh_row(self, aapl):
        row = store_instrument(aapl)

        assert resolve_symbol("aapl") == row
        assert not LookupRequest.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_waits_for_the_broker(self):
        with gateway(finds(AAPL)):
            row = resolve_symbol("AAPL")

        assert row.ib_con_id == AAPL.ib_con_id

    @pytest.mark.django_db(transaction=True)
    def test_asks_again_about_a_row_of_yesterday(self):
        store_instrument(AAPL)
        Instrument.objects.update(refreshed_at=timezone.now() - timedelta(hours=25))

        with gateway(finds(replace(AAPL, name="renamed"))):
            row = resolve_symbol("AAPL")

        assert row.name == "renamed"

    @pytest.mark.django_db(transaction=True)
    def test_says_that_nothing_has_the_symbol_and_remembers_it(self):
        with gateway(finds()), pytest.raises(UnknownSymbol):
            resolve_symbol("NOPE")

        with pytest.raises(UnknownSymbol):
            resolve_symbol("NOPE", deadline_s=0)

        assert LookupRequest.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_lists_the_candidates_of_an_ambiguous_symbol(self):
        other = replace(AAPL, ib_con_id=2, primary_exchange="MEXI")

        with gateway(finds(AAPL, other)), pytest.raises(ContractAmbiguous) as refusal:
            resolve_symbol("AAPL")

        assert sorted(c["ib_con_id"] for c in refusal.value.members["candidates"]) == [2, AAPL.ib_con_id]
        assert set(refusal.value.members["candidates"][0]) == {"ib_con_id", "exchange", "currency"}

    @pytest.mark.django_db(transaction=True)
    def test_gives_up_after_the_deadline_and_leaves_the_question_open(self):
        with pytest.raises(LookupTimeout):
            resolve_symbol("AAPL", deadline_s=0.1)

        assert len(pending_lookups(10)) == 1

    @pytest.mark.django_db(transaction=True)
    def test_passes_on_that_the_broker_did_not_answer(self):
        def fails(lookup):
            fail_lookup(request_id=lookup.pk, code="BROKER_TIMEOUT", detail="no contract details in 10 s")

        with gateway(fails), pytest.raises(LookupTimeout) as refusal:
            resolve_symbol("AAPL")

        assert refusal.value.detail == "no contract details in 10 s"
