"""W1 to W16 of the specification, each asked of the running product under its own name."""

import json
import re
import socket
from typing import Any

import pytest

from tests.contract.product import TOKEN, Product, eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")
INTEGERS = {
    "volume", "bid_size", "ask_size", "quantity", "filled_qty", "remaining_qty", "count", "order_id",
    "contract_id", "ib_order_id", "ib_perm_id", "ib_con_id", "parent_order_id", "age_ms",
}  # fmt: skip
READS = (
    "/health",
    "/quotes/AAPL",
    "/candles/AAPL?limit=3",
    "/orders",
    "/orders/999999",
    "/positions",
    "/account",
    "/api/v1/account",
    "/api/v1/positions",
)


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def written(text: str) -> Any:
    """Return the JSON with its numbers as they were written."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def walk(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return every leaf with the name it stands under."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in walk(inner, key)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in walk(inner, name)]
    return [(name, value)]


def leaves(product: Product) -> list[tuple[str, Any]]:
    """Return every leaf of every frozen read."""
    return [leaf for path in READS for leaf in walk(written(product.call("GET", path).text))]


def limit_order(product: Product, symbol: str = "AAPL", **more: Any) -> dict[str, Any]:
    """Return an order that rests in the book."""
    price = product.call("GET", f"/quotes/{symbol}").json()["price"]
    order = {
        "symbol": symbol,
        "action": "BUY",
        "quantity": 1,
        "order_type": "LMT",
        "limit_price": round(price * 0.97, 2),
    }
    return order | more


class TestFrozenSurfaces:
    """W1 to W10."""

    def test_w01_success_is_exactly_200(self, product: Product) -> None:
        placed = product.call("POST", "/orders", limit_order(product, quantity=11))
        waited = product.call("POST", "/orders", limit_order(product, quantity=12), Prefer="wait=5")
        cancelled = product.call("DELETE", f"/orders/{placed.json()['order_id']}")

        assert [placed.status_code, waited.status_code, cancelled.status_code] == [200, 200, 200]
        assert all(product.call("GET", path).status_code == 200 for path in READS)

    @pytest.mark.parametrize("path", ["/orders", "/positions", "/account", "/quotes/AAPL", "/health"])
    def test_w02_no_redirect_and_no_trailing_slash(self, product: Product, path: str) -> None:
        answers = [product.call(method, f"{path}/") for method in ("GET", "POST", "DELETE")]

        assert {answer.status_code for answer in answers} == {404}
        assert all("Location" not in answer.headers for answer in answers)

    def test_w03_counts_and_ids_are_integers(self, product: Product) -> None:
        product.filled_position("IBM", 1)

        numbers = [(name, value) for name, value in leaves(product) if name in INTEGERS and value is not None]

        assert {name for name, _ in numbers} >= {"volume", "bid_size", "order_id", "contract_id", "count"}
        assert [leaf for leaf in numbers if not re.fullmatch(r"-?\d+", leaf[1])] == []

    def test_w04_prices_are_finite_numbers(self, product: Product) -> None:
        prices = {"price", "bid", "ask", "open", "high", "low", "close", "vwap", "avg_cost", "buying_power"}

        values = [value for name, value in leaves(product) if name in prices]

        assert values
        assert all(isinstance(value, Number) and "N" not in value and "I" not in value for value in values)

    def test_w05_every_time_has_a_zone(self, product: Product) -> None:
        times = {"timestamp", "time", "session_start", "last_update", "as_of", "received_at", "created_at"}

        values = [value for name, value in leaves(product) if name in times]

        assert values
        assert [value for value in values if not INSTANT.fullmatch(value)] == []

    @pytest.mark.parametrize("timeframe", ["1D", "1d", "1W", "fortnight"])
    def test_w06_daily_candles_are_stamped_midnight_utc(self, product: Product, timeframe: str) -> None:
        candles = product.call("GET", f"/candles/AAPL?limit=5&timeframe={timeframe}").json()["candles"]

        assert candles
        assert all(row["timestamp"] == f"{row['session_date']}T00:00:00Z" for row in candles)
        assert all(row["time"] == row["timestamp"] for row in candles)

    def test_w07_a_quote_without_prices_is_not_a_200(self, product: Product) -> None:
        unknown = product.call("GET", "/quotes/NOPE1")
        known = product.call("GET", "/quotes/AAPL").json()

        assert unknown.status_code == 404
        assert known["price"] > 0

    def test_w08_health_is_200_without_the_broker(self, product: Product) -> None:
        with product.without_broker():
            health = product.call("GET", "/health")
            ready = product.call("GET", "/readyz")

        assert (health.status_code, health.json()["connected"]) == (200, False)
        assert ready.status_code == 503

    def test_w09_whole_and_exact_quantities_stand_side_by_side(self, product: Product) -> None:
        product.filled_position("IBM", 1)

        row = next(r for r in product.call("GET", "/positions").json()["positions"] if r["symbol"] == "IBM")

        assert isinstance(row["quantity"], int)
        assert row["quantity_exact"] == str(row["quantity"])

    @pytest.mark.parametrize("spelling", ["BRK.B", "BRK-B", "BRK%20B", "brk%20b", "brk.b"])
    def test_w10_spellings_of_a_symbol_are_one_instrument(self, product: Product, spelling: str) -> None:
        quote = product.call("GET", f"/quotes/{spelling}").json()

        assert quote["ib_con_id"] == product.call("GET", "/quotes/BRK.B").json()["ib_con_id"]
        assert quote["symbol"] == spelling.replace("%20", " ").upper()

    @pytest.mark.parametrize("body", [b"", b"{}", b"null"])
    def test_w10_empty_bodies_are_equal(self, product: Product, body: bytes) -> None:
        answer = product.call("POST", "/candles/AAPL", body)

        assert answer.status_code == 200
        assert answer.json()["count"] > 0


class TestEverySurface:
    """W11 to W16."""

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "/nowhere", None, 404),
            ("PUT", "/orders", b"{}", 405),
            ("POST", "/orders", b"x" * 200_000, 413),
            ("POST", "/orders", b"{", 400),
            ("GET", "/api/v1/orders/999999/status", None, 404),
            ("GET", "/quotes/%00", None, 400),
        ],
    )
    def test_w11_every_error_has_the_same_body(
        self, product: Product, method: str, path: str, body: bytes | None, status: int
    ) -> None:
        answer = product.call(method, path, body)
        problem = answer.json()

        assert answer.status_code == problem["status"] == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["error"] == problem["message"] == problem["detail"]
        assert isinstance(problem["detail"], str)
        assert problem["success"] is False
        assert problem["request_id"] == answer.headers["X-Request-ID"]

    @pytest.mark.parametrize(
        ("content_type", "body", "status"),
        [
            ("text/plain", b"{}", 415),
            ("application/json; charset=utf-16", b"{}", 415),
            ("application/json", b'{"symbol":"AAPL","symbol":"MSFT"}', 400),
            ("application/json", b'{"quantity":NaN}', 400),
            ("application/json", b"[" * 5000, 400),
            ("application/json", b'{"limitprice":1}', 400),
            ("application/json", b"[1]", 400),
            ("application/json", b"\xef\xbb\xbf{}", 400),
        ],
    )
    def test_w12_bodies_are_read_strictly(
        self, product: Product, content_type: str, body: bytes, status: int
    ) -> None:
        before = product.order_count()

        answer = product.call("POST", "/orders", body, Content_Type=content_type)

        assert answer.status_code == status
        assert product.order_count() == before

    def test_w13_the_callers_ids_come_back(self, product: Product) -> None:
        named = product.call("GET", "/orders", X_Request_ID="desk-0001")
        failed = product.call("GET", "/nowhere", X_Request_ID="desk-0002")
        unnamed = product.call("GET", "/orders")

        assert named.headers["X-Request-ID"] == "desk-0001"
        assert failed.headers["X-Request-ID"] == "desk-0002"
        assert unnamed.headers["X-Request-ID"]

    @pytest.mark.parametrize("path", ["/health", "/quotes/AAPL", "/orders", "/api/v1/account", "/nowhere"])
    def test_w14_every_answer_tells_the_mode(self, product: Product, path: str) -> None:
        answer = product.call("GET", path)

        assert answer.headers["X-JaxBroker-Mode"] == "paper"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_w15_no_list_is_empty_because_data_is_missing(self, product: Product) -> None:
        with product.without_broker():
            answers = {path: product.call("GET", path) for path in ("/positions", "/account", "/quotes/AAPL")}
            orders = product.call("GET", "/orders")

        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 503)
        assert all(answer.json()["phase"] for answer in answers.values())
        assert all("Retry-After" in answer.headers for answer in answers.values())
        assert orders.status_code == 200

    def test_w16_unknown_and_foreign_are_told_alike(self, product: Product) -> None:
        stranger = product.new_key("read:account", "orders:cancel", "orders:place", account="DU7654321")
        mine = product.call("POST", "/orders", limit_order(product, quantity=13)).json()["order_id"]

        foreign = product.call("DELETE", f"/orders/{mine}", token=stranger)
        unknown = product.call("DELETE", "/orders/999999", token=stranger)
        looked_up = product.call("GET", f"/orders/{mine}", token=stranger)

        shared = ("status", "code", "title", "hint")
        assert foreign.status_code == unknown.status_code == 404
        assert [foreign.json()[name] for name in shared] == [unknown.json()[name] for name in shared]
        assert looked_up.json()["status"] == "Unknown"


class TestWithoutTheBroker:
    """503 stores nothing; a cancel is a wish all the same."""

    def test_orders_are_refused_and_cancels_are_kept(self, product: Product) -> None:
        placed = product.call("POST", "/orders", limit_order(product, quantity=14), Prefer="wait=5").json()
        order = limit_order(product, quantity=15, client_order_id="down-0001")
        before = product.order_count()

        with product.without_broker():
            refused = product.call("POST", "/orders", order)
            executor = product.call("POST", "/api/v1/orders", order)
            wished = product.call("DELETE", f"/orders/{placed['order_id']}")
            count = product.order_count()

        assert refused.status_code == executor.status_code == 503
        assert refused.json()["code"] == "BROKER_NOT_READY"
        assert executor.json()["order_id"] == 0
        assert count == before
        assert wished.status_code == 200
        assert wished.json()["cancel_requested"] is True
        path = f"/orders/{placed['order_id']}"
        assert eventually(lambda: product.call("GET", path).json()["status"] == "Cancelled")


class TestReplays:
    """The same key is the same order."""

    def test_a_repeated_request_answers_with_the_first_order(self, product: Product) -> None:
        order = limit_order(product, quantity=16, client_order_id="replay-0001")

        first = product.call("POST", "/orders", order)
        again = product.call("POST", "/orders", order)
        other = product.call("POST", "/orders", order | {"quantity": 17})

        assert again.json()["order_id"] == first.json()["order_id"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_CONFLICT")

    def test_header_and_body_must_name_one_key(self, product: Product) -> None:
        order = limit_order(product, quantity=18, client_order_id="header-0001")

        answer = product.call("POST", "/orders", order, Idempotency_Key="header-0002")

        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_KEY")


class TestRawHttp:
    """What an ordinary client would not send."""

    def test_an_encoded_slash_and_dots_lead_nowhere(self, product: Product) -> None:
        status = raw(product, "GET /quotes/..%2f..%2fadmin HTTP/1.1")

        assert " 404 " in status or " 400 " in status

    def test_a_body_that_never_comes_is_no_order(self, product: Product) -> None:
        head = ("POST /orders HTTP/1.1", "Content-Type: application/json", "Content-Length: 99999")
        before = product.order_count()

        status = raw(product, *head, hang_up=True)

        assert " 200 " not in status
        assert product.order_count() == before


def raw(product: Product, *lines: str, hang_up: bool = False) -> str:
    """Send lines of our own and return the status line, or nothing if the server hangs up."""
    usual = (f"Host: 127.0.0.1:{product.port}", f"Authorization: Bearer {TOKEN}", "Connection: close")
    with socket.create_connection(("127.0.0.1", product.port), timeout=15) as peer:
        peer.sendall("\r\n".join([*lines, *usual, "", ""]).encode())
        if hang_up:
            peer.shutdown(socket.SHUT_WR)
        return peer.recv(4096).decode("latin-1").split("\r\n", 1)[0]
