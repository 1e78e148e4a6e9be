"""The frozen dialects when all is well: bodies, scopes, headers, what is stored."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings
from rest_framework.test import APIClient

from apps.accounts.models import Account, Connection
from apps.accounts.services import record_balances
from apps.bridge.prices import renewals
from apps.common.clock import boottime
from apps.common.waiting import wait_until
from apps.domain.candles import Candle, CandleInterval
from apps.domain.events import BalanceReport
from apps.domain.orders import OrderStatus
from apps.domain.quotes import MarketDataType
from apps.instruments.models import Instrument
from apps.marketdata.models import Watch
from apps.marketdata.selectors import pending_candle_requests
from apps.marketdata.services import record_refusal, refuse_candles, request_candles, store_candles
from apps.orders.models import Order
from apps.positions.models import Position
from apps.safety.services.states import halt_trading
from tests.bridge.conftest import CODE, OTHER, a_quote, assert_problem, client_with, now, order, show

TRADING = ("read:quotes", "read:account", "orders:place", "orders:cancel")


@pytest.fixture
def caller(aapl: Instrument) -> APIClient:
    """A caller that trades in one account."""
    return client_with(*TRADING)


@pytest.fixture
def held(aapl: Instrument, account: Account) -> Position:
    """Ten AAPL."""
    return Position.objects.create(
        account=account,
        instrument=aapl,
        quantity=10,
        average_cost=Decimal("227.398"),
        market_price=Decimal("227.00"),
        market_value=Decimal("2270.00"),
        unrealized_pnl=Decimal("-3.98"),
        as_of=now(),
    )


def place(client: APIClient, path: str = "/orders", **changes: Any) -> Any:
    """Place an order."""
    return client.post(path, order(**changes), format="json")


class TestHealth:
    """Three fields for strangers, all for callers we know, and always 200."""

    def test_strangers_see_three_fields(self, account: Account, stranger: APIClient) -> None:
        response = stranger.get("/health", REMOTE_ADDR="203.0.113.7")

        assert response.status_code == 200
        assert response.json() == {"status": "healthy", "connected": True, "version": "1.0.0"}

    def test_a_wrong_key_is_a_stranger(self, account: Account, stranger: APIClient) -> None:
        response = stranger.get("/health", HTTP_AUTHORIZATION="Bearer nonsense")

        assert response.status_code == 200
        assert set(response.json()) == {"status", "connected", "version"}

    def test_callers_see_phase_and_reasons(self, aapl: Instrument, down: None) -> None:
        body = client_with("read:quotes").get("/health").json()

        assert body["status"] == "degraded"
        assert body["connected"] is False
        assert (body["phase"], body["reasons"]) == ("DISCONNECTED", ["port closed"])

    def test_without_any_connection(self, db: None) -> None:
        body = client_with("read:quotes").get("/health").json()

        assert body["connected"] is False


class TestQuotes:
    """Prices with their age, or a reason why not."""

    def test_the_body(self, caller: APIClient) -> None:
        body = caller.get("/quotes/aapl").json()

        assert body["symbol"] == "AAPL"
        assert (body["price"], body["price_source"], body["stale"]) == (227.43, "last", False)
        assert (body["change"], body["change_percent"]) == (1.38, 0.6105)
        assert body["tradeable"] is True

    def test_it_opens_one_shared_watch(self, caller: APIClient) -> None:
        caller.get("/quotes/AAPL")
        caller.get("/quotes/aapl")

        assert [watch.holder for watch in Watch.objects.all()] == ["api"]

    def test_polling_is_not_writing(self, caller: APIClient) -> None:
        caller.get("/quotes/AAPL")
        Watch.objects.all().delete()

        caller.get("/quotes/AAPL")

        assert Watch.objects.count() == 0

    def test_the_last_close_is_shown_as_stale(self, caller: APIClient) -> None:
        show(a_quote(last=None, bid=None, ask=Decimal(-1)))

        body = caller.get("/quotes/AAPL").json()

        assert (body["price"], body["price_source"], body["stale"]) == (226.05, "close", True)
        assert (body["bid"], body["ask"]) == (0, 0)
        assert {"NO_BID", "NO_ASK"} <= set(body["tradeable_reasons"])

    def test_an_old_quote_tells_its_age(self, caller: APIClient) -> None:
        caller.get("/quotes/AAPL")
        show(a_quote(received_boottime=boottime() - 90, received_at=now() - timedelta(seconds=90)))

        body = caller.get("/quotes/AAPL").json()

        assert body["stale"] is True
        assert body["age_ms"] >= 90_000
        assert "QUOTE_STALE" in body["tradeable_reasons"]

    def test_delayed_prices_are_named_so(self, caller: APIClient) -> None:
        show(a_quote(market_data_type=MarketDataType.DELAYED))

        body = caller.get("/quotes/AAPL").json()

        assert (body["market_data_type"], body["delay_seconds"]) == ("delayed", 900)
        assert "QUOTE_DELAYED" in body["tradeable_reasons"]

    @pytest.mark.parametrize(("ib_code", "code"), [(354, "NO_MARKET_DATA"), (10197, "COMPETING_SESSION")])
    def test_a_refused_line_is_a_424(self, caller: APIClient, ib_code: int, code: str) -> None:
        show(a_quote(last=None, bid=None, ask=None, close=None))
        record_refusal(ib_con_id=265598, ib_code=ib_code, text="Not subscribed")

        problem = assert_problem(caller.get("/quotes/AAPL"), 424, code)

        assert (problem["ib_code"], problem["ib_message"]) == (ib_code, "Not subscribed")

    def test_w7_no_price_in_time_is_a_504(self, caller: APIClient) -> None:
        show(a_quote(last=None, bid=None, ask=None, close=None))

        assert_problem(caller.get("/quotes/AAPL"), 504, "BROKER_TIMEOUT")

    def test_an_unproven_mode_is_not_tradeable(self, caller: APIClient) -> None:
        Connection.objects.update(mode_proof="unproven")
        renewals.clear()

        assert "MODE_UNPROVEN" in caller.get("/quotes/AAPL").json()["tradeable_reasons"]


class TestCandles:
    """Asked of the broker through a row, answered from rows."""

    def test_the_newest_bars_of_a_stored_answer(self, caller: APIClient, aapl: Instrument) -> None:
        asked = request_candles(instrument=aapl, interval=CandleInterval.D1, duration="8 D")
        store_candles(request_id=asked.pk, candles=[a_day(day) for day in range(2, 7)])

        body = caller.get("/candles/AAPL?limit=2&timeframe=1d").json()

        assert [row["timestamp"] for row in body["candles"]] == [
            "2026-03-05T00:00:00Z",
            "2026-03-06T00:00:00Z",
        ]
        assert (body["count"], body["timeframe"]) == (2, "1D")
        assert body["candles"][0]["vwap"] == 0

    @pytest.mark.django_db(transaction=True)
    def test_the_brokers_refusal_comes_through(self, caller: APIClient) -> None:
        with ThreadPoolExecutor(max_workers=1) as gateway:
            refusing = gateway.submit(refuse_what_is_asked)
            response = caller.post("/candles/AAPL")

        assert refusing.result() is True
        problem = assert_problem(response, 429, "IB_PACING")
        assert (problem["ib_code"], problem["ib_message"]) == (162, "pacing")


class TestOrders:
    """Placing, looking, cancelling."""

    def test_the_answer_to_an_accepted_order(self, caller: APIClient) -> None:
        body = place(caller).json()

        row = Order.objects.get()
        assert (body["success"], body["order_id"], body["message"]) == (True, row.pk, "Order accepted")
        assert (body["status"], body["our_status"]) == ("ApiPending", "ACCEPTED")
        assert (body["account"], body["quantity_exact"]) == (CODE, "10")
        assert body["ib_order_ref"].startswith("jb:")
        assert "client_order_id was generated" in body["warnings"][0]

    def test_the_ids_of_the_request_stay_on_the_order(self, caller: APIClient) -> None:
        trace = f"00-{'a' * 32}-{'b' * 16}-01"

        caller.post(
            "/orders",
            order(),
            format="json",
            HTTP_X_REQUEST_ID="desk-1",
            HTTP_X_FLOW_ID="flow-1",
            HTTP_TRACEPARENT=trace,
        )

        row = Order.objects.get()
        assert (row.request_id, row.flow_id, row.traceparent) == ("desk-1", "flow-1", trace)
        assert row.principal.startswith("key:")
        assert row.tag == "manual-entry"

    def test_spellings_and_cases_make_one_order(self, caller: APIClient) -> None:
        first = place(caller, client_order_id="swing-0001", symbol="AAPL", limit_price="227.40")
        again = place(caller, client_order_id="swing-0001", symbol="aapl", action="buy", order_type="lmt")

        assert again.json()["order_id"] == first.json()["order_id"]
        assert again["Idempotent-Replayed"] == "true"

    def test_null_fields_are_absent(self, caller: APIClient) -> None:
        body = order(limit_price=None, stop_price=None, tif=None, order_type="MKT")

        assert caller.post("/orders", body, format="json").status_code == 200

    @pytest.mark.parametrize("path", ["/orders", "/api/v1/orders"])
    def test_a_denied_order_is_a_problem_with_its_row(self, caller: APIClient, path: str) -> None:
        response = place(caller, path, quantity=9_999_999)

        row = Order.objects.get()
        problem = assert_problem(response, 422, row.reason_codes[0])
        assert row.status == OrderStatus.DENIED
        assert (problem["order_id"], problem["order_uuid"]) == (row.pk, str(row.uuid))
        assert problem["reasons"][0]["code"] == row.reason_codes[0]

    def test_a_denial_is_replayed(self, caller: APIClient) -> None:
        first = place(caller, quantity=9_999_999, client_order_id="denied-0001")
        again = place(caller, quantity=9_999_999, client_order_id="denied-0001")

        assert again.status_code == first.status_code == 422
        assert again.json()["order_id"] == first.json()["order_id"]

    def test_the_same_order_twice_is_a_409(self, caller: APIClient) -> None:
        place(caller)

        assert_problem(place(caller), 409, "RISK_DUPLICATE_ORDER")

    def test_a_caller_with_the_scope_may_repeat(self, aapl: Instrument) -> None:
        repeats = client_with(*TRADING, "orders:repeat")
        place(repeats)

        assert place(repeats, allow_duplicate=True).status_code == 200

    def test_while_halted_it_is_a_423(self, caller: APIClient) -> None:
        halt_trading(scope="*", by="user:rita", reason="fat finger")

        assert_problem(place(caller), 423, "TRADING_HALTED")

    def test_a_price_off_the_grid_names_its_neighbours(self, caller: APIClient) -> None:
        problem = assert_problem(place(caller, limit_price=227.401), 422, "RISK_TICK_SIZE")

        assert [Decimal(price) for price in problem["nearest"]] == [Decimal("227.40"), Decimal("227.41")]

    def test_rounding_is_done_passively_and_told(self, caller: APIClient) -> None:
        body = place(caller, limit_price=227.409, round_prices=True).json()

        assert Order.objects.get().limit_price == Decimal("227.40")
        assert any("rounded" in text for text in body["warnings"])

    def test_waiting_without_an_answer_says_where_it_stands(self, caller: APIClient) -> None:
        response = caller.post("/orders", order(), format="json", HTTP_PREFER="wait=1")

        assert response.status_code == 200
        assert response["Preference-Applied"] == "wait=1"
        assert response.json()["our_status"] == "ACCEPTED"

    def test_a_refusal_of_the_broker_seen_inside_the_wait(self, caller: APIClient) -> None:
        place(caller, client_order_id="refused-0001")
        Order.objects.update(status="REJECTED", ib_error_code=201, ib_error_text="No margin", closed_at=now())

        response = caller.post(
            "/orders", order(client_order_id="refused-0001"), format="json", HTTP_PREFER="wait=1"
        )

        problem = assert_problem(response, 422, "BROKER_REJECTED")
        assert (problem["ib_code"], problem["ib_message"]) == (201, "No margin")

    def test_listing_is_limited_to_the_callers_accounts(self, caller: APIClient) -> None:
        place(caller)
        stranger = client_with("read:account", accounts=(OTHER,))

        assert caller.get("/orders").json()["count"] == 1
        assert stranger.get("/orders").json() == {"orders": [], "count": 0}

    def test_cancelling_what_was_not_sent(self, caller: APIClient) -> None:
        order_id = place(caller).json()["order_id"]

        first = caller.delete(f"/orders/{order_id}")
        again = caller.delete(f"/orders/{order_id}")

        assert first.status_code == again.status_code == 200
        assert first.json() == again.json()
        assert first.json()["status"] == "ApiCancelled"

    def test_cancelling_works_without_the_broker(self, caller: APIClient, epoch: int) -> None:
        order_id = place(caller).json()["order_id"]
        Connection.objects.update(phase="DISCONNECTED")

        assert caller.delete(f"/orders/{order_id}").status_code == 200

    def test_cancelling_what_has_ended_is_a_409(self, caller: APIClient) -> None:
        order_id = place(caller).json()["order_id"]
        Order.objects.update(status="FILLED", closed_at=now())

        problem = assert_problem(caller.delete(f"/orders/{order_id}"), 409, "ORDER_TERMINAL")

        assert problem["order_id"] == order_id

    def test_doubt_is_told(self, caller: APIClient) -> None:
        order_id = place(caller).json()["order_id"]
        Order.objects.update(status="UNKNOWN", broker_status="")

        body = caller.get(f"/orders/{order_id}").json()
        executor = caller.get(f"/api/v1/orders/{order_id}/status").json()["status"]

        assert (body["status"], body["unresolved"]) == ("PendingSubmit", True)
        assert executor["status"] == "PendingSubmit"


class TestFamilies:
    """Bracket, close, protect."""

    def test_a_bracket_names_take_profit_first(self, caller: APIClient) -> None:
        body = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "stop_loss": 221, "take_profit": 233}

        answer = caller.post("/orders/bracket", body, format="json")

        assert answer.status_code == 200, answer.content
        legs = [Order.objects.get(pk=pk).leg_role for pk in answer.json()["child_order_ids"]]
        assert legs == ["take_profit", "stop_loss"]
        assert answer.json()["message"] == "Bracket accepted for AAPL"

    @pytest.mark.parametrize("body", [b"", b"null", b"{}"])
    def test_closing_all_of_it(self, caller: APIClient, held: Position, body: bytes) -> None:
        answer = caller.generic("POST", "/positions/aapl/close", body, content_type="application/json")

        assert answer.status_code == 200, answer.content
        row = Order.objects.get()
        assert (row.side, row.quantity, row.tag) == ("SELL", 10, "manual-close")
        assert answer.json()["message"] == "Close order accepted for AAPL"

    def test_closing_more_than_is_held(self, caller: APIClient, held: Position) -> None:
        response = caller.post("/positions/AAPL/close", {"quantity": 11}, format="json")

        assert_problem(response, 422, "EXCEEDS_POSITION")

    def test_protecting_names_the_stop_first(self, caller: APIClient, held: Position) -> None:
        answer = caller.post("/positions/AAPL/protect", {"stop_loss": 221, "take_profit": 233}, format="json")

        assert answer.status_code == 200, answer.content
        rows = [Order.objects.get(pk=pk) for pk in answer.json()["order_ids"]]
        assert [row.order_type for row in rows] == ["STOP", "LIMIT"]
        assert answer.json()["cancelled_order_ids"] == []


class TestHoldings:
    """Positions and account."""

    def test_a_position_is_marked_by_our_quote(self, caller: APIClient, held: Position) -> None:
        body = caller.get("/positions").json()

        row = body["positions"][0]
        assert body["count"] == 1
        assert (row["quantity"], row["avg_cost"], row["price_source"]) == (10, 227.398, "live")
        assert (row["market_price"], row["market_value"], row["unrealized_pnl"]) == (227.43, 2274.3, 0.32)

    def test_without_a_fresh_quote_by_the_broker(self, caller: APIClient, held: Position) -> None:
        show(a_quote(received_boottime=boottime() - 90))

        row = caller.get("/positions").json()["positions"][0]

        assert (row["price_source"], row["market_price"], row["unrealized_pnl"]) == ("broker", 227.0, -3.98)

    def test_open_orders_stand_beside_it(self, caller: APIClient, held: Position) -> None:
        place(caller)
        Order.objects.update(status="WORKING")

        assert caller.get("/positions").json()["positions"][0]["open_order_quantity"] == 10

    def test_account_values(self, caller: APIClient, account: Account) -> None:
        report_balances(NetLiquidation="100012.40", BuyingPower="390952.40", TotalCashValue="97738.10")

        body = caller.get("/account").json()

        assert (body["account_id"], body["net_liquidation"]) == (CODE, 100012.4)
        assert (body["equity_with_loan"], body["available_funds"]) == (0, None)
        assert (body["accounts"], body["mode"], body["stale"]) == ([CODE], "paper", False)

    def test_values_never_seen_are_a_503_and_not_zeros(self, caller: APIClient) -> None:
        assert_problem(caller.get("/account"), 503, "BROKER_NOT_READY")

    def test_of_several_accounts_one_must_be_named(self, aapl: Instrument) -> None:
        report_balances(NetLiquidation="1")
        caller = client_with("read:account", accounts=(CODE, OTHER))

        assert_problem(caller.get("/account"), 422, "ACCOUNT_REQUIRED")
        assert caller.get(f"/account?account={CODE}").json()["account_id"] == CODE
        assert_problem(caller.get("/account?account=DU9999999"), 403, "ACCOUNT_NOT_ALLOWED")


class TestConnecting:
    """A wish, audited, and never another address."""

    def test_already_connected_is_success(self, account: Account, operator: APIClient) -> None:
        body = operator.post("/connect", {"host": "127.0.0.1", "port": 4002}, format="json").json()

        assert body == {
            "success": True,
            "message": "Connected to IB Gateway at 127.0.0.1:4002",
            "phase": "READY",
        }

    def test_disconnecting_stores_the_wish(self, account: Account, operator: APIClient) -> None:
        Connection.objects.update(phase="STOPPED")

        body = operator.post("/disconnect").json()

        assert (body["success"], body["phase"]) == (True, "STOPPED")
        assert Connection.objects.get().wanted is False


class TestPages:
    """What browsers find."""

    def test_browsers_are_led_to_the_console_and_programs_are_not(
        self, stranger: APIClient, db: None
    ) -> None:
        browser = stranger.get("/", HTTP_ACCEPT="text/html,*/*")
        program = stranger.get("/", HTTP_ACCEPT="*/*")

        assert (browser.status_code, browser["Location"]) == (302, "/admin/")
        assert_problem(program, 404, "NOT_FOUND")

    def test_strangers_see_no_description(self, stranger: APIClient, db: None) -> None:
        assert stranger.get("/api/schema/").status_code in {401, 403}

    @override_settings(JAXBROKER_STANDALONE=True)
    def test_this_machine_reads_without_a_key_but_never_trades(
        self, aapl: Instrument, stranger: APIClient
    ) -> None:
        here = {"HTTP_HOST": "127.0.0.1:8092", "REMOTE_ADDR": "127.0.0.1"}

        quote = stranger.get("/quotes/AAPL", **here)
        traded = stranger.post("/orders", order(), format="json", **here)

        assert quote.status_code == 200
        assert_problem(traded, 403, "MISSING_SCOPE")


def a_day(day: int) -> Candle:
    """Return the candle of a day in March 2026."""
    start = now().replace(year=2026, month=3, day=day, hour=0, minute=0, second=0, microsecond=0)
    price = Decimal(220 + day)
    return Candle(
        start=start,
        session_date=start.date(),
        open=price,
        high=price + 1,
        low=price - 1,
        close=price,
        volume=Decimal(1000),
        vwap=None,
        final=True,
    )


def refuse_what_is_asked() -> bool:
    """Answer the first question for candles as a gateway would whose broker paces it."""
    try:
        pending = wait_until(
            lambda: pending_candle_requests(1) or None, topics=("candles",), deadline_s=10, poll_s=0.05
        )
        refuse_candles(
            request_id=pending[0].pk,
            code="IB_PACING",
            detail="Pacing violation",
            ib_code=162,
            ib_message="pacing",
        )
    finally:
        connections.close_all()
    return True


def report_balances(**values: str) -> None:
    """Let the broker report values of Tara's account."""
    record_balances(
        [
            BalanceReport(account=CODE, tag=tag, currency="USD", text=text, value=Decimal(text))
            for tag, text in values.items()
        ]
    )
