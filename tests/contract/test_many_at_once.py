"""Many callers at the same moment: one order per key, one line per symbol, and nobody sees a 500."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.product import Product

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def at_once(
    product: Product, method: str, path: str, body: Any = None, *, times: int = 20
) -> list[httpx.Response]:
    """Send the same request from as many threads."""
    with ThreadPoolExecutor(max_workers=times) as pool:
        return [
            sent.result() for sent in [pool.submit(product.call, method, path, body) for _ in range(times)]
        ]


class TestManyAtOnce:
    """The same request, twenty times."""

    def test_one_key_is_one_order(self, product: Product) -> None:
        price = product.call("GET", "/quotes/AAPL").json()["price"]
        order = {
            "symbol": "AAPL",
            "action": "BUY",
            "quantity": 21,
            "order_type": "LMT",
            "limit_price": round(price * 0.97, 2),
            "client_order_id": "parallel-0001",
        }
        before = product.order_count()

        answers = at_once(product, "POST", "/orders", order)

        statuses = Counter(answer.status_code for answer in answers)
        ids = {answer.json()["order_id"] for answer in answers if answer.status_code == 200}
        assert set(statuses) <= {200, 409}
        assert len(ids) == 1
        assert product.order_count() == before + 1

    def test_cancelling_fifty_times_is_one_wish(self, product: Product) -> None:
        price = product.call("GET", "/quotes/MSFT").json()["price"]
        order = {
            "symbol": "MSFT",
            "action": "BUY",
            "quantity": 1,
            "order_type": "LMT",
            "limit_price": round(price * 0.97, 2),
        }
        placed = product.call("POST", "/orders", order, Prefer="wait=5").json()

        answers = at_once(product, "DELETE", f"/orders/{placed['order_id']}", times=50)

        assert {answer.status_code for answer in answers} == {200}

    @pytest.mark.parametrize("symbol", ["TSLA", "AMD"])
    def test_a_cold_symbol_is_there_for_all(self, product: Product, symbol: str) -> None:
        answers = at_once(product, "GET", f"/quotes/{symbol}")

        assert Counter(answer.status_code for answer in answers) == {200: 20}
        assert len({answer.json()["ib_con_id"] for answer in answers}) == 1

    def test_the_same_candles_are_asked_once(self, product: Product) -> None:
        answers = at_once(product, "GET", "/candles/MSFT?limit=30&timeframe=5")

        assert Counter(answer.status_code for answer in answers) == {200: 20}
        assert {answer.json()["count"] for answer in answers} == {30}
