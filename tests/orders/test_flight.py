"""The way to the wire: one conditional UPDATE under lease, halt, limits and expiry."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Account, Lease
from apps.common.clock import boottime
from apps.domain.mode import ProofState
from apps.domain.orders import Sender
from apps.domain.quotes import Quote
from apps.domain.restart import RestartSchedule
from apps.instruments.models import Instrument
from apps.orders.models import IbOrderIds, Order, OrderEvent
from apps.orders.selectors import sendable_ids
from apps.orders.services.exits import protect_position
from apps.orders.services.families import submit_bracket
from apps.orders.services.flight import (
    FlightPlan,
    expire_unsent,
    land_unsent,
    mark_unknown,
    put_in_flight,
    raise_high_water,
    still_as_seen,
)
from apps.orders.services.wishes import request_cancel
from apps.safety.models import AccountRisk, TradingState
from apps.safety.selectors import scopes_of
from apps.safety.services.states import halt_trading
from tests.orders.conftest import BUY_10, CODE, Tara, fly, hold

Picture = dict[int, Quote]


class TestPutInFlight:
    def test_commits_order_id_epoch_and_session_before_anything_is_written(
        self, accepted: Order, sender: Sender, picture: Picture
    ) -> None:
        plan = fly(accepted, sender, picture)

        order = Order.objects.get()
        assert [one.pk for one in plan.flying] == [order.pk]
        assert (order.status, order.ib_order_id, order.epoch, order.broker_session) == (
            "IN_FLIGHT",
            100,
            sender.epoch,
            1,
        )
        assert [event.seq for event in OrderEvent.objects.order_by("seq")] == [1, 2]

    def test_uses_ids_above_everything_used_before(
        self, accepted: Order, sender: Sender, picture: Picture
    ) -> None:
        IbOrderIds.objects.create(connection="main", client_id=1, high_water=5000)

        fly(accepted, sender, picture)

        assert Order.objects.get().ib_order_id == 5001

    def test_a_second_claim_finds_nothing(self, accepted: Order, sender: Sender, picture: Picture) -> None:
        fly(accepted, sender, picture)

        assert fly(accepted, sender, picture) == FlightPlan([])
        assert IbOrderIds.objects.get().high_water == 100

    def test_denies_after_a_halt(self, accepted: Order, sender: Sender, picture: Picture) -> None:
        halt_trading(scope="*", by="rita", reason="fat finger")

        plan = fly(accepted, sender, picture)

        assert plan.denied
        assert Order.objects.get().reason_codes == ["TRADING_HALTED"]
        assert not IbOrderIds.objects.exists()

    def test_denies_what_other_code_has_accepted(
        self, accepted: Order, sender: Sender, picture: Picture, settings: Any
    ) -> None:
        settings.JAXBROKER_VERSION = "99.0"

        plan = fly(accepted, sender, picture)

        assert plan.denied
        assert Order.objects.get().reason_codes == ["VERSION_MISMATCH"]
        assert not IbOrderIds.objects.exists()

    def test_denies_in_the_restart_window(
        self, accepted: Order, sender: Sender, picture: Picture, settings: Any
    ) -> None:
        at = (timezone.now() + timedelta(minutes=3)).time()
        settings.JAXBROKER_RESTART = RestartSchedule(at, ZoneInfo("UTC"))

        plan = fly(accepted, sender, picture)

        assert plan.denied
        assert Order.objects.get().reason_codes == ["RESTART_WINDOW"]
        assert not IbOrderIds.objects.exists()

    def test_does_nothing_under_a_lost_lease(self, accepted: Order, sender: Sender, picture: Picture) -> None:
        Lease.objects.update(epoch=sender.epoch + 1)

        plan = fly(accepted, sender, picture)

        assert plan == FlightPlan([])
        assert Order.objects.get().status == "ACCEPTED"
        assert not IbOrderIds.objects.exists()

    def test_does_nothing_under_a_lease_that_is_about_to_end(
        self, accepted: Order, sender: Sender, picture: Picture
    ) -> None:
        Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))

        assert fly(accepted, sender, picture) == FlightPlan([])

    def test_does_nothing_past_expiry(self, accepted: Order, sender: Sender, picture: Picture) -> None:
        Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        assert fly(accepted, sender, picture) == FlightPlan([])

    def test_denies_without_a_price_in_the_gateways_own_picture(
        self, accepted: Order, sender: Sender
    ) -> None:
        plan = fly(accepted, sender, {})

        assert plan.denied
        assert Order.objects.get().reason_codes == ["RISK_STALE_QUOTE"]

    @pytest.mark.parametrize("proof", [ProofState.UNPROVEN, ProofState.CONTRADICTED])
    def test_denies_while_this_session_has_not_proven_the_mode(
        self, accepted: Order, sender: Sender, picture: Picture, proof: ProofState
    ) -> None:
        plan = put_in_flight(accepted.pk, sender=sender, picture=picture, proof=proof, boottime=boottime())

        assert plan.denied
        assert Order.objects.get().reason_codes == ["MODE_MISMATCH"]

    def test_gives_a_bracket_consecutive_ids(
        self, aapl: Instrument, sender: Sender, picture: Picture, tara: Tara
    ) -> None:
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )

        plan = fly(bracket.parent, sender, picture)

        assert [one.ib_order_id for one in plan.flying] == [100, 101, 102]
        assert [one.follows_parent for one in plan.flying] == [False, True, True]
        assert [one.transmit for one in plan.flying] == [False, False, True]

    def test_flies_stop_and_take_profit_of_a_position_together(
        self, account: Account, aapl: Instrument, sender: Sender, picture: Picture, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        stop, profit = protect_position(
            CODE,
            "AAPL",
            quantity=None,
            stop_loss=Decimal(221),
            take_profit=Decimal(240),
            replace_existing=True,
            client_order_id=None,
            by=tara,
        ).orders

        plan = fly(stop, sender, picture)

        assert [one.pk for one in plan.flying] == [stop.pk, profit.pk]
        assert [one.transmit for one in plan.flying] == [True, True]
        assert sendable_ids("main") == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("claimers", [8])
    def test_many_claimers_get_an_order_once(
        self, accepted: Order, sender: Sender, picture: Picture, claimers: int
    ) -> None:
        plans: list[FlightPlan] = []
        start = Barrier(claimers)

        def claim() -> None:
            start.wait()
            try:
                plans.append(fly(accepted, sender, picture))
            finally:
                connection.close()

        threads = [Thread(target=claim) for _ in range(claimers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(len(plan.flying) for plan in plans) == 1

    def test_a_changed_limit_between_look_and_update_changes_no_row(
        self, accepted: Order, sender: Sender, picture: Picture
    ) -> None:
        risk = AccountRisk.objects.get()
        states = list(TradingState.objects.all())
        conditions = still_as_seen(scopes_of(CODE, "AAPL"), states, risk)
        AccountRisk.objects.update(version=risk.version + 1)

        assert not Order.objects.filter(*conditions).exists()

    def test_a_scope_halted_for_the_first_time_changes_no_row(
        self, accepted: Order, sender: Sender, picture: Picture
    ) -> None:
        risk = AccountRisk.objects.get()
        conditions = still_as_seen(scopes_of(CODE, "AAPL"), list(TradingState.objects.all()), risk)
        assert Order.objects.filter(*conditions).exists()
        halt_trading(scope="symbol:AAPL", by="rita", reason="one symbol")

        assert not Order.objects.filter(*conditions).exists()


class TestAfterTheClaim:
    def test_the_living_sender_may_take_back_what_it_has_not_written(
        self, flying: Order, sender: Sender
    ) -> None:
        landed = land_unsent([flying.pk], sender=sender, reason="GATEWAY_PAUSED")

        flying.refresh_from_db()
        assert landed == 1
        assert (flying.status, flying.reason_codes) == ("EXPIRED_UNSENT", ["GATEWAY_PAUSED"])

    def test_a_later_epoch_may_not(self, flying: Order, sender: Sender) -> None:
        other = Sender("main", "there", sender.epoch + 1, session=2, client_id=1, next_valid_id=1)

        assert land_unsent([flying.pk], sender=other, reason="GATEWAY_PAUSED") == 0
        assert Order.objects.get().status == "IN_FLIGHT"

    def test_silence_makes_it_unknown_and_never_unsent(self, flying: Order) -> None:
        Order.objects.update(in_flight_at=datetime.now(UTC) - timedelta(seconds=6))

        mark_unknown(connection="main", session=1, silent_for=timedelta(seconds=5))

        assert Order.objects.get().status == "UNKNOWN"

    def test_a_new_broker_session_makes_it_unknown_at_once(self, flying: Order) -> None:
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))

        assert Order.objects.get().status == "UNKNOWN"


class TestExpireUnsent:
    def test_ends_what_is_overdue_and_nothing_else(self, accepted: Order) -> None:
        assert expire_unsent() == 0
        Order.objects.update(expires_at=timezone.now() - timedelta(milliseconds=50))

        assert expire_unsent() == 1
        order = Order.objects.get()
        assert (order.status, order.reason_codes) == ("EXPIRED_UNSENT", ["ORDER_EXPIRED"])


class TestHighWater:
    def test_never_falls(self, account: object) -> None:
        assert raise_high_water(connection="main", client_id=1, next_valid_id=50) == 50
        assert raise_high_water(connection="main", client_id=1, next_valid_id=1) == 50
        assert raise_high_water(connection="main", client_id=1, next_valid_id=60) == 60


@pytest.mark.django_db(transaction=True)
class TestCancelAgainstClaim:
    def test_exactly_one_of_them_wins(self, accepted: Order, sender: Sender, picture: Picture) -> None:
        start = Barrier(2)

        def claim() -> None:
            start.wait()
            try:
                fly(accepted, sender, picture)
            finally:
                connection.close()

        thread = Thread(target=claim)
        thread.start()
        start.wait()
        cancelled = request_cancel(accepted.pk, by="key:tara0001")
        thread.join()

        order = Order.objects.get()
        assert order.status == cancelled.status
        assert order.status in {"CANCELLED_UNSENT", "IN_FLIGHT"}
        assert order.cancel_requested_at is not None
