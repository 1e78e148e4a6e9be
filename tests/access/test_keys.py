"""Keys from issue to revocation, the first run, and what is stored of a secret."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection

from apps.access.callers import SCOPES
from apps.access.models import ApiKey
from apps.access.selectors import caller_of
from apps.access.services import (
    InvalidKeyRequest,
    WeakSecret,
    ensure_first_admin,
    ensure_standalone_key,
    issue_key,
    revoke_key,
)
from apps.access.tokens import Token
from apps.audit.models import AuditEvent
from apps.common.bell import listening
from apps.domain.mode import Mode
from tests import factories

pytestmark = pytest.mark.django_db


def dump():
    """Return every value of every table as one text."""
    with connection.cursor() as cursor:
        texts = []
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts += [str(row) for row in cursor.fetchall()]
    return "\n".join(texts)


class TestToken:
    def test_has_its_form_and_needs_no_escaping(self):
        text = Token.new("paper").text

        assert Token.parse(text).text == text
        assert text.replace("_", "").isalnum()
        assert [len(part) for part in text.split("_")] == [2, 5, 8, 40]

    def test_does_not_show_its_secret(self):
        token = Token.new("paper")

        assert token.secret not in repr(token)
        assert token.key_id in repr(token)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "jb_paper_k7m2qd4x",
            "jb_test_k7m2qd4x_" + "x" * 40,
            "jb_paper_K7M2QD4X_" + "x" * 40,
            "jb_paper_k7m2qd4x_" + "x" * 41,
            " jb_paper_k7m2qd4x_" + "x" * 40,
            "jb_paper_k7m2qd4x_" + "é" * 40,
        ],
    )
    def test_nothing_else_is_a_token(self, text):
        assert Token.parse(text) is None


class TestIssue:
    def test_stores_only_the_hash(self):
        issued = factories.make_api_key()
        secret = issued.token.rsplit("_", 1)[1]

        assert secret not in dump()
        assert issued.key.key_id in dump()
        assert secret not in repr(issued)

    def test_leaves_a_line_in_the_audit(self):
        issued = factories.make_api_key()

        event = AuditEvent.objects.get(kind="key.issued")
        assert (event.actor, event.object) == ("user:rita", issued.key.principal)
        assert event.after["accounts"] == ["DU1234567"]

    def test_lives_90_days_unless_told_otherwise(self):
        key = factories.make_api_key().key

        assert key.expires_at - key.created_at == pytest.approx(timedelta(days=90), abs=timedelta(seconds=5))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"scopes": ["read:everything"]},
            {"accounts": ["*"]},
            {"accounts": ["du1"]},
            {"addresses": ["10.0.0.1/8"]},
            {"addresses": ["localhost"]},
            {"label": ""},
            {"label": "a\nb"},
            {"lifetime": timedelta(0)},
            {"lifetime": timedelta(days=400)},
        ],
        ids=str,
    )
    def test_refuses_what_no_key_may_be(self, wrong):
        with pytest.raises(InvalidKeyRequest):
            factories.make_api_key(**wrong)

        assert not ApiKey.objects.exists()

    def test_without_accounts_it_sees_none(self):
        caller = caller_of(factories.make_api_key(accounts=()).key)

        assert not caller.may_see("DU1234567")
        assert caller.default_account is None

    def test_with_several_accounts_none_is_meant_when_none_is_named(self):
        caller = caller_of(factories.make_api_key(accounts=["DU1", "DU2"]).key)

        assert caller.default_account is None
        assert caller.may_see("DU2")

    def test_keeps_a_token_that_was_chosen_beforehand_out_of_the_other_mode(self):
        with pytest.raises(InvalidKeyRequest):
            issue_key(label="x", mode=Mode.PAPER, scopes=SCOPES, by="system", token=Token.new("live"))


class TestRevoke:
    def test_is_final_told_once_and_rung(self):
        key = factories.make_api_key().key

        revoke_key(key=key, by="user:rita", reason="left the desk")
        first = key.revoked_at
        revoke_key(key=key, by="user:ravi", reason="again")

        assert key.revoked_at == first is not None
        event = AuditEvent.objects.get(kind="key.revoked")
        assert (event.actor, event.reason) == ("user:rita", "left the desk")

    @pytest.mark.django_db(transaction=True)
    def test_rings(self):
        key = factories.make_api_key().key

        with listening("keys") as bell:
            revoke_key(key=key, by="user:rita", reason="left the desk")

            assert bell.wait(0)


class TestFirstRun:
    def test_makes_one_administrator_and_tells_the_password_once(self):
        name, password = ensure_first_admin()

        assert User.objects.get(username=name).check_password(password)
        assert password not in dump()
        assert ensure_first_admin() == (name, None)
        assert User.objects.count() == 1

    def test_takes_a_strong_password_and_does_not_repeat_it(self):
        assert ensure_first_admin("correct horse battery") == ("admin", None)
        assert User.objects.get().check_password("correct horse battery")

    @pytest.mark.parametrize("weak", ["short", "password1234", "123456789012", "elevenchars"])
    def test_refuses_a_weak_password(self, weak):
        with pytest.raises(WeakSecret, match="JAXBROKER_STANDALONE_ADMIN_PASSWORD"):
            ensure_first_admin(weak)

        assert not User.objects.exists()

    def test_makes_one_key_and_tells_it_once(self):
        token = ensure_standalone_key()

        caller = caller_of(ApiKey.objects.get())
        assert Token.parse(token).matches(ApiKey.objects.get().secret_hash)
        assert caller.all_accounts
        assert caller.scopes == set(SCOPES)
        assert ensure_standalone_key() is None

    def test_takes_a_key_that_was_set_beforehand(self):
        token = Token.new("paper").text

        assert ensure_standalone_key(token) is None
        assert ensure_standalone_key(token) is None
        assert ApiKey.objects.count() == 1

    @pytest.mark.parametrize(
        "bad", ["secret", f"jb_live_k7m2qd4x_{'aB3dE6gH9j' * 4}", f"jb_paper_k7m2qd4x_{'a' * 40}"]
    )
    def test_refuses_a_key_of_another_form_mode_or_strength(self, bad):
        with pytest.raises(WeakSecret, match="JAXBROKER_STANDALONE_API_KEY") as refusal:
            ensure_standalone_key(bad)

        assert bad not in str(refusal.value)


class TestCommands:
    def test_create_api_key_prints_the_token_alone(self, capsys):
        call_command("create_api_key", "backend", "--scope", "read:quotes", "--account", "DU1234567")

        out, err = capsys.readouterr()
        assert Token.parse(out.strip()).matches(ApiKey.objects.get().secret_hash)
        assert ApiKey.objects.get().scopes == ["read:quotes"]
        assert "not shown again" in err

    def test_create_api_key_explains_a_refusal(self):
        with pytest.raises(CommandError, match="account code"):
            call_command("create_api_key", "backend", "--account", "*")

    def test_first_admin_works_once(self, capsys):
        call_command("first_admin")

        assert User.objects.get().check_password(capsys.readouterr().out.strip())
        with pytest.raises(CommandError, match="already"):
            call_command("first_admin")


class TestRoles:
    def test_are_there_after_the_migrations(self):
        names = set(Group.objects.values_list("name", flat=True))

        assert names >= {"viewer", "trader", "risk-1", "risk-2", "admin", "break-glass"}
