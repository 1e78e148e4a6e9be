"""Every frozen route × every kind of bad input: the error body of section 8, and nothing half-done."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Account, Connection
from apps.audit.models import AuditEvent
from apps.instruments.models import Instrument
from apps.instruments.services import request_lookup, store_lookup
from apps.orders.models import Order
from tests.bridge.conftest import OTHER, assert_problem, client_with, order

PROTECT = {"stop_loss": 221}
BRACKET = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "stop_loss": 221}

#: method, path, a body that is fine, the scope it needs
ROUTES: list[tuple[str, str, Any, str]] = [
    ("POST", "/connect", {}, "connection:control"),
    ("POST", "/disconnect", {}, "connection:control"),
    ("GET", "/quotes/AAPL", None, "read:quotes"),
    ("GET", "/candles/AAPL", None, "read:quotes"),
    ("POST", "/candles/AAPL", {}, "read:quotes"),
    ("GET", "/orders", None, "read:account"),
    ("POST", "/orders", order(), "orders:place"),
    ("GET", "/orders/1", None, "read:account"),
    ("DELETE", "/orders/1", None, "orders:cancel"),
    ("POST", "/orders/bracket", BRACKET, "orders:place"),
    ("GET", "/positions", None, "read:account"),
    ("POST", "/positions/AAPL/close", {}, "orders:place"),
    ("POST", "/positions/AAPL/protect", PROTECT, "orders:place"),
    ("GET", "/account", None, "read:account"),
    ("GET", "/api/v1/account", None, "read:account"),
    ("POST", "/api/v1/orders", order(), "orders:place"),
    ("GET", "/api/v1/orders/1/status", None, "read:account"),
    ("GET", "/api/v1/positions", None, "read:account"),
]
POSTS = [(path, body) for method, path, body, _ in ROUTES if method == "POST"]
ALL_SCOPES = sorted({scope for *_, scope in ROUTES})
BY_SYMBOL = [route for route in ROUTES if "AAPL/" in route[1] or route[1].endswith("/AAPL")]


@pytest.fixture
def caller(aapl: Instrument) -> APIClient:
    """A caller with every scope of the frozen surfaces."""
    return client_with(*ALL_SCOPES)


@pytest.fixture(autouse=True)
def _nothing_is_half_done(request: pytest.FixtureRequest, db: None) -> Any:
    """Whatever is refused leaves no order and no wish behind."""
    yield
    if "aapl" in request.fixturenames:
        assert Order.objects.count() == 0
        assert Connection.objects.get().wanted is True
        assert not AuditEvent.objects.filter(kind__startswith="order").exists()


def send(client: APIClient, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """Send a body as JSON, or bytes as they are."""
    if body is None:
        return client.generic(method, path, **more)
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.generic(method, path, content, **({"content_type": "application/json"} | more))


class TestEveryRoute:
    """What is refused before anybody looks at the request's meaning."""

    @pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
    def test_without_a_key(self, aapl: Instrument, method, path, body, scope) -> None:
        response = send(APIClient(), method, path, body)

        assert_problem(response, 401, "UNAUTHENTICATED")
        assert response["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
    def test_without_the_scope(self, aapl: Instrument, method, path, body, scope) -> None:
        others = [word for word in ALL_SCOPES if word != scope]

        assert_problem(send(client_with(*others), method, path, body), 403, "MISSING_SCOPE")

    @pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
    def test_with_a_method_nobody_serves(self, caller: APIClient, method, path, body, scope) -> None:
        assert_problem(send(caller, "PUT", path, b"{}"), 405, "METHOD_NOT_ALLOWED")

    @pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
    def test_with_a_key_in_the_url(self, caller: APIClient, method, path, body, scope) -> None:
        leaked = f"jb_paper_k7m2qd4x_{'a1B2' * 10}"

        assert_problem(send(caller, method, f"{path}?key={leaked}", body), 401, "KEY_IN_URL")


class TestEveryBody:
    """What no route that takes a body accepts."""

    @pytest.mark.parametrize(("path", "body"), POSTS)
    def test_of_another_type(self, caller: APIClient, path: str, body: Any) -> None:
        response = send(caller, "POST", path, json.dumps(body), content_type="text/plain")

        assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")

    @pytest.mark.parametrize(("path", "body"), POSTS)
    def test_of_200_kilobytes(self, caller: APIClient, path: str, body: Any) -> None:
        assert_problem(send(caller, "POST", path, b" " * 200_000 + b"{}"), 413, "BODY_TOO_LARGE")

    @pytest.mark.parametrize(("path", "body"), POSTS)
    @pytest.mark.parametrize(
        "text",
        [
            b"{",
            b"[]",
            b'"AAPL"',
            b"1",
            b"{'symbol':'AAPL'}",
            b'{"a":1,"a":1}',
            b'{"a":NaN}',
            b'{"a":1e999}',
            b'{"a":"\\u0000"}',
            b'{"a":"\\ud800"}',
            b"\xff\xfe{\x00}\x00",
            b"[" * 16_000,
            b'{"a":' + b"9" * 5000 + b"}",
        ],
        ids=lambda text: text[:12].decode("latin-1"),
    )
    def test_that_is_not_a_json_object(self, caller: APIClient, path: str, body: Any, text: bytes) -> None:
        assert_problem(send(caller, "POST", path, text), 400, "VALIDATION_JSON")

    @pytest.mark.parametrize(("path", "body"), POSTS)
    def test_with_an_unknown_field(self, caller: APIClient, path: str, body: dict[str, Any]) -> None:
        problem = assert_problem(
            send(caller, "POST", path, body | {"limitprice": 1}), 400, "VALIDATION_UNKNOWN_FIELD"
        )

        assert problem["errors"][0]["field"] == "limitprice"


class TestSymbolsInPaths:
    """A symbol is a symbol, or a 400; one nobody knows is a 404."""

    @pytest.mark.parametrize(("method", "path", "body", "scope"), BY_SYMBOL)
    def test_malformed(self, caller: APIClient, method, path, body, scope) -> None:
        for symbol in ("%00", "AAPL%00STK", "A" * 65, "%EF%BC%A1", "A%0A", "%20A", "A;B"):
            response = send(caller, method, path.replace("AAPL", symbol), body)

            assert_problem(response, 400, "VALIDATION_SYMBOL")

    @pytest.mark.parametrize("path", ["/quotes/NOPE", "/candles/NOPE"])
    def test_unknown(self, caller: APIClient, path: str) -> None:
        nobody_knows("NOPE")

        assert_problem(send(caller, "GET", path), 404, "UNKNOWN_SYMBOL")

    @pytest.mark.parametrize(
        ("path", "body"), [("/positions/AAPL/close", {}), ("/positions/AAPL/protect", PROTECT)]
    )
    def test_nothing_held(self, caller: APIClient, path: str, body: Any) -> None:
        assert_problem(send(caller, "POST", path, body), 404, "NO_POSITION")


HUGE = 10**30
BAD_ORDERS: list[tuple[dict[str, Any], str]] = [
    *[({"symbol": bad}, "VALIDATION_SYMBOL") for bad in (
        "", " AAPL", "AAPL\n", "\uff21\uff21\uff30\uff2c", "\u0410APL", "A\u200bPL", "A" * 65, 1, None, ["A"]
    )],
    *[({"action": bad}, "VALIDATION_CHOICE") for bad in ("buy ", "B", "SSHORT", "", 1, None)],
    *[({"quantity": bad}, "VALIDATION_QUANTITY") for bad in (
        0, -1, 0.5, 1.5, 1.0, "10", "1e3", "\u0661\u0662", " 1 ", True, None, [1]
    )],
    *[({"quantity": bad}, "VALIDATION_RANGE") for bad in (2**31 - 1, 2**31, HUGE)],
    ({"limit_price": ...}, "VALIDATION_PRICE"),
    ({"limit_price": None}, "VALIDATION_PRICE"),
    *[({"limit_price": bad}, "VALIDATION_PRICE") for bad in ("10,5", "1_0", "\uff11\uff12", True, "", "1e2")],
    *[({"limit_price": bad}, "VALIDATION_RANGE") for bad in (0, -1, 1.123456789, 2_000_000, HUGE)],
    ({"order_type": "MKT"}, "VALIDATION_PRICE"),
    ({"order_type": "STP", "limit_price": ...}, "VALIDATION_PRICE"),
    ({"stop_price": 220}, "VALIDATION_PRICE"),
    *[({"order_type": bad}, "VALIDATION_CHOICE") for bad in ("STP LMT", "TRAIL", "", 1)],
    *[({"tif": bad}, "VALIDATION_CHOICE") for bad in ("gtc", "", 1, "FOK")],
    *[({"outside_rth": bad}, "VALIDATION_CHOICE") for bad in ("yes", "on", 1, "false")],
    *[({"client_order_id": bad}, "VALIDATION_KEY") for bad in (
        "seven77", "a" * 65, "with space", "emoji-🙂-key", "../../etc", "=cmd()xx", 12345678
    )],
    *[({"account": bad}, "VALIDATION_CHOICE") for bad in ("", ["DU1234567"], 5)],
    *[({"expires_in": bad}, "VALIDATION_RANGE") for bad in (0, -1, 61, "5", 10**9)],
]  # fmt: skip


class TestOrderFields:
    """spec/faults.md 5.2, on both dialects."""

    @pytest.mark.parametrize("path", ["/orders", "/api/v1/orders"])
    @pytest.mark.parametrize(("changes", "code"), BAD_ORDERS, ids=lambda case: str(case)[:40])
    def test_refused(self, caller: APIClient, path: str, changes: dict[str, Any], code: str) -> None:
        problem = assert_problem(send(caller, "POST", path, order(**changes)), 400, code)

        assert problem["errors"]
        assert path == "/orders" or problem["order_id"] == 0

    @pytest.mark.parametrize("text", ["1.7976931348623157e308", "2274e-1", "1E2"])
    def test_prices_with_an_exponent(self, caller: APIClient, text: str) -> None:
        body = json.dumps(order()).replace("227.4", text)

        response = send(caller, "POST", "/orders", body)

        assert response.status_code == 400
        assert response.json()["code"] in {"VALIDATION_PRICE", "VALIDATION_RANGE"}

    def test_a_quantity_with_an_exponent(self, caller: APIClient) -> None:
        body = json.dumps(order()).replace("10", "1e1")

        assert_problem(send(caller, "POST", "/orders", body), 400, "VALIDATION_QUANTITY")

    def test_an_unknown_symbol(self, caller: APIClient) -> None:
        nobody_knows("NOPE")

        assert_problem(send(caller, "POST", "/orders", order(symbol="NOPE")), 404, "UNKNOWN_SYMBOL")

    @pytest.mark.parametrize("foreign", [OTHER, "DU0000000", "U1234567"])
    def test_an_account_of_somebody_else(self, caller: APIClient, foreign: str) -> None:
        assert_problem(send(caller, "POST", "/orders", order(account=foreign)), 403, "ACCOUNT_NOT_ALLOWED")

    def test_a_live_account_in_paper(self, aapl: Instrument) -> None:
        everywhere = client_with("orders:place", accounts=(), all_accounts=True)

        assert_problem(send(everywhere, "POST", "/orders", order(account="U1234567")), 423, "MODE_MISMATCH")
        assert_problem(send(everywhere, "POST", "/orders", order(account="DU9")), 403, "ACCOUNT_NOT_ALLOWED")

    def test_several_accounts_and_none_named(self, aapl: Instrument) -> None:
        caller = client_with("orders:place", accounts=("DU1234567", OTHER))

        assert_problem(send(caller, "POST", "/orders", order()), 422, "ACCOUNT_REQUIRED")

    def test_allow_duplicate_without_its_scope(self, caller: APIClient) -> None:
        body = order(allow_duplicate=True)

        assert_problem(send(caller, "POST", "/orders", body), 403, "MISSING_SCOPE")

    def test_a_stop_that_would_trigger_at_once(self, caller: APIClient) -> None:
        body = order(order_type="STP", limit_price=..., stop_price=200)

        assert_problem(send(caller, "POST", "/orders", body), 400, "VALIDATION_PRICE")


class TestFamilies:
    """Brackets, closing, protecting."""

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"stop_loss": None}, "VALIDATION_PRICE"),
            ({"entry_limit_price": 227}, "VALIDATION_PRICE"),
            ({"entry_order_type": "LMT"}, "VALIDATION_PRICE"),
            ({"entry_order_type": "STP"}, "VALIDATION_CHOICE"),
            ({"stop_loss": 240, "take_profit": 221}, "VALIDATION_PRICE"),
            ({"entry_order_type": "LMT", "entry_limit_price": 227, "stop_loss": 228}, "VALIDATION_PRICE"),
            ({"action": "SELL", "stop_loss": 221, "take_profit": 240}, "VALIDATION_PRICE"),
            ({"quantity": "10"}, "VALIDATION_QUANTITY"),
            ({"stop_loss": 0}, "VALIDATION_RANGE"),
        ],
    )
    def test_brackets(self, caller: APIClient, changes: dict[str, Any], code: str) -> None:
        assert_problem(send(caller, "POST", "/orders/bracket", BRACKET | changes), 400, code)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"quantity": 0}, "VALIDATION_QUANTITY"),
            ({"quantity": 1.5}, "VALIDATION_QUANTITY"),
            ({"order_type": "LMT"}, "VALIDATION_PRICE"),
            ({"limit_price": 1}, "VALIDATION_PRICE"),
            ({"order_type": "STP"}, "VALIDATION_CHOICE"),
        ],
    )
    def test_closing(self, caller: APIClient, changes: dict[str, Any], code: str) -> None:
        assert_problem(send(caller, "POST", "/positions/AAPL/close", changes), 400, code)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "VALIDATION_PRICE"),
            ({"stop_loss": None}, "VALIDATION_PRICE"),
            ({"stop_loss": -1}, "VALIDATION_RANGE"),
            ({"stop_loss": 221, "replace_existing": "yes"}, "VALIDATION_CHOICE"),
        ],
    )
    def test_protecting(self, caller: APIClient, body: dict[str, Any], code: str) -> None:
        assert_problem(send(caller, "POST", "/positions/AAPL/protect", body), 400, code)


class TestPrices:
    """Candles and their words."""

    @pytest.mark.parametrize(
        "limit", ["0", "-1", "1001", "1000000000", "1.5", "", "ten", "\u0661\u0662", "1e2"]
    )
    def test_limits(self, caller: APIClient, limit: str) -> None:
        assert_problem(send(caller, "GET", f"/candles/AAPL?limit={limit}"), 400, "VALIDATION_RANGE")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"duration": "9999 Y"}, "VALIDATION_RANGE"),
            ({"duration": "0 D"}, "VALIDATION_RANGE"),
            ({"duration": "20 Y"}, "VALIDATION_RANGE"),
            ({"duration": "1 S", "bar_size": "1 day"}, "VALIDATION_RANGE"),
            ({"duration": "1D"}, "VALIDATION_CHOICE"),
            ({"duration": "-1 D"}, "VALIDATION_CHOICE"),
            ({"duration": "1 d"}, "VALIDATION_CHOICE"),
            ({"duration": 1}, "VALIDATION_CHOICE"),
            ({"bar_size": "7 mins"}, "VALIDATION_CHOICE"),
            ({"bar_size": ""}, "VALIDATION_CHOICE"),
            ({"what_to_show": "EVERYTHING"}, "VALIDATION_CHOICE"),
        ],
    )
    def test_words(self, caller: APIClient, changes: dict[str, Any], code: str) -> None:
        assert_problem(send(caller, "POST", "/candles/AAPL", changes), 400, code)


class TestIds:
    """Ids that name nothing."""

    @pytest.mark.parametrize("order_id", ["-1", "0", "999999", str(2**63 - 1), str(2**63), "9" * 19])
    def test_the_frozen_200_of_an_unknown_id(self, caller: APIClient, order_id: str) -> None:
        response = send(caller, "GET", f"/orders/{order_id}")

        assert response.status_code == 200
        assert response.json()["status"] == "Unknown"
        assert response.json()["order_id"] == int(order_id)

    @pytest.mark.parametrize("order_id", ["-1", "0", "999999", str(2**63 - 1), str(2**63), "9" * 19])
    def test_a_cancel_of_an_unknown_id(self, caller: APIClient, order_id: str) -> None:
        assert_problem(send(caller, "DELETE", f"/orders/{order_id}"), 404, "ORDER_NOT_FOUND")
        assert_problem(send(caller, "GET", f"/api/v1/orders/{order_id}/status"), 404, "ORDER_NOT_FOUND")

    @pytest.mark.parametrize("order_id", ["abc", "1.0", "0x1", "018f-uuid", "1" * 20, "-" + "1" * 19, "%00"])
    def test_what_is_no_id(self, caller: APIClient, order_id: str) -> None:
        assert_problem(send(caller, "DELETE", f"/orders/{order_id}"), 404, "NOT_FOUND")


class TestConnections:
    """Nobody repoints the gateway."""

    @pytest.mark.parametrize(
        "body", [{"host": "10.0.0.1"}, {"port": 4001}, {"client_id": 7}, {"host": "127.0.0.1", "port": 22}]
    )
    def test_another_connection(self, caller: APIClient, body: dict[str, Any]) -> None:
        assert_problem(send(caller, "POST", "/connect", body), 403, "CONNECTION_NOT_ALLOWED")

    @pytest.mark.parametrize("body", [{"port": "4002"}, {"port": 70000}, {"host": 5}, {"client_id": -1}])
    def test_malformed(self, caller: APIClient, body: dict[str, Any]) -> None:
        assert send(caller, "POST", "/connect", body).status_code == 400


class TestWithoutTheBroker:
    """503 with the phase, and nothing stored."""

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/quotes/AAPL", None),
            ("GET", "/candles/AAPL", None),
            ("POST", "/candles/AAPL", {}),
            ("POST", "/orders", order()),
            ("POST", "/api/v1/orders", order()),
            ("POST", "/orders/bracket", BRACKET),
            ("GET", "/positions", None),
            ("GET", "/account", None),
            ("GET", "/api/v1/account", None),
            ("GET", "/api/v1/positions", None),
        ],
    )
    def test_refused(self, aapl: Instrument, down: None, method: str, path: str, body: Any) -> None:
        response = send(client_with(*ALL_SCOPES), method, path, body)

        problem = assert_problem(response, 503, "BROKER_NOT_READY")
        assert problem["phase"] == "DISCONNECTED"
        assert int(response["Retry-After"]) >= 1

    def test_a_gateway_without_a_sign_of_life_is_not_ready(self, aapl: Instrument, account: Account) -> None:
        Connection.objects.update(heartbeat_at=None)

        assert_problem(send(client_with("read:quotes"), "GET", "/quotes/AAPL"), 503, "BROKER_NOT_READY")


def nobody_knows(symbol: str) -> None:
    """Let the broker have answered that there is no such contract."""
    asked = request_lookup(symbol)
    store_lookup(request_id=asked.pk, specs=[])
