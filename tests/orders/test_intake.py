"""Taking orders in: identity, gate 1, durability."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Account, Connection
from apps.audit.models import AuditEvent
from apps.domain.identity import order_ref
from apps.domain.mode import ProofState
from apps.domain.orders import OrderType, Sender
from apps.domain.quotes import Quote
from apps.domain.restart import RestartSchedule
from apps.instruments.models import Instrument
from apps.orders.models import Order, OrderEvent
from apps.orders.services.intake import (
    BrokerNotReady,
    IdempotencyKeyConflict,
    InvalidKey,
    RestartWindow,
    Wishes,
    submit_order,
)
from apps.orders.services.prices import ImmediateTrigger
from apps.safety.models import TradingState
from tests.orders.conftest import BUY_10, CODE, Tara, fly, hold, sell


class TestSubmitOrder:
    def test_stores_the_order_with_event_and_audit_line(self, aapl: Instrument, tara: Tara) -> None:
        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert order.status == "ACCEPTED"
        assert order.order_ref == order_ref(CODE, "swing-0001")
        assert [event.cause for event in OrderEvent.objects.filter(order=order)] == ["accepted"]
        assert AuditEvent.objects.filter(object=f"order:{order.uuid}").count() == 1

    def test_generates_a_key_in_paper_and_says_so(self, aapl: Instrument, tara: Tara) -> None:
        submission = submit_order(BUY_10, client_order_id=None, by=tara)

        assert submission.order.client_order_id.startswith("auto-")
        assert "was generated" in submission.warnings[0]

    def test_answers_a_repeated_key_with_the_first_order(self, accepted: Order, tara: Tara) -> None:
        again = submit_order(replace(BUY_10, quantity=Decimal("10.0")), client_order_id="swing-0001", by=tara)

        assert again.replayed
        assert again.order.pk == accepted.pk
        assert Order.objects.count() == 1

    def test_refuses_a_key_used_for_another_order(self, accepted: Order, tara: Tara) -> None:
        with pytest.raises(IdempotencyKeyConflict):
            submit_order(replace(BUY_10, quantity=Decimal(11)), client_order_id="swing-0001", by=tara)

        assert Order.objects.count() == 1

    @pytest.mark.parametrize(
        "key", ["short", "x" * 65, "with space", "../../etc", "=cmd()aaa", "a\x00aaaaaaa"]
    )
    def test_refuses_what_is_no_key(self, key: str, aapl: Instrument, tara: Tara) -> None:
        with pytest.raises(InvalidKey):
            submit_order(BUY_10, client_order_id=key, by=tara)

    def test_stores_nothing_while_the_broker_is_away(self, aapl: Instrument, tara: Tara) -> None:
        Connection.objects.update(phase="DISCONNECTED")

        with pytest.raises(BrokerNotReady):
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert Order.objects.count() == 0

    def test_stores_nothing_while_the_gateway_runs_other_code(self, aapl: Instrument, tara: Tara) -> None:
        Connection.objects.update(code_version="0.0.9+00000000")

        with pytest.raises(BrokerNotReady) as refusal:
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert refusal.value.members["reason"] == "VERSION_MISMATCH"
        assert Order.objects.count() == 0

    def test_stores_nothing_while_ib_gateway_is_about_to_restart(
        self, aapl: Instrument, tara: Tara, settings: Any
    ) -> None:
        at = (timezone.now() + timedelta(minutes=3)).time()
        settings.JAXBROKER_RESTART = RestartSchedule(at, ZoneInfo("UTC"))

        with pytest.raises(RestartWindow):
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert Order.objects.count() == 0

    def test_refuses_a_stop_that_would_trigger_at_once(self, aapl: Instrument, tara: Tara) -> None:
        stop = replace(BUY_10, order_type=OrderType.STOP, limit_price=None, stop_price=Decimal("220"))

        with pytest.raises(ImmediateTrigger):
            submit_order(stop, client_order_id="swing-0001", by=tara)

        allowed = submit_order(
            stop, client_order_id="swing-0001", by=tara, wishes=Wishes(allow_immediate_trigger=True)
        )
        assert allowed.order.status == "ACCEPTED"

    def test_rounds_to_the_passive_side_when_allowed(self, aapl: Instrument, tara: Tara) -> None:
        odd = replace(BUY_10, limit_price=Decimal("227.405"))

        submission = submit_order(
            odd, client_order_id="swing-0001", by=tara, wishes=Wishes(round_prices=True)
        )
        again = submit_order(odd, client_order_id="swing-0001", by=tara, wishes=Wishes(round_prices=True))

        assert submission.order.limit_price == Decimal("227.40")
        assert again.replayed

    def test_refuses_a_key_whose_order_the_broker_has_and_we_forgot(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order
        Order.objects.filter(pk=order.pk).update(origin="ORPHAN", client_order_id="orphan-1-1-1")

        with pytest.raises(IdempotencyKeyConflict):
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert Order.objects.count() == 1


class TestGateOne:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"quantity": Decimal(1001)}, "RISK_MAX_QTY"),
            ({"quantity": Decimal(900)}, "RISK_MAX_NOTIONAL"),
            ({"limit_price": Decimal("260")}, "RISK_PRICE_COLLAR"),
            ({"limit_price": Decimal("227.405")}, "RISK_TICK_SIZE"),
        ],
    )
    def test_denies_with_the_code_of_the_control(
        self, changes: dict[str, Decimal], code: str, aapl: Instrument, tara: Tara
    ) -> None:
        order = submit_order(replace(BUY_10, **changes), client_order_id="swing-0001", by=tara).order

        assert order.status == "DENIED"
        assert code in order.reason_codes

    def test_denies_everything_while_halted(self, aapl: Instrument, tara: Tara) -> None:
        TradingState.objects.filter(scope="*").update(state="HALTED")

        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert order.reason_codes == ["TRADING_HALTED"]

    def test_denies_everything_if_the_state_of_everything_is_missing(
        self, aapl: Instrument, tara: Tara
    ) -> None:
        TradingState.objects.all().delete()

        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert order.reason_codes == ["TRADING_HALTED"]

    def test_denies_while_the_mode_is_not_proven(self, aapl: Instrument, tara: Tara) -> None:
        Connection.objects.update(mode_proof=ProofState.CONTRADICTED)

        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert "MODE_MISMATCH" in order.reason_codes

    def test_denies_the_same_order_twice_without_a_key(self, aapl: Instrument, tara: Tara) -> None:
        submit_order(BUY_10, client_order_id=None, by=tara)

        twin = submit_order(BUY_10, client_order_id=None, by=tara).order

        assert twin.reason_codes == ["RISK_DUPLICATE_ORDER"]

    def test_denies_selling_what_is_not_held(self, aapl: Instrument, tara: Tara) -> None:
        order = submit_order(sell(), client_order_id="swing-0001", by=tara).order

        assert order.reason_codes == ["RISK_SHORT_NOT_ALLOWED"]

    def test_counts_open_sells_against_the_position(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        first = submit_order(sell(quantity=6), client_order_id="swing-0001", by=tara).order

        second = submit_order(sell(quantity=5), client_order_id="swing-0002", by=tara).order

        assert first.status == "ACCEPTED"
        assert second.reason_codes == ["RISK_SHORT_NOT_ALLOWED"]

    @pytest.mark.parametrize("status", ["IN_FLIGHT", "UNKNOWN", "PENDING_CANCEL"])
    def test_counts_what_may_still_trade_against_the_position(
        self, status: str, aapl: Instrument, tara: Tara, sender: Sender, picture: dict[int, Quote]
    ) -> None:
        hold(Account.objects.get(), aapl, 10)
        fly(submit_order(sell(quantity=6), client_order_id="swing-0001", by=tara).order, sender, picture)
        Order.objects.update(status=status)

        second = submit_order(sell(quantity=5), client_order_id="swing-0002", by=tara).order

        assert second.reason_codes == ["RISK_SHORT_NOT_ALLOWED"]

    def test_lets_only_shrinking_orders_pass_while_reducing(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        TradingState.objects.filter(scope="*").update(state="REDUCING")

        buy = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order
        exit_ = submit_order(sell(), client_order_id="swing-0002", by=tara).order

        assert buy.reason_codes == ["TRADING_REDUCING"]
        assert exit_.status == "ACCEPTED"


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_one_key_sent_by_many_at_once_makes_one_order(self, aapl: Instrument, tara: Tara) -> None:
        results: list[object] = []
        start = Barrier(12)

        def post() -> None:
            start.wait()
            try:
                results.append(submit_order(BUY_10, client_order_id="swing-0001", by=tara).order.pk)
            except Exception as error:  # noqa: BLE001 - the test looks at whatever came out
                results.append(error)
            finally:
                connection.close()

        threads = [Thread(target=post) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert Order.objects.count() == 1
        assert set(results) == {Order.objects.get().pk}

    def test_orders_that_fit_singly_but_not_together_pass_once(
        self, account: Account, aapl: Instrument, tara: Tara
    ) -> None:
        hold(account, aapl, 10)
        start = Barrier(8)

        def post(number: int) -> None:
            start.wait()
            try:
                submit_order(sell(quantity=6), client_order_id=f"swing-{number:04}", by=Tara(f"key:{number}"))
            finally:
                connection.close()

        threads = [Thread(target=post, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert Order.objects.filter(status="ACCEPTED").count() == 1
        assert Order.objects.filter(status="DENIED").count() == 7
