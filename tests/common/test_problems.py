"""Every error has one body, on every path of the API, whoever raises it."""

import pytest

from apps.domain.codes import CODES
from apps.domain.errors import DomainError

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.urls")]

MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "request_id",
    "hint",
    "error",
    "message",
    "success",
}


def problem(response, status, code):
    """Check what every problem has in common and return its body."""
    body = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body.keys() >= MEMBERS
    assert body["type"] == f"/api/v2/errors/{code}"
    assert body["error"] == body["message"] == body["detail"]
    assert body["success"] is False
    assert body["request_id"] == response["X-Request-ID"]
    assert all(isinstance(body[name], str) for name in ("title", "detail", "instance", "hint"))
    return body


class TestOurErrors:
    def test_a_domain_error_carries_its_members(self, api):
        body = problem(api.get("/api/v2/failing/domain"), 422, "RISK_MAX_QTY")

        assert body["title"] == "Order denied"
        assert body["detail"] == "Quantity 900 is over the limit 500"
        assert body["instance"] == "/api/v2/failing/domain"
        assert (body["reasons"], body["order_id"]) == ([{"limit": "500"}], 7)

    def test_the_executor_dialect_finds_an_order_id_in_every_refused_post(self, api):
        assert problem(api.post("/api/v1/failing/404"), 404, "NOT_FOUND")["order_id"] == 0
        assert problem(api.post("/api/v1/failing/domain"), 422, "RISK_MAX_QTY")["order_id"] == 7
        assert "order_id" not in problem(api.get("/api/v1/failing/404"), 404, "NOT_FOUND")

    def test_an_error_without_a_sentence_takes_its_docstring(self):
        class Denied(DomainError):
            """The order is denied."""

        assert Denied().detail == "The order is denied"


class TestUnexpectedErrors:
    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [
            ("bug", 500, "INTERNAL"),
            ("store", 503, "STORE_UNAVAILABLE"),
            ("damage", 503, "STORE_UNAVAILABLE"),
            ("unanswered", 504, "OUTCOME_UNKNOWN"),
            ("404", 404, "NOT_FOUND"),
            ("403", 403, "MISSING_SCOPE"),
            ("suspicious", 400, "BAD_REQUEST"),
            ("throttled", 429, "RATE_LIMITED"),
        ],
    )
    def test_tell_nothing_of_the_inside(self, api, kind, status, code):
        response = api.get(f"/api/v2/failing/{kind}")

        problem(response, status, code)
        assert b"secret" not in response.content
        assert b"SELECT" not in response.content
        assert b"10.0.0.7" not in response.content

    def test_are_logged_with_their_trace(self, api, caplog):
        api.get("/api/v2/failing/bug")

        assert "unexpected error in a request" in caplog.text
        assert "hunter2" in str(caplog.records[0].exc_info[1])

    def test_say_when_to_come_back(self, api):
        assert api.get("/api/v2/failing/throttled")["Retry-After"] == "3"
        assert api.get("/api/v2/failing/store")["Retry-After"] == "1"

    def test_a_store_that_is_away_is_not_asked_for_the_mode_too(self, api, settings):
        settings.JAXBROKER_MODE_WORD = "tests.common.urls.paper"

        answers = {kind: api.get(f"/api/v2/failing/{kind}")["X-JaxBroker-Mode"] for kind in ("bug", "store")}

        assert answers == {"bug": "paper", "store": "unproven"}


class TestDjangosOwnErrors:
    @pytest.mark.parametrize("debug", [False, True])
    def test_an_unknown_path_is_a_problem(self, api, settings, debug):
        settings.DEBUG = debug

        problem(api.get("/api/v2/nothing"), 404, "NOT_FOUND")
        problem(api.get("/api/v2/echo/"), 404, "NOT_FOUND")

    @pytest.mark.parametrize("debug", [False, True])
    def test_a_crash_outside_drf_is_a_problem(self, api, settings, debug):
        settings.DEBUG = debug

        response = api.get("/crash")

        problem(response, 500, "INTERNAL")
        assert b"secret" not in response.content

    def test_a_foreign_host_is_a_problem(self, api):
        problem(api.get("/plain", HTTP_HOST="evil.example"), 400, "BAD_REQUEST")

    def test_a_wrong_method_is_a_problem_and_names_the_right_one(self, api):
        response = api.post("/plain")

        problem(response, 405, "METHOD_NOT_ALLOWED")
        assert response["Allow"] == "GET"

    def test_a_page_keeps_its_page(self, api):
        assert api.get("/admin/crash")["Content-Type"].startswith("text/html")


class TestMethods:
    @pytest.mark.parametrize("method", ["delete", "put", "patch", "options", "trace"])
    def test_what_a_view_does_not_serve_is_405(self, api, method):
        problem(getattr(api, method)("/api/v2/undeclared"), 405, "METHOD_NOT_ALLOWED")

    def test_an_override_header_changes_nothing(self, api):
        problem(api.post("/api/v2/undeclared", HTTP_X_HTTP_METHOD_OVERRIDE="GET"), 405, "METHOD_NOT_ALLOWED")

    def test_head_is_answered_like_get(self, api):
        response = api.head("/api/v2/echo")

        assert (response.status_code, response.content) == (200, b"")


class TestCatalogue:
    def test_every_code_has_status_title_and_hint(self):
        for name, code in CODES.items():
            assert code.name == name
            assert 400 <= code.status < 600
            assert code.title
            assert code.hint
