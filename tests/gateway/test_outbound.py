"""The order lane: what is committed is written once, and nothing else is written at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection

from apps.broker.memory import MemorySession
from apps.broker.port import Backpressure, SessionIdentity
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.common.db import CommitUnanswered
from apps.domain.mode import Mode, prove_mode
from apps.domain.orders import OrderStatus
from apps.gateway.outbound import PAUSE_GUARD_S, OrderLane
from apps.gateway.reconciler import reconcile
from apps.gateway.session_state import Brake, SessionState
from apps.orders.models import Order, OrderChange
from apps.orders.services.changes import NewTerms, request_change
from apps.orders.services.exits import protect_position
from apps.orders.services.families import submit_bracket
from apps.orders.services.flight import put_in_flight
from apps.orders.services.wishes import request_cancel
from apps.safety.models import LimitSet
from apps.safety.services.states import halt_trading
from tests.gateway.house import config_for
from tests.orders.conftest import BUY_10, CODE, aapl, accepted, account, hold, picture, sender, tara

__all__ = ["aapl", "accepted", "account", "picture", "sender", "tara"]

pytestmark = pytest.mark.django_db(transaction=True)


class NosyBroker(MemorySession):
    """A twin that looks into the books at the very moment a frame arrives."""

    def __init__(self):
        super().__init__()
        self.found = []

    def write_order(self, frame):
        super().write_order(frame)
        with ThreadPoolExecutor(1) as elsewhere:  # a connection of its own sees only what is committed
            self.found.append(elsewhere.submit(_status, frame.order_ref).result())


def _status(order_ref):
    try:
        return Order.objects.values_list("status", flat=True).get(order_ref=order_ref)
    finally:
        connection.close()


async def status_of(order):
    return (await in_db(Order.objects.get, pk=order.pk)).status


@pytest.fixture
def lane_of(picture, tmp_path):
    """Sign a sender in and return its lane, READY."""

    async def signed_in(sender):
        session = NosyBroker()
        await session.connect()
        state = SessionState(
            number=sender.session,
            sender=sender,
            session=session,
            identity=SessionIdentity(176, (CODE,), sender.next_valid_id, datetime.now(UTC)),
            proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE]),
            opened_at=datetime.now(UTC),
            brake=Brake(tmp_path / "HALT"),
            picture=picture,
        )
        state.ready = True
        return OrderLane(state)

    return signed_in


class TestFrames:
    async def test_leave_after_the_commit_that_says_so(self, accepted, sender, lane_of):
        lane = await lane_of(sender)

        await lane.send_orders()

        assert lane.state.session.found == [OrderStatus.IN_FLIGHT]

    async def test_of_a_family_leave_after_one_commit_and_the_last_one_transmits(
        self, aapl, tara, sender, lane_of
    ):
        await in_db(
            submit_bracket,
            BUY_10,
            take_profit=Decimal(240),
            stop_loss=Decimal(221),
            client_order_id="swing-0001",
            by=tara,
        )
        lane = await lane_of(sender)

        await lane.send_orders()

        assert lane.state.session.found == [OrderStatus.IN_FLIGHT] * 3
        assert [frame.transmit for frame in lane.state.session.frames] == [False, False, True]

    async def test_leave_once_however_often_the_lane_looks(self, accepted, sender, lane_of):
        lane = await lane_of(sender)

        for _ in range(3):
            await lane.send_orders()

        assert len(lane.state.session.frames) == 1

    async def test_of_an_earlier_session_are_not_written_again(self, accepted, sender, lane_of, tmp_path):
        await (await lane_of(sender)).send_orders()
        later = await lane_of(replace(sender, session=2))

        await reconcile(later.state, config_for(4002, tmp_path))
        await later.send_orders()

        assert later.state.session.frames == []
        assert await status_of(accepted) == OrderStatus.UNKNOWN


class TestNothingIsWritten:
    async def test_after_a_pause_between_commit_and_write(self, accepted, sender, lane_of, monkeypatch):
        lane = await lane_of(sender)
        monkeypatch.setattr("apps.gateway.outbound.boottime", lambda: boottime() + PAUSE_GUARD_S + 0.1)

        await lane.send_orders()

        assert lane.state.session.frames == []
        order = await in_db(Order.objects.get, pk=accepted.pk)
        assert (order.status, order.reason_codes) == (OrderStatus.EXPIRED_UNSENT, ["GATEWAY_PAUSED"])

    async def test_when_the_line_broke_since_the_commit(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        plan = await lane._claim(accepted.pk)
        lane.state.hear_notice(1100)

        await lane._write(plan.flying, committed_at=plan.committed_at)

        assert lane.state.session.frames == []
        order = await in_db(Order.objects.get, pk=accepted.pk)
        assert (order.status, order.reason_codes) == (OrderStatus.EXPIRED_UNSENT, ["BROKER_NOT_READY"])

    async def test_of_an_order_that_ran_out_since_the_commit(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        plan = await lane._claim(accepted.pk)
        overdue = [replace(one, expires_in_s=-0.001) for one in plan.flying]

        await lane._write(overdue, committed_at=plan.committed_at)

        assert lane.state.session.frames == []
        order = await in_db(Order.objects.get, pk=accepted.pk)
        assert (order.status, order.reason_codes) == (OrderStatus.EXPIRED_UNSENT, ["ORDER_EXPIRED"])

    async def test_of_an_order_that_was_cancelled_before(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        await in_db(request_cancel, accepted.pk, by="key:tara0001")

        await lane.send_orders()
        await lane.send_cancels()

        assert (lane.state.session.frames, lane.state.session.cancels) == ([], [])
        assert await status_of(accepted) == OrderStatus.CANCELLED_UNSENT

    async def test_while_trading_is_halted(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        await in_db(halt_trading, scope="*", by="user:rita", reason="fat finger")

        await lane.send_orders()

        assert lane.state.session.frames == []
        assert await status_of(accepted) == OrderStatus.DENIED

    async def test_of_an_order_whose_time_is_over(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        await in_db(Order.objects.update, expires_at=datetime.now(UTC) - timedelta(seconds=1))

        await lane.send_orders()

        assert lane.state.session.frames == []


class TestClaimWithoutAnswer:
    """The line to the store breaks at the COMMIT of IN_FLIGHT, and stays broken for a while."""

    @pytest.fixture
    def broken(self, monkeypatch):
        """Break the claim's COMMIT, after or before it happened, and the store with it until `mend`."""

        def break_off(*, happens):
            def claim(*args, **kwargs):
                if happens:
                    put_in_flight(*args, **kwargs)
                raise CommitUnanswered("server closed the connection unexpectedly")

            def land(*args, **kwargs):
                raise OperationalError("connection refused")

            monkeypatch.setattr("apps.gateway.outbound.put_in_flight", claim)
            monkeypatch.setattr("apps.gateway.outbound.land_unsent", land)
            return monkeypatch.undo

        return break_off

    async def test_that_happened_is_taken_back_as_soon_as_the_store_is(
        self, accepted, sender, lane_of, broken
    ):
        lane = await lane_of(sender)
        mend = broken(happens=True)
        with pytest.raises(OperationalError):
            await lane.send_orders()
        mend()

        await lane.take_back_unwritten()
        await lane.send_orders()

        order = await in_db(Order.objects.get, pk=accepted.pk)
        assert (order.status, order.reason_codes) == (OrderStatus.EXPIRED_UNSENT, ["STORE_UNAVAILABLE"])
        assert lane.state.session.frames == []

    async def test_that_did_not_leaves_the_order_free(self, accepted, sender, lane_of, broken):
        lane = await lane_of(sender)
        mend = broken(happens=False)
        with pytest.raises(OperationalError):
            await lane.send_orders()
        mend()

        await lane.take_back_unwritten()
        await lane.send_orders()

        assert lane.unwritten == []
        assert len(lane.state.session.frames) == 1


class TestHalfAFamily:
    async def test_only_what_was_not_written_is_taken_back(self, aapl, tara, sender, lane_of):
        await in_db(
            submit_bracket,
            BUY_10,
            take_profit=Decimal(240),
            stop_loss=Decimal(221),
            client_order_id="swing-0001",
            by=tara,
        )
        lane = await lane_of(sender)
        write = lane.state.session.write_order

        def write_one(frame):
            if lane.state.session.frames:
                raise Backpressure("the line is full")
            write(frame)

        lane.state.session.write_order = write_one

        await lane.send_orders()

        rows = await in_db(lambda: list(Order.objects.order_by("pk").values_list("status", flat=True)))
        assert len(lane.state.session.frames) == 1
        assert rows == [OrderStatus.IN_FLIGHT, OrderStatus.EXPIRED_UNSENT, OrderStatus.EXPIRED_UNSENT]


class TestCutFamily:
    @pytest.fixture
    async def lane(self, sender, lane_of):
        """A lane whose wire takes one frame and no more."""
        lane = await lane_of(sender)
        session = lane.state.session
        write = session.write_order

        def write_one(frame):
            write(frame)
            session.script.is_clogged = True

        session.write_order = write_one
        return lane

    async def test_of_a_bracket_is_recalled(self, aapl, tara, lane):
        exits = {"take_profit": Decimal(240), "stop_loss": Decimal(221)}
        await in_db(submit_bracket, BUY_10, client_order_id="swing-0001", by=tara, **exits)

        await lane.send_orders()

        orders = await in_db(lambda: list(Order.objects.order_by("pk")))
        assert [order.status for order in orders] == ["IN_FLIGHT", "EXPIRED_UNSENT", "EXPIRED_UNSENT"]
        assert orders[0].cancel_requested_at is not None

    async def test_of_a_guard_stays_the_stop(self, account, aapl, tara, lane):
        await in_db(hold, account, aapl, 10)
        await in_db(
            protect_position,
            CODE,
            "AAPL",
            quantity=None,
            stop_loss=Decimal(221),
            take_profit=Decimal(240),
            replace_existing=False,
            client_order_id="guard-0001",
            by=tara,
        )

        await lane.send_orders()

        orders = await in_db(lambda: list(Order.objects.order_by("pk")))
        assert [(order.leg_role, order.status) for order in orders] == [
            ("stop_loss", "IN_FLIGHT"),
            ("take_profit", "EXPIRED_UNSENT"),
        ]
        assert orders[0].cancel_requested_at is None


class TestChanges:
    async def test_wait_while_the_limits_cannot_be_read(self, account, accepted, sender, lane_of):
        lane = await lane_of(sender)
        await lane.send_orders()
        await in_db(Order.objects.update, status=OrderStatus.WORKING)
        change = await in_db(request_change, accepted.pk, NewTerms(quantity=Decimal(9)), by="key:tara0001")
        unreadable = {"values": {}, "author": "user:rita", "at": datetime.now(UTC)}
        await in_db(LimitSet.objects.create, account=account, version=2, **unreadable)

        await lane.send_changes()

        assert len(lane.state.session.frames) == 1
        assert (await in_db(OrderChange.objects.get, pk=change.pk)).state == "REQUESTED"


class TestCancels:
    async def test_are_not_counted_while_the_wire_takes_none(self, accepted, sender, lane_of):
        lane = await lane_of(sender)
        await lane.send_orders()
        await in_db(request_cancel, accepted.pk, by="key:tara0001")
        lane.state.session.script.is_clogged = True

        for _ in range(3):
            await lane.send_cancels()
        lane.state.session.script.is_clogged = False
        await lane.send_cancels()

        order = await in_db(Order.objects.get, pk=accepted.pk)
        assert (lane.state.session.cancels, order.cancel_attempts) == ([order.ib_order_id], 1)
