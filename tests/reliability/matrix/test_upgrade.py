"""Row 43: the web is new, the gateway still old, and orders are open."""

import pytest

from tests.reliability.history import Outcome, number_of
from tests.reliability.matrix.desk import RESTING
from tests.reliability.product import until

pytestmark = pytest.mark.xdist_group("desk")  # one product for all of them

VERSION = "{}.0.0"


@pytest.mark.row(43)
class TestUpgrade:
    def test_refuses_orders_until_both_are_equal_and_loses_none_that_is_open(self, desk, count):
        try:
            for number in range(2, 2 + count):
                self._upgrade(desk, VERSION.format(number))
        finally:
            self._run(desk, "")
        assert desk.violations() == []

    def _upgrade(self, desk, version):
        kept, cancelled = desk.place_resting(2)
        frames, epoch = desk.order_frames(), desk.epoch()
        self._new_web(desk, version)
        refused = desk.order(**RESTING)

        answers = [desk.client.place(**desk.order()), desk.client.place(**refused)]

        assert [(one.status, one.result["code"]) for one in answers] == [(503, "BROKER_NOT_READY")] * 2
        assert answers[0].result["reason"] == "VERSION_MISMATCH"
        assert desk.order_frames() == frames
        assert desk.client.cancel(cancelled).outcome is Outcome.OK
        desk.until_status(cancelled, "CANCELLED")
        assert desk.status(kept) == "WORKING"

        desk.gateway.kill()
        desk.product.start_gateway(version=version)
        desk.until_ready(after=epoch)
        desk.product.until_gateway_ready()

        assert desk.status(kept) == "WORKING"
        assert desk.row(kept)["broker_session"] < desk.rows.connection()["session"]
        again = desk.client.place_insisting(**refused)
        assert again.outcome is Outcome.OK
        desk.until_status(number_of(again), "WORKING")
        desk.finish([kept, number_of(again)])

    def _new_web(self, desk, version):
        """Put a web of another version in the place of the one that runs; it is not ready, but serves."""
        desk.product.web.kill()
        desk.product.start_web(version=version)
        until(lambda: desk.client.read(1).status > 0, within_s=60, what="the new web")

    def _run(self, desk, version):
        """Have web and gateway of one version, READY."""
        epoch = desk.epoch()
        desk.product.web.kill()
        if desk.gateway.is_alive:
            desk.gateway.kill()
        desk.product.start_gateway(version=version)
        desk.product.start_web(version=version)
        desk.be_ready(after=epoch)
