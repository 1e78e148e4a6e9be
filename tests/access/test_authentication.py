"""Who may come in: carriers, origins, addresses, modes and time, over HTTP."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from apps.access.models import ApiKey, FailedTry
from apps.access.services import revoke_key
from apps.audit.models import AuditEvent
from apps.domain.mode import Mode
from tests import factories
from tests.common.test_problems import problem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]

ME = "/api/v2/me"
REMOTE = "203.0.113.9"


def call(method="get", path=ME, **headers):
    client = APIClient(raise_request_exception=False)
    return getattr(client, method)(path, **headers)


def bearer(issued):
    return {"HTTP_AUTHORIZATION": f"Bearer {issued.token}"}


def basic(user, password):
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def parts(issued):
    return issued.key.key_id, issued.token.rsplit("_", 1)[1]


class TestCarriers:
    def test_bearer(self, api_key):
        body = call(**bearer(api_key)).json()

        assert body["principal"] == f"key:{api_key.key.key_id}"
        assert body["accounts"] == ["DU1234567"]
        assert body["default_account"] == "DU1234567"

    def test_api_key_header(self, api_key):
        assert call(HTTP_X_API_KEY=api_key.token).status_code == 200

    def test_basic_with_id_and_secret(self, api_key):
        assert call(**basic(*parts(api_key))).status_code == 200

    def test_basic_with_the_whole_key_as_user(self, api_key):
        assert call(**basic(api_key.token, "")).status_code == 200

    def test_two_at_once_are_ambiguous_even_if_equal(self, api_key):
        response = call(**bearer(api_key), HTTP_X_API_KEY=api_key.token)

        problem(response, 401, "AMBIGUOUS_CREDENTIALS")

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer x",
            "Token {}",
            "Bearer {}x",
            "Basic !!!",
            "Basic {}",
            "{}",
            "Bearer {}, Bearer {}",
        ],
    )
    def test_anything_else_is_not_a_credential(self, api_key, header):
        response = call(HTTP_AUTHORIZATION=header.replace("{}", api_key.token))

        problem(response, 401, "UNAUTHENTICATED")
        assert response["WWW-Authenticate"] == "Bearer"

    def test_a_session_cookie_opens_no_api(self, tara):
        client = APIClient()
        client.force_login(tara)

        problem(client.get(ME), 401, "UNAUTHENTICATED")


class TestKeyInUrl:
    @pytest.mark.parametrize("name", ["key", "api_key", "x", "%74oken"])
    def test_is_refused_even_if_valid_and_counts_as_leaked(self, api_key, name):
        response = call(path=f"{ME}?a=1&{name}={api_key.token}", **bearer(api_key))

        problem(response, 401, "KEY_IN_URL")
        assert ApiKey.objects.get().leaked_at is not None
        assert AuditEvent.objects.filter(kind="key.leaked", object=api_key.key.principal).count() == 1
        assert api_key.token not in response.content.decode()

    def test_is_found_escaped_too(self, api_key):
        escaped = "".join(f"%{ord(char):02X}" for char in api_key.token)

        problem(call(path=f"{ME}?k={escaped}"), 401, "KEY_IN_URL")

    def test_is_reported_once(self, api_key):
        call(path=f"{ME}?k={api_key.token}")
        call(path=f"{ME}?k={api_key.token}")

        assert AuditEvent.objects.filter(kind="key.leaked").count() == 1

    def test_nobody_can_report_a_key_whose_secret_they_do_not_know(self, api_key):
        forged = f"jb_paper_{api_key.key.key_id}_{'x' * 40}"

        problem(call(path=f"{ME}?k={forged}"), 401, "KEY_IN_URL")
        assert ApiKey.objects.get().leaked_at is None


class TestWrongKeys:
    def test_an_unknown_id_and_a_wrong_secret_look_the_same(self, api_key):
        unknown = call(HTTP_X_API_KEY=f"jb_paper_zzzzzzzz_{'x' * 40}").json()
        wrong = call(HTTP_X_API_KEY=f"jb_paper_{api_key.key.key_id}_{'x' * 40}").json()

        for body in (unknown, wrong):
            del body["request_id"]
        assert unknown == wrong

    def test_a_revoked_key_is_dead_at_once(self, api_key):
        revoke_key(key=api_key.key, by="user:rita", reason="left the desk")

        problem(call(**bearer(api_key)), 401, "UNAUTHENTICATED")

    def test_a_key_ends_on_the_second(self, db):
        with time_machine.travel(datetime(2026, 3, 11, 15, 30, tzinfo=UTC), tick=False) as clock:
            key = factories.make_api_key(lifetime=timedelta(days=1))

            clock.shift(timedelta(days=1) - timedelta(seconds=1))
            assert call(**bearer(key)).status_code == 200

            clock.shift(timedelta(seconds=1))
            problem(call(**bearer(key)), 401, "UNAUTHENTICATED")

    def test_a_token_whose_mode_was_changed_is_wrong(self, api_key):
        problem(call(HTTP_X_API_KEY=api_key.token.replace("paper", "live")), 401, "UNAUTHENTICATED")

    def test_many_from_one_address_are_slowed_down_and_told_how_long(self, api_key):
        wrong = {"HTTP_X_API_KEY": f"jb_paper_{api_key.key.key_id}_{'x' * 40}"}
        answers = [call(**wrong) for _ in range(13)]

        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 3
        assert [answer["Retry-After"] for answer in answers[10:]] == ["2", "4", "8"]

    def test_the_right_key_still_enters(self, api_key):
        for _ in range(12):
            call(HTTP_X_API_KEY=f"jb_paper_{api_key.key.key_id}_{'x' * 40}")

        assert call(**bearer(api_key)).status_code == 200

    def test_invented_ids_fill_no_table(self):
        for n in range(5):
            call(HTTP_X_API_KEY=f"jb_paper_zzzzzzz{n}_{'x' * 40}")

        assert FailedTry.objects.get().count == 5

    def test_peace_is_rewarded(self, api_key):
        wrong = {"HTTP_X_API_KEY": f"jb_paper_{api_key.key.key_id}_{'x' * 40}"}
        with time_machine.travel(datetime(2026, 3, 11, 15, 30, tzinfo=UTC), tick=False) as clock:
            for _ in range(12):
                call(**wrong)
            clock.shift(timedelta(minutes=31))

            assert call(**wrong).status_code == 401


class TestMode:
    def test_a_live_key_does_not_open_paper(self, db):
        problem(call(**bearer(factories.make_api_key(mode=Mode.LIVE))), 403, "KEY_MODE_MISMATCH")

    def test_a_paper_key_does_not_open_live(self, api_key, settings):
        settings.JAXBROKER_MODE = Mode.LIVE

        problem(call(**bearer(api_key)), 403, "KEY_MODE_MISMATCH")


class TestAddress:
    def test_a_key_without_tls_is_refused_from_elsewhere(self, api_key):
        problem(call(**bearer(api_key), REMOTE_ADDR=REMOTE), 403, "ADDRESS_NOT_ALLOWED")

    def test_tls_opens_to_everywhere(self, api_key):
        assert call(**bearer(api_key), REMOTE_ADDR=REMOTE, secure=True).status_code == 200

    def test_a_trusted_network_needs_no_tls(self, api_key, settings):
        from ipaddress import ip_network

        settings.JAXBROKER_TRUSTED_NETWORKS = [ip_network("172.18.0.0/16")]

        assert call(**bearer(api_key), REMOTE_ADDR="172.18.0.7").status_code == 200
        assert call(**bearer(api_key), REMOTE_ADDR="::ffff:172.18.0.7").status_code == 200
        assert call(**bearer(api_key), REMOTE_ADDR="172.19.0.7").status_code == 403

    def test_a_key_may_be_bound_to_networks(self, db):
        key = factories.make_api_key(addresses=["198.51.100.0/24", "2001:db8::/32"])

        assert call(**bearer(key), REMOTE_ADDR="198.51.100.7", secure=True).status_code == 200
        assert call(**bearer(key), REMOTE_ADDR="2001:db8::7", secure=True).status_code == 200
        problem(call(**bearer(key), REMOTE_ADDR=REMOTE, secure=True), 403, "ADDRESS_NOT_ALLOWED")

    @pytest.mark.parametrize("name", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"])
    def test_a_forged_forwarding_header_moves_nobody(self, db, name):
        key = factories.make_api_key(addresses=["198.51.100.7"])

        response = call(**bearer(key), REMOTE_ADDR=REMOTE, secure=True, **{name: "198.51.100.7"})

        problem(response, 403, "ADDRESS_NOT_ALLOWED")

    def test_behind_one_proxy_the_last_forwarded_address_counts(self, db, settings):
        settings.JAXBROKER_PROXY_COUNT = 1
        key = factories.make_api_key(addresses=["198.51.100.7"])
        through = {"REMOTE_ADDR": "10.0.0.1", "secure": True}

        forged = call(**bearer(key), HTTP_X_FORWARDED_FOR="198.51.100.7, 203.0.113.9", **through)
        honest = call(**bearer(key), HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.7", **through)

        assert (forged.status_code, honest.status_code) == (403, 200)


class TestOrigin:
    ALLOWED = "http://localhost:5173"

    @pytest.fixture(autouse=True)
    def _one_origin(self, settings):
        settings.CORS_ALLOWED_ORIGINS = [self.ALLOWED]

    @pytest.mark.parametrize(
        "origin",
        [
            "https://good.example.evil",
            "null",
            "http://localhost:5174",
            "https://localhost:5173",
            "http://tara@localhost:5173",
            "http://testserver.evil",
            "https://testserver",
            "http://localhost:5173/",
        ],
    )
    def test_a_foreign_page_changes_nothing_whatever_it_carries(self, api_key, origin):
        problem(call("post", **bearer(api_key), HTTP_ORIGIN=origin), 403, "ADDRESS_NOT_ALLOWED")
        problem(call("post", HTTP_ORIGIN=origin), 403, "ADDRESS_NOT_ALLOWED")

    def test_a_page_that_hides_its_origin_changes_nothing(self, api_key):
        response = call("post", **bearer(api_key), HTTP_SEC_FETCH_SITE="cross-site")

        problem(response, 403, "ADDRESS_NOT_ALLOWED")

    @pytest.mark.parametrize("origin", ["http://localhost:5173", "http://testserver"])
    def test_a_listed_page_and_our_own_may(self, api_key, origin):
        assert call("post", **bearer(api_key), HTTP_HOST="testserver", HTTP_ORIGIN=origin).status_code == 200

    def test_reading_is_left_to_cors(self, api_key):
        response = call(**bearer(api_key), HTTP_ORIGIN="https://evil.example")

        assert response.status_code == 200
        assert "Access-Control-Allow-Origin" not in response

    def test_cors_names_the_origin_and_writes_the_headers_out(self, api_key):
        response = call(**bearer(api_key), HTTP_ORIGIN=self.ALLOWED)

        assert response["Access-Control-Allow-Origin"] == self.ALLOWED
        assert "Access-Control-Allow-Credentials" not in response
        assert "X-RateLimit-Remaining" in response["Access-Control-Expose-Headers"]

    def test_a_preflight_tells_methods_headers_and_age(self):
        response = call(
            "options",
            HTTP_ORIGIN=self.ALLOWED,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization",
        )

        assert response.status_code == 200
        assert response["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
        assert "idempotency-key" in response["Access-Control-Allow-Headers"]
        assert response["Access-Control-Max-Age"] == "600"


class TestAnonymous:
    @pytest.fixture
    def standalone(self, settings):
        settings.JAXBROKER_STANDALONE = True

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:8092", "[::1]:8092"])
    def test_this_machine_may_read(self, standalone, host):
        body = call(HTTP_HOST=host).json()

        assert (body["principal"], body["kind"]) == ("loopback", "loopback")
        assert body["scopes"] == ["read:account", "read:quotes"]

    def test_and_nothing_else(self, standalone):
        problem(call("post", HTTP_HOST="localhost"), 403, "MISSING_SCOPE")

    @pytest.mark.parametrize(
        "different",
        [
            {"REMOTE_ADDR": REMOTE},
            {"HTTP_HOST": "testserver"},
            {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
            {"HTTP_FORWARDED": "for=127.0.0.1"},
            {"HTTP_VIA": "1.1 proxy"},
            {"HTTP_ORIGIN": "https://evil.example"},
            {"HTTP_ORIGIN": "null"},
            {"HTTP_SEC_FETCH_SITE": "cross-site"},
        ],
        ids=str,
    )
    def test_whoever_comes_another_way_is_nobody(self, standalone, different):
        problem(call(**{"HTTP_HOST": "localhost"} | different), 401, "UNAUTHENTICATED")

    def test_only_in_standalone(self):
        problem(call(HTTP_HOST="localhost"), 401, "UNAUTHENTICATED")

    def test_a_wrong_key_is_not_better_than_none(self, standalone):
        problem(call(HTTP_HOST="localhost", HTTP_X_API_KEY="x"), 401, "UNAUTHENTICATED")

    def test_our_own_page_and_a_listed_one_may_read(self, standalone, settings):
        settings.CORS_ALLOWED_ORIGINS = ["http://localhost:5173"]

        for origin in ("http://localhost:8092", "http://localhost:5173"):
            assert call(HTTP_HOST="localhost:8092", HTTP_ORIGIN=origin).status_code == 200


class TestScopes:
    def test_a_missing_scope_is_named(self, db):
        key = factories.make_api_key(scopes=["read:quotes"])

        body = problem(call("post", **bearer(key)), 403, "MISSING_SCOPE")

        assert body["detail"] == "orders:place is needed"

    def test_a_method_without_an_entry_is_for_nobody(self, api):
        problem(api.delete(ME), 403, "MISSING_SCOPE")

    def test_strangers_are_told_to_authenticate_first(self):
        for method in ("get", "post", "delete", "put"):
            problem(call(method), 401, "UNAUTHENTICATED")


class TestLastUse:
    def test_is_remembered_at_most_once_a_minute(self, api_key):
        with time_machine.travel(datetime(2026, 3, 11, 15, 30, tzinfo=UTC), tick=False) as clock:
            call(**bearer(api_key))
            first = ApiKey.objects.get().last_used_at
            clock.shift(timedelta(seconds=30))
            call(**bearer(api_key))
            second = ApiKey.objects.get().last_used_at
            clock.shift(timedelta(seconds=31))
            call(**bearer(api_key))
            third = ApiKey.objects.get()

        assert first == second
        assert third.last_used_at - first == timedelta(seconds=61)
        assert third.last_used_address == "127.0.0.1"
