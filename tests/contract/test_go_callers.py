"""Old Go programs against the running product: decoded by encoding/json, exactly 200, no redirect."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.product import ACCOUNT, TOKEN, Product, eventually

pytestmark = [pytest.mark.go, pytest.mark.processes, pytest.mark.slow]

Call = Callable[..., dict[str, Any]]
JSON = "application/json"
KEY = f"Bearer {TOKEN}"


@pytest.fixture
def call(go_call: Call, product: Product) -> Call:
    """Call a path of the product with the key."""

    def with_key(method: str, path: str, *, shape: str, body: str = "") -> dict[str, Any]:
        headers = {"Authorization": KEY} | ({"Content_Type": JSON} if body else {})
        return go_call(method, product.url + path, shape=shape, body=body, **headers)

    return with_key


class TestReads:
    """Every frozen read decodes."""

    @pytest.mark.parametrize(
        ("method", "path", "shape", "body"),
        [
            ("GET", "/health", "health", ""),
            ("POST", "/connect", "connect", ""),
            ("POST", "/connect", "connect", "null"),
            ("POST", "/connect", "connect", "{}"),
            ("GET", "/quotes/AAPL", "quote", ""),
            ("GET", "/quotes/BRK.B", "quote", ""),
            ("GET", "/quotes/brk%20b", "quote", ""),
            ("POST", "/candles/AAPL", "candles", ""),
            ("POST", "/candles/AAPL", "candles", "null"),
            ("POST", "/candles/AAPL", "candles", "{}"),
            ("POST", "/candles/AAPL", "candles", '{"duration":"5 D","bar_size":"1 day"}'),
            ("GET", "/candles/AAPL?limit=20&timeframe=1D", "candles", ""),
            ("GET", "/candles/AAPL?limit=5&timeframe=15", "candles", ""),
            ("GET", "/candles/AAPL", "candles", ""),
            ("GET", "/orders", "orders", ""),
            ("GET", "/orders/999999", "order_state", ""),
            ("GET", "/account", "account", ""),
            ("GET", "/api/v1/account", "executor_account", ""),
            ("GET", "/api/v1/positions", "executor_positions", ""),
        ],
    )
    def test_decodes(self, call: Call, method: str, path: str, shape: str, body: str) -> None:
        assert call(method, path, shape=shape, body=body)


class TestTrading:
    """The life of orders, seen by Go."""

    def test_places_looks_up_lists_and_cancels(self, call: Call) -> None:
        body = '{"symbol":"MSFT","action":"BUY","quantity":3,"order_type":"LMT","limit_price":1.5}'
        body = body.replace("1.5", _below_market(call, "MSFT"))

        placed = call("POST", "/orders", shape="placed", body=body)
        state = call("GET", f"/orders/{placed['order_id']}", shape="order_state")
        listed = call("GET", "/orders", shape="orders")
        cancelled = call("DELETE", f"/orders/{placed['order_id']}", shape="cancelled")

        assert state["filled_qty"] == 0
        assert placed["order_id"] in [order["order_id"] for order in listed["orders"]]
        assert cancelled["status"] in {"PendingCancel", "Cancelled", "ApiCancelled", "PendingSubmit"}

    def test_brackets_protects_and_closes(self, call: Call, product: Product) -> None:
        product.filled_position("NVDA", 4)
        price = call("GET", "/quotes/NVDA", shape="quote")["price"]
        low, high = round(price * 0.9, 2), round(price * 1.1, 2)

        protection = call(
            "POST",
            "/positions/NVDA/protect",
            shape="protection",
            body=f'{{"stop_loss":{low},"take_profit":{high}}}',
        )
        closed = call("POST", "/positions/NVDA/close", shape="placed", body="")
        entry = _below_market(call, "JPM")
        bracket = call(
            "POST",
            "/orders/bracket",
            shape="bracket",
            body=f'{{"symbol":"JPM","action":"BUY","quantity":2,"entry_order_type":"LMT",'
            f'"entry_limit_price":{entry},"stop_loss":{_round(float(entry) * 0.95)},'
            f'"take_profit":{_round(float(entry) * 1.2)}}}',
        )

        assert len(protection["order_ids"]) == 2
        assert closed["order_id"] > max(protection["order_ids"])
        assert len(bracket["child_order_ids"]) == 2

    def test_positions_decode_with_something_held(self, call: Call, product: Product) -> None:
        product.filled_position("KO", 2)

        positions = call("GET", "/positions", shape="positions")
        short = call("GET", "/api/v1/positions", shape="executor_positions")

        held = next(row for row in positions["positions"] if row["symbol"] == "KO")
        assert held["account"] == ACCOUNT
        assert {"symbol": "KO", "quantity": held["quantity"]} in short["positions"]


class TestExecutor:
    """Caller C: ignores the status of POST, polls until Filled or Cancelled."""

    def test_polls_its_order_to_the_end(self, call: Call) -> None:
        body = '{"symbol":"AAPL","action":"BUY","quantity":1,"order_type":"MKT"}'

        placed = call("POST", "/api/v1/orders", shape="placed", body=body)

        def is_over() -> bool:
            path = f"/api/v1/orders/{placed['order_id']}/status"
            status = call("GET", path, shape="executor_status")["status"]["status"]
            return status in {"Filled", "Cancelled"}

        assert eventually(is_over)


class TestKeyInTheUrl:
    """Go turns user and password of a URL into Basic: an unchanged backend gets in."""

    def test_an_unchanged_backend_trades_with_a_key_in_its_base_url(
        self, go_call: Call, product: Product
    ) -> None:
        _, _, key_id, secret = TOKEN.split("_")
        base = product.url.replace("http://", f"http://{key_id}:{secret}@")

        account = go_call("GET", f"{base}/account", shape="account")

        assert account["account_id"] == ACCOUNT


def _below_market(call: Call, symbol: str) -> str:
    """Return a limit that rests: two percent under the price, on the cent grid."""
    return _round(call("GET", f"/quotes/{symbol}", shape="quote")["price"] * 0.98)


def _round(price: float) -> str:
    return f"{price:.2f}"
