"""Programs at a WebSocket: the same door as HTTP."""

import pytest

from apps.access.callers import Caller
from apps.access.sockets import Refusal, caller_from_scope
from tests import factories

pytestmark = pytest.mark.django_db


def scope(*headers, query=b"", client=("127.0.0.1", 50000), scheme="ws"):
    named = [(b"host", b"127.0.0.1:8092"), *((name.encode(), value.encode()) for name, value in headers)]
    return {"type": "websocket", "scheme": scheme, "headers": named, "query_string": query, "client": client}


def bearer(issued):
    return "authorization", f"Bearer {issued.token}"


class TestProgram:
    def test_enters_with_its_key_and_no_origin(self, api_key):
        caller = caller_from_scope(scope(bearer(api_key)))

        assert isinstance(caller, Caller)
        assert caller.key_id == api_key.key.key_id

    def test_enters_with_the_api_key_header(self, api_key):
        assert isinstance(caller_from_scope(scope(("x-api-key", api_key.token))), Caller)

    @pytest.mark.parametrize(
        ("headers", "code", "close_code"),
        [
            ([], "UNAUTHENTICATED", 4401),
            ([("cookie", "jaxbroker_session=abc")], "UNAUTHENTICATED", 4401),
            ([("authorization", "Bearer x")], "UNAUTHENTICATED", 4401),
        ],
    )
    def test_stays_outside_without_one(self, headers, code, close_code):
        refusal = caller_from_scope(scope(*headers))

        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.close_code) == (code, close_code)

    def test_two_credentials_are_ambiguous(self, api_key):
        refusal = caller_from_scope(scope(bearer(api_key), ("x-api-key", api_key.token)))

        assert refusal.code == "AMBIGUOUS_CREDENTIALS"

    def test_a_repeated_header_is_no_credential(self, api_key):
        refusal = caller_from_scope(scope(bearer(api_key), bearer(api_key)))

        assert refusal.code == "UNAUTHENTICATED"

    def test_a_key_in_the_url_is_refused(self, api_key):
        refusal = caller_from_scope(scope(query=f"key={api_key.token}".encode()))

        assert (refusal.code, refusal.status) == ("KEY_IN_URL", 401)

    def test_a_key_without_tls_is_refused_from_elsewhere(self, api_key):
        far = ("203.0.113.9", 50000)

        assert caller_from_scope(scope(bearer(api_key), client=far)).code == "ADDRESS_NOT_ALLOWED"
        assert isinstance(caller_from_scope(scope(bearer(api_key), client=far, scheme="wss")), Caller)

    def test_a_live_key_is_refused_in_paper(self):
        from apps.domain.mode import Mode

        refusal = caller_from_scope(scope(bearer(factories.make_api_key(mode=Mode.LIVE))))

        assert (refusal.code, refusal.close_code) == ("KEY_MODE_MISMATCH", 4403)


class TestOrigin:
    @pytest.mark.parametrize(
        "origin",
        [
            "https://good.example.evil",
            "null",
            "http://localhost:5174",
            "https://localhost:5173",
            "http://x@localhost:5173",
            "http://localhost:5173\x0bhttps://evil.example",
        ],
    )
    def test_a_foreign_page_stays_outside_even_with_a_key(self, api_key, settings, origin):
        settings.CORS_ALLOWED_ORIGINS = ["http://localhost:5173"]

        assert isinstance(caller_from_scope(scope(bearer(api_key), ("origin", origin))), Refusal)

    def test_a_listed_page_enters(self, api_key, settings):
        settings.CORS_ALLOWED_ORIGINS = ["http://localhost:5173"]

        assert isinstance(
            caller_from_scope(scope(bearer(api_key), ("origin", "http://localhost:5173"))), Caller
        )


class TestStandalone:
    def test_this_machine_may_read_without_a_key(self, settings):
        settings.JAXBROKER_STANDALONE = True

        caller = caller_from_scope(scope())

        assert caller.principal == "loopback"
        assert not caller.has("orders:place")

    def test_a_forwarded_one_may_not(self, settings):
        settings.JAXBROKER_STANDALONE = True

        assert isinstance(caller_from_scope(scope(("x-forwarded-for", "127.0.0.1"))), Refusal)
