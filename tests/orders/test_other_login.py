"""A login that does not manage an order's account: neither gate lets an order of it through."""

from apps.accounts.models import Connection
from apps.domain.orders import Sender
from apps.domain.quotes import Quote
from apps.instruments.models import Instrument
from apps.orders.models import Order
from apps.orders.services.intake import submit_order
from tests.orders.conftest import BUY_10, Tara, fly

OTHERS = ["DU7654321"]


class TestGateOne:
    def test_denies(self, aapl: Instrument, tara: Tara) -> None:
        Connection.objects.update(managed_accounts=OTHERS)

        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert (order.status, order.reason_codes) == ("DENIED", ["MODE_MISMATCH"])


class TestGateTwo:
    def test_denies_what_an_earlier_login_accepted(
        self, accepted: Order, sender: Sender, picture: dict[int, Quote]
    ) -> None:
        Connection.objects.update(managed_accounts=OTHERS)

        plan = fly(accepted, sender, picture)

        assert (plan.flying, plan.denied) == ([], True)
        assert Order.objects.get().reason_codes == ["MODE_MISMATCH"]
