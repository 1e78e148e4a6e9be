"""Rows 19, 20 and 21: the gateway is killed, stopped and woken up, or there are two of them."""

import random
import signal
import threading
import time

import pytest

from tests.reliability.crash import POINTS, Run
from tests.reliability.history import Outcome, number_of
from tests.reliability.matrix.desk import RESTING
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.product import until

pytestmark = pytest.mark.xdist_group("desk")  # one product for all of them

#: How long a lease lasts without a renewal: as in production, or as short as its margin allows.
LEASE_S = None if IS_CHAOS else 4.0
FENCED_AFTER_S = 15.0 if LEASE_S is None else LEASE_S
LEASE_LOST = "lease lost, leaving at once"


@pytest.mark.row(19)
class TestKilled:
    def test_at_points_of_the_crash_matrix(self, desk, count):
        run = Run(desk.product, seed=count)
        points = [point for point in POINTS if point.victim in ("gateway", "random")]
        if not IS_CHAOS:  # where nothing is left that a minute of looks must decide
            points = [
                point for point in points if point.name in ("gw.ack.before_read", "gw.exec.before_commit")
            ]

        for point in random.Random(count).choices(points, k=count):
            run.kill_at(point)
        desk.be_ready()
        run.rest()

        assert run.judge() == []


def pause_s(number):
    """Return how long the gateway sleeps in a round: 5 s, now and then 30 s, seldom 120 s."""
    if not IS_CHAOS:
        return (2.5, FENCED_AFTER_S + 1)[number % 2]
    return 120 if number % 20 == 19 else 30 if number % 5 == 4 else 5


@pytest.mark.row(20)
class TestStopped:
    def test_writes_nothing_after_its_expiry_and_nothing_without_its_lease(self, desk, count):
        rng = random.Random(20)
        for number in range(count):
            gateway = self._gateway(desk)
            sleeps_s, placed = pause_s(number), []
            trading = threading.Thread(target=self._trade, args=(desk, rng, sleeps_s + 0.5, placed))
            trading.start()
            time.sleep(rng.uniform(0.1, 0.4))
            gateway.send(signal.SIGSTOP)
            time.sleep(sleeps_s)
            frames = desk.order_frames()
            woken = time.time()
            gateway.send(signal.SIGCONT)

            if sleeps_s > FENCED_AFTER_S:
                until(lambda gateway=gateway: not gateway.is_alive, within_s=20, what="end of the fenced one")
                assert desk.order_frames() == frames
            trading.join()
            desk.be_ready()
            desk.rest()
            desk.finish([one for one in placed if desk.status(one) in ("WORKING", "PARTIALLY_FILLED")])
            expired = [desk.row(one) for one in placed if desk.status(one) == "EXPIRED_UNSENT"]
            assert all(row["ib_order_id"] is None or row["seq"] > 2 for row in expired), woken
        assert desk.violations() == []

    def _gateway(self, desk):
        """Return a gateway whose lease is as short as the test wants it."""
        if LEASE_S is not None or not desk.gateway.is_alive:
            desk.gateway.kill()
            epoch = desk.epoch()
            desk.product.start_gateway(lease_s=LEASE_S)
            desk.be_ready(after=epoch)
        return desk.gateway

    def _trade(self, desk, rng, seconds, placed):
        """Submit orders that live a second or thirty; what is refused meanwhile is refused."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            terms = {"expires_in": rng.choice((1, 1, 30)), "quantity": rng.randrange(1, 9)}
            call = desk.place(**RESTING | terms) if rng.random() < 0.5 else desk.place(**terms)
            if call.outcome is Outcome.OK:
                placed.append(number_of(call))
            time.sleep(0.05)


@pytest.mark.row(21)
class TestTwoGateways:
    def test_of_one_host_the_second_waits_and_follows(self, desk, count):
        self._pairs(desk, count - count // 2, elsewhere=False)
        assert desk.violations() == []

    def test_of_two_hosts_the_second_waits_and_follows(self, desk, count):
        self._pairs(desk, max(1, count // 2), elsewhere=True)
        assert desk.violations() == []

    def _pairs(self, desk, count, *, elsewhere):
        for _ in range(count):
            epoch = desk.epoch()
            if desk.gateway.is_alive:
                desk.gateway.kill()
            pair = [desk.product.start_gateway(elsewhere=elsewhere, lease_s=LEASE_S) for _ in range(2)]
            desk.until_ready(after=epoch)
            assert [one.is_alive for one in pair] == [True, True]
            assert desk.epoch() == epoch + 1
            order = desk.place_resting(1)

            owner = self._owner(desk, pair)
            owner.kill()
            desk.product.gateway = next(one for one in pair if one is not owner)

            desk.until_ready(after=epoch + 1)
            desk.product.until_gateway_ready()
            desk.finish(order)

    def _owner(self, desk, pair):
        owner = desk.rows.one("SELECT owner FROM accounts_lease")["owner"]
        return next(one for one in pair if f":{one.pid}:" in f":{owner}:")

    def test_an_old_one_that_wakes_leaves_without_a_word(self, desk):
        desk.gateway.kill()
        epoch = desk.epoch()
        old = desk.product.start_gateway(lease_s=LEASE_S)
        desk.be_ready(after=epoch)
        order = desk.place_resting(1)
        epoch = desk.epoch()
        desk.stop(old)
        desk.product.start_gateway(elsewhere=True, lease_s=LEASE_S)
        until(lambda: desk.epoch() > epoch, within_s=FENCED_AFTER_S * 3, what="take-over")
        written = self._written(desk)

        old.send(signal.SIGCONT)

        until(lambda: not old.is_alive, within_s=20, what="end of the old gateway")
        assert self._written(desk) == written
        assert LEASE_LOST in (desk.product.folder / "gateway.log").read_text()
        desk.until_ready(after=epoch)
        desk.product.until_gateway_ready()
        desk.finish(order)
        assert desk.violations() == []

    def _written(self, desk):
        """Return how many frames of orders and cancels there are on the wire."""
        return len([one for one in desk.product.wire.tap.frames if one.way == "out" and one.number in "34"])
