"""Cancels, the kill switch, and orders made of orders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import Account
from apps.domain.orders import Sender
from apps.domain.quotes import Quote
from apps.domain.risk.limits import to_values
from apps.instruments.models import Instrument
from apps.orders.models import Order
from apps.orders.selectors import cancel_wishes, kill_outcome, preview_kill
from apps.orders.services.exits import ExceedsPosition, NoPosition, close_position, protect_position
from apps.orders.services.facts import record_execution, record_status
from apps.orders.services.families import LegOnWrongSide, submit_bracket
from apps.orders.services.intake import IdempotencyKeyConflict, submit_order
from apps.orders.services.wishes import OrderTerminal, kill, record_cancel_sent, request_cancel
from apps.safety.models import LimitSet, TradingState
from apps.safety.selectors import limits_in_force
from tests.orders.conftest import BUY_10, CODE, Tara, execution, fly, hold
from tests.orders.test_facts import status


class TestRequestCancel:
    def test_an_unsent_order_ends_at_once(self, accepted: Order) -> None:
        order = request_cancel(accepted.pk, by="key:tara0001")

        assert order.status == "CANCELLED_UNSENT"

    def test_an_order_in_doubt_keeps_its_status_and_the_wish(self, flying: Order) -> None:
        order = request_cancel(flying.pk, by="key:tara0001")

        assert (order.status, order.cancel_requested_at is not None) == ("IN_FLIGHT", True)

    def test_twice_is_one_wish(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        first = request_cancel(flying.pk, by="key:tara0001")
        second = request_cancel(flying.pk, by="key:tara0001")

        assert (first.status, first.seq) == (second.status, second.seq) == ("PENDING_CANCEL", first.seq)

    def test_an_ended_order_cannot_be_cancelled(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying), sender=sender)

        with pytest.raises(OrderTerminal):
            request_cancel(flying.pk, by="key:tara0001")

    def test_is_written_again_until_the_order_ends(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        request_cancel(flying.pk, by="key:tara0001")
        due = [wish.order_id for wish in cancel_wishes("main", now=datetime.now(UTC), halted_only=False)]
        record_cancel_sent(flying.pk)
        just_after = cancel_wishes("main", now=datetime.now(UTC), halted_only=False)
        Order.objects.update(cancel_sent_at=datetime(2026, 1, 1, tzinfo=UTC))
        later = cancel_wishes("main", now=datetime.now(UTC), halted_only=False)

        assert due == [flying.pk]
        assert just_after == []
        assert [wish.order_id for wish in later] == [flying.pk]

    def test_a_wish_that_grew_old_in_doubt_can_be_renewed(self, flying: Order) -> None:
        request_cancel(flying.pk, by="key:tara0001")
        long_ago = datetime.now(UTC) - timedelta(hours=25)
        Order.objects.update(cancel_requested_at=long_ago, cancel_sent_at=long_ago, cancel_attempts=9)
        assert cancel_wishes("main", now=datetime.now(UTC), halted_only=False) == []

        request_cancel(flying.pk, by="key:tara0001")

        assert len(cancel_wishes("main", now=datetime.now(UTC), halted_only=False)) == 1

    def test_that_of_an_open_order_never_grows_old(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        request_cancel(flying.pk, by="key:tara0001")
        Order.objects.update(cancel_requested_at=datetime.now(UTC) - timedelta(hours=60))

        assert len(cancel_wishes("main", now=datetime.now(UTC), halted_only=False)) == 1

    def test_waits_while_not_ready_unless_halted(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        request_cancel(flying.pk, by="key:tara0001")

        assert cancel_wishes("main", now=datetime.now(UTC), halted_only=True) == []
        TradingState.objects.filter(scope="*").update(state="HALTED")
        assert len(cancel_wishes("main", now=datetime.now(UTC), halted_only=True)) == 1


class TestKill:
    def test_halts_drops_and_asks_for_the_rest(
        self, flying: Order, sender: Sender, aapl: Instrument, tara: Tara
    ) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        unsent = submit_order(
            replace(BUY_10, quantity=Decimal(3)), client_order_id="swing-0002", by=tara
        ).order
        preview = preview_kill(now=datetime.now(UTC))

        outcome = kill_outcome(kill(by="rita", reason="fat finger"))

        assert [len(preview.open_orders), len(preview.unsent)] == [1, 1]
        assert TradingState.objects.get(scope="*").state == "HALTED"
        assert [order.pk for order in outcome.dropped] == [unsent.pk]
        assert [order.pk for order in outcome.could_not_cancel] == [flying.pk]
        assert not outcome.is_settled

        record_status(status(flying, "Cancelled"), sender=sender)
        settled = kill_outcome(outcome.report)

        assert [order.pk for order in settled.cancelled] == [flying.pk]
        assert settled.is_settled

    def test_leaves_orders_of_others_alone(self, accepted: Order) -> None:
        Order.objects.update(origin="EXTERNAL", status="WORKING")

        preview = preview_kill(now=datetime.now(UTC))
        outcome = kill_outcome(kill(by="rita", reason="fat finger"))

        assert ([len(preview.open_orders), len(preview.foreign)], outcome.report.order_ids) == ([0, 1], [])
        assert Order.objects.get().cancel_requested_at is None

    def test_twice_is_harmless(self, accepted: Order) -> None:
        first = kill(by="rita", reason="fat finger")
        second = kill(by="rita", reason="fat finger")

        assert first.halt_epoch == second.halt_epoch


class TestBracket:
    def test_all_legs_or_none(self, aapl: Instrument, tara: Tara) -> None:
        too_big = replace(BUY_10, quantity=Decimal(900))

        bracket = submit_bracket(
            too_big, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )

        assert {order.status for order in [bracket.parent, *bracket.children]} == {"DENIED"}

    def test_take_profit_comes_first_then_the_stop(self, aapl: Instrument, tara: Tara) -> None:
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )

        assert [child.leg_role for child in bracket.children] == ["take_profit", "stop_loss"]
        assert [child.side for child in bracket.children] == ["SELL", "SELL"]
        assert {child.parent_id for child in bracket.children} == {bracket.parent.pk}

    def test_a_repeated_key_answers_with_the_first(self, aapl: Instrument, tara: Tara) -> None:
        asked = {"take_profit": Decimal(240), "stop_loss": None, "client_order_id": "swing-0001", "by": tara}

        first = submit_bracket(BUY_10, **asked)
        again = submit_bracket(BUY_10, **asked)

        assert again.replayed
        assert again.parent.pk == first.parent.pk
        with pytest.raises(IdempotencyKeyConflict):
            submit_bracket(BUY_10, **{**asked, "take_profit": Decimal(241)})

    def test_a_repeated_key_answers_with_the_first_whatever_lives_how_long_now(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        asked = {"take_profit": Decimal(240), "stop_loss": None, "client_order_id": "swing-0001", "by": tara}
        first = submit_bracket(BUY_10, **asked)
        _switch_gtc_off(account)

        again = submit_bracket(BUY_10, **asked)

        assert (again.replayed, again.parent.pk) == (True, first.parent.pk)

    def test_refuses_a_leg_on_the_wrong_side(self, aapl: Instrument, tara: Tara) -> None:
        with pytest.raises(LegOnWrongSide):
            submit_bracket(
                BUY_10, take_profit=Decimal(220), stop_loss=None, client_order_id="swing-0001", by=tara
            )

        assert Order.objects.count() == 0

    def test_cancelling_the_unsent_parent_ends_its_legs(self, aapl: Instrument, tara: Tara) -> None:
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )

        request_cancel(bracket.parent.pk, by="key:tara0001")

        assert set(Order.objects.values_list("status", flat=True)) == {"CANCELLED_UNSENT"}


class TestClosePosition:
    def test_sells_all_of_a_long_position(self, account: Account, aapl: Instrument, tara: Tara) -> None:
        hold(account, aapl, 10)

        order = _close(tara).order

        assert (order.side, order.quantity, order.order_type) == ("SELL", Decimal(10), "MARKET")

    def test_passes_while_reducing(self, account: Account, aapl: Instrument, tara: Tara) -> None:
        hold(account, aapl, 10)
        TradingState.objects.filter(scope="*").update(state="REDUCING")

        assert _close(tara).order.status == "ACCEPTED"

    def test_refuses_more_than_is_held(self, account: Account, aapl: Instrument, tara: Tara) -> None:
        with pytest.raises(NoPosition):
            _close(tara)
        hold(account, aapl, 10)
        with pytest.raises(ExceedsPosition):
            _close(tara, quantity=Decimal(11))

        assert Order.objects.count() == 0

    def test_cancels_exits_that_are_in_the_way(self, account: Account, aapl: Instrument, tara: Tara) -> None:
        hold(account, aapl, 10)
        stop = _protect(tara).orders[0]

        closing = _close(tara).order

        stop.refresh_from_db()
        assert (stop.status, closing.status) == ("CANCELLED_UNSENT", "ACCEPTED")

    @pytest.mark.django_db(transaction=True)
    def test_cancels_them_as_a_request_does_with_no_transaction_around(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        stop = _protect(tara).orders[0]

        closing = _close(tara).order

        stop.refresh_from_db()
        assert (stop.status, closing.status) == ("CANCELLED_UNSENT", "ACCEPTED")

    def test_a_refused_close_leaves_the_stop_in_place(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        stop = _protect(tara).orders[0]
        TradingState.objects.filter(scope="*").update(state="HALTED")

        closing = _close(tara).order

        stop.refresh_from_db()
        assert (closing.status, stop.cancel_requested_at) == ("DENIED", None)

    def test_a_repeated_key_answers_with_the_first_whatever_is_held_now(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        position = hold(account, aapl, 10)
        first = _close(tara, key="close-0001")
        position.quantity = 0
        position.save(update_fields=["quantity"])

        again = _close(tara, key="close-0001")

        assert (again.replayed, again.order.pk) == (True, first.order.pk)

    def test_shares_that_were_sold_a_moment_ago_are_not_sold_again(
        self, account: Account, aapl: Instrument, tara: Tara, sender: Sender, picture: dict[int, Quote]
    ) -> None:
        hold(account, aapl, 10)
        stop = _protect(tara).orders[0]
        fly(stop, sender, picture)
        stop.refresh_from_db()
        record_execution(execution(stop), sender=sender)

        closing = _close(tara).order

        assert closing.status == "DENIED"
        assert "RISK_SHORT_NOT_ALLOWED" in closing.reason_codes

    def test_leaves_the_legs_of_an_entry_that_has_not_traded(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )

        _protect(tara)

        assert {child.standing for child in Order.objects.filter(parent=bracket.parent)} == {"ACCEPTED"}


class TestProtectPosition:
    def test_stop_first_and_both_cancel_each_other(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)

        protection = _protect(tara, take_profit=Decimal(240))

        assert [order.order_type for order in protection.orders] == ["STOP", "LIMIT"]
        assert {order.status for order in protection.orders} == {"ACCEPTED"}
        assert len({order.oca_group for order in protection.orders}) == 1

    def test_replaces_what_guarded_it_before(self, account: Account, aapl: Instrument, tara: Tara) -> None:
        hold(account, aapl, 10)
        first = _protect(tara)

        second = _protect(tara, stop_loss=Decimal(222))

        assert [order.pk for order in second.cancelled] == [first.orders[0].pk]
        assert second.orders[0].status == "ACCEPTED"

    @pytest.mark.parametrize("left", [0, 4])
    def test_a_repeated_key_answers_with_the_first_whatever_is_held_now(
        self, account: Account, aapl: Instrument, tara: Tara, left: int
    ) -> None:
        held = hold(account, aapl, 10)
        first = _protect(tara, key="guard-0001")
        type(held).objects.update(quantity=left)
        _switch_gtc_off(account)

        again = _protect(tara, key="guard-0001")

        assert (again.replayed, again.orders[0].pk) == (True, first.orders[0].pk)
        with pytest.raises(IdempotencyKeyConflict):
            _protect(tara, key="guard-0001", stop_loss=Decimal(222))

    def test_a_refusal_leaves_the_old_guard_in_place(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        guard = _protect(tara).orders[0]

        refused = _protect(tara, stop_loss=Decimal("222.005"))

        guard.refresh_from_db()
        assert (guard.status, refused.cancelled) == ("ACCEPTED", [])
        assert refused.orders[0].status == "DENIED"
        assert "RISK_TICK_SIZE" in refused.orders[0].reason_codes

    def test_the_same_guard_again_is_no_duplicate(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)

        first, again = _protect(tara), _protect(tara)

        assert [order.pk for order in again.cancelled] == [first.orders[0].pk]
        assert again.orders[0].status == "ACCEPTED"


def _close(tara: Tara, *, quantity: Decimal | None = None, key: str | None = None):  # type: ignore[no-untyped-def]
    return close_position(CODE, "AAPL", quantity=quantity, limit_price=None, client_order_id=key, by=tara)


def _switch_gtc_off(account: Account) -> None:
    values = to_values(replace(limits_in_force(account), times_in_force=("DAY",)))
    LimitSet.objects.create(account=account, version=2, values=values, author="user:rita", at=timezone.now())


def _protect(  # type: ignore[no-untyped-def]
    tara: Tara,
    *,
    stop_loss: Decimal = Decimal(221),
    take_profit: Decimal | None = None,
    key: str | None = None,
):
    return protect_position(
        CODE,
        "AAPL",
        quantity=None,
        stop_loss=stop_loss,
        take_profit=take_profit,
        replace_existing=True,
        client_order_id=key,
        by=tara,
    )


class TestKillCommand:
    def test_halts_and_says_what_it_did(self, accepted: Order, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("kill", reason="runaway algo")

        out = capsys.readouterr().out
        assert "HALTED, halt epoch 1" in out
        assert "1 not sent and dropped" in out
        assert TradingState.objects.get(scope="*").reason == "runaway algo"

    def test_refuses_without_a_reason(self, accepted: Order) -> None:
        with pytest.raises(CommandError):
            call_command("kill", reason="x")

        assert Order.objects.get().status == "ACCEPTED"
