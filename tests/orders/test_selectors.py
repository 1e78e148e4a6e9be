"""What readers are shown of orders."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.orders import selectors
from apps.orders.models import Order
from apps.orders.selectors import recent_orders
from apps.orders.services.intake import submit_order
from tests.orders.conftest import BUY_10, Tara


class TestRecentOrders:
    def test_an_old_order_that_may_still_trade_is_never_left_out(
        self, accepted: Order, tara: Tara, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selectors, "RECENT_LIMIT", 2)
        now = datetime.now(UTC)
        Order.objects.update(status="WORKING", created_at=now - timedelta(days=9))
        for number in range(3):
            submit_order(BUY_10, client_order_id=f"closed-000{number}", by=tara)
        Order.objects.exclude(pk=accepted.pk).update(status="CANCELLED", closed_at=now)

        shown = recent_orders(None, now=now)

        assert [order.client_order_id for order in shown] == ["closed-0002", "swing-0001"]
