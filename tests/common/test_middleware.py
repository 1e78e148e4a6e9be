"""What every answer carries."""

import asyncio

import pytest
from django.test import AsyncClient, Client

from tests.common.test_problems import problem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.urls")]

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class TestIds:
    def test_w13_keeps_the_callers_ids(self, api):
        response = api.get(
            "/api/v2/echo", HTTP_X_REQUEST_ID="req-1:a/b", HTTP_X_FLOW_ID="flow.7", HTTP_TRACEPARENT=TRACE
        )

        assert response["X-Request-ID"] == "req-1:a/b"
        assert response.json() == {"wait": 0, "flow": "flow.7", "trace": TRACE}

    @pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "<script>", "é", "a\tb"], ids=repr)
    def test_w13_replaces_an_id_that_is_not_plain_text(self, api, bad):
        response = api.get("/api/v2/echo", HTTP_X_REQUEST_ID=bad)

        assert response["X-Request-ID"] != bad
        assert len(response["X-Request-ID"]) == 32

    def test_w13_errors_carry_it_too(self, api):
        assert api.get("/nothing", HTTP_X_REQUEST_ID="req-1")["X-Request-ID"] == "req-1"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/plain", "/api/v2/echo", "/nothing", "/crash", "/admin/login/"])
    def test_every_answer_is_guarded(self, api, path):
        response = api.get(path)

        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response["Permissions-Policy"]
        assert response["Cache-Control"] == "no-store"
        assert {"authorization", "origin"} <= {word.strip().lower() for word in response["Vary"].split(",")}

    def test_only_the_stock_pages_of_the_admin_may_evaluate(self, client):
        client.raise_request_exception = False

        assert "unsafe-eval" in client.get("/admin/access/apikey/")["Content-Security-Policy"]
        assert "unsafe-eval" not in client.get("/admin/login/")["Content-Security-Policy"]
        assert "unsafe-eval" not in client.get("/plain")["Content-Security-Policy"]

    @pytest.mark.parametrize("bad", ["a\x0bb", "a\x85b", "a\x00b", "a\x1cb", "a\x7fb"], ids=repr)
    def test_a_control_character_in_a_header_is_400(self, api, bad):
        problem(api.get("/plain", HTTP_X_ANYTHING=bad), 400, "BAD_REQUEST")

    def test_headers_of_more_than_64_kib_are_431(self, api):
        problem(api.get("/plain", HTTP_X_ANYTHING="x" * 65_536), 431, "HEADERS_TOO_LARGE")


class TestMode:
    def test_w14_a_known_caller_is_told_the_mode(self, api):
        assert api.get("/api/v2/echo")["X-JaxBroker-Mode"] in {"paper", "unproven"}
        assert api.get("/api/v2/failing/domain")["X-JaxBroker-Mode"] in {"paper", "unproven"}

    def test_w14_this_machine_is_told_the_mode(self):
        assert "X-JaxBroker-Mode" in Client().get("/plain")

    def test_a_stranger_is_not(self):
        assert "X-JaxBroker-Mode" not in Client(REMOTE_ADDR="203.0.113.9").get("/plain")

    def test_a_signed_in_person_is(self, tara):
        client = Client(REMOTE_ADDR="203.0.113.9")
        client.force_login(tara)

        assert "X-JaxBroker-Mode" in client.get("/person")

    def test_livez_does_not_ask_the_database(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            response = Client().get("/livez")

        assert response.status_code == 200

    def test_a_database_that_does_not_answer_proves_nothing(self, settings):
        settings.JAXBROKER_MODE_WORD = "tests.common.test_middleware.unreachable_mode"

        assert Client().get("/plain")["X-JaxBroker-Mode"] == "unproven"


class TestAsync:
    @pytest.mark.django_db(transaction=True)
    def test_the_async_chain_answers_the_same(self):
        response = asyncio.run(AsyncClient().get("/plain", headers={"X-Request-ID": "req-1"}))

        assert response["X-Request-ID"] == "req-1"
        assert "X-JaxBroker-Mode" in response
        assert response["Cache-Control"] == "no-store"


def unreachable_mode():
    from django.db import OperationalError

    raise OperationalError("connection refused")
