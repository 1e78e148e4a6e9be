"""Promises of the console's pages, asked over HTTP without a browser."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.access.models import ApiKey
from apps.accounts.models import Connection
from apps.audit.models import AuditEvent
from apps.orders.models import Order
from apps.safety.models import TradingState
from tests import factories
from tests.console import scene

pytestmark = pytest.mark.django_db

PAGES = ("index", "safety", "halt", "connection")


@pytest.fixture
def vera(db):
    """Vera may look and nothing else."""
    return factories.make_person("vera", role="viewer")


def signed_in(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    return client


def post(client, path, **data):
    """Post a form as the page would: with the token that the page carries."""
    page = client.get(path).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return client.post(path, data | {"csrfmiddlewaretoken": found[1] if found else ""})


def everything():
    return TradingState.objects.get(scope="*")


class TestSignIn:
    def test_leads_from_any_page_to_the_door_and_back(self, tara):
        client = Client()

        answer = client.get(reverse("console:safety"))

        assert answer.status_code == 302
        assert answer["Location"] == "/admin/login/?next=/admin/safety/"

    @pytest.mark.parametrize("name", ["tara", "nobody-of-this-name", "customer"])
    def test_says_the_same_whoever_failed(self, tara, django_user_model, name):
        django_user_model.objects.create_user("customer", password=factories.PASSWORD)
        password = factories.PASSWORD if name == "customer" else "wrong"

        page = post(Client(), reverse("console:login"), username=name, password=password).content.decode()

        assert "User name and password do not match, or you have no access here." in page
        assert name not in page

    def test_never_leads_to_another_host(self, tara):
        client = Client()

        answer = client.post(
            reverse("console:login") + "?next=https://evil.example/",
            {"username": "tara", "password": factories.PASSWORD, "next": "https://evil.example/"},
        )

        assert answer["Location"] == "/admin/"

    def test_a_link_cannot_sign_out(self, tara):
        client = signed_in(tara)

        answer = client.get(reverse("console:logout"))

        assert answer.status_code == 405
        assert client.get(reverse("console:safety")).status_code == 200


class TestStrictPolicy:
    @pytest.mark.parametrize("name", [*PAGES, "login", "bar", "reduce", "resume", "key_new"])
    def test_custom_pages_allow_no_inline_code_and_no_eval(self, name):
        scene.make_desk()
        client = signed_in(factories.make_person("root", is_superuser=True))

        answer = client.get(reverse(f"console:{name}"))

        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        text = answer.content.decode()
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text)


class TestHalt:
    def test_shows_what_would_happen_before_the_button(self, tara):
        scene.make_desk()

        page = signed_in(tara).get(reverse("console:halt")).content.decode()

        assert "2 open orders are cancelled at the broker" in page
        assert "8,472.80" in page
        assert "1 order in doubt is cancelled when it is found" in page
        assert "1 order not sent is dropped" in page
        assert "2 positions stay held: AAPL 300, KO 500" in page
        assert "101,159.00" in page
        assert "Orders made in TWS or on the phone stay, 1 seen" in page

    def test_halts_on_the_typed_word_and_reports(self, tara):
        scene.make_desk()
        client = signed_in(tara)

        answer = post(client, reverse("console:halt"), word="HALT", reason="Emergency")

        assert answer.status_code == 302
        assert everything().state == "HALTED"
        assert everything().actor == "user:tara"
        assert Order.objects.get(client_order_id="rb-2211-01").status == "PENDING_CANCEL"
        assert Order.objects.get(client_order_id="rb-2211-03").status == "CANCELLED_UNSENT"
        assert Order.objects.get(client_order_id="rb-2211-09").cancel_requested_at is None
        page = client.get(reverse("console:safety")).content.decode()
        assert "Trading is HALTED" in page
        assert "Report of the halt" in page
        assert page.count("not cancelled so far") == 4  # the figure's label and three orders

    @pytest.mark.parametrize("word", ["", "STOP", "HALT NOW"])
    def test_changes_nothing_without_the_word(self, tara, word):
        scene.make_desk()

        answer = post(signed_in(tara), reverse("console:halt"), word=word, reason="Emergency")

        assert answer.status_code == 400
        assert "Type HALT to confirm." in answer.content.decode()
        assert everything().state == "ACTIVE"

    def test_pressing_twice_is_harmless(self, tara):
        scene.make_desk()
        client = signed_in(tara)

        post(client, reverse("console:halt"), word="halt", reason="Emergency")
        post(client, reverse("console:halt"), word="HALT", reason="Emergency")

        assert everything().state == "HALTED"
        assert everything().halt_epoch == 1

    def test_needs_the_token_of_the_page(self, tara):
        answer = signed_in(tara).post(reverse("console:halt"), {"word": "HALT", "reason": "Emergency"})

        assert answer.status_code == 403
        assert everything().state == "ACTIVE"


class TestResume:
    def test_takes_the_typed_word_and_a_risk_role(self, tara, rita):
        post(signed_in(tara), reverse("console:halt"), word="HALT", reason="Emergency")

        refused = post(signed_in(tara), reverse("console:resume"), word="RESUME", reason="all is well")
        mistyped = post(signed_in(rita), reverse("console:resume"), word="resume", reason="all is well")
        still = everything().state
        resumed = post(signed_in(rita), reverse("console:resume"), word="RESUME", reason="all is well")

        assert (refused.status_code, mistyped.status_code, still) == (403, 400, "HALTED")
        assert resumed.status_code == 302
        assert everything().state == "ACTIVE"

    def test_an_unknown_scope_is_no_page(self, rita):
        assert signed_in(rita).get(reverse("console:resume") + "?scope=symbol:NONE").status_code == 404


class TestReduce:
    def test_needs_only_a_reason(self, tara):
        answer = post(signed_in(tara), reverse("console:reduce"), reason="earnings tonight")

        assert answer.status_code == 302
        assert everything().state == "REDUCING"


class TestViewer:
    def test_sees_no_action_in_the_html(self, vera):
        scene.make_desk()
        order = Order.objects.get(client_order_id="rb-2211-01")
        client = signed_in(vera)

        pages = [
            client.get(path).content.decode()
            for path in (
                reverse("console:safety"),
                reverse("console:connection"),
                reverse("admin:orders_order_change", args=[order.pk]),
                reverse("admin:access_apikey_changelist"),
            )
        ]

        for page in pages:
            for act in ("halt/", "reduce/", "resume/", "cancel/", "connect/", "revoke/", "apikey/new/"):
                assert act not in page

    @pytest.mark.parametrize("name", ["halt", "reduce", "resume", "key_new"])
    def test_a_forged_post_is_refused(self, vera, name):
        answer = post(signed_in(vera), reverse(f"console:{name}"), word="HALT", reason="Emergency")

        assert answer.status_code == 403
        assert everything().state == "ACTIVE"

    def test_a_forged_cancel_is_refused(self, vera):
        scene.make_desk()
        order = Order.objects.get(client_order_id="rb-2211-01")
        client = Client()
        client.force_login(vera)

        answer = client.post(reverse("console:cancel", args=[order.uuid]))

        order.refresh_from_db()
        assert answer.status_code == 403
        assert order.cancel_requested_at is None


class TestStaffWithoutARole:
    @pytest.mark.parametrize(
        "path",
        ["/admin/", "/admin/safety/", "/admin/bar/", "/admin/orders/order/", "/admin/audit/auditevent/"],
    )
    def test_sees_nothing(self, oskar, path):
        scene.make_desk()

        answer = signed_in(oskar).get(path)

        assert answer.status_code == 403
        assert "DU4512087" not in answer.content.decode()
        assert "READY" not in answer.content.decode()


class TestCancel:
    def test_asks_then_wishes(self, tara):
        scene.make_desk()
        order = Order.objects.get(client_order_id="rb-2211-01")
        client = signed_in(tara)
        page = reverse("console:cancel", args=[order.uuid])

        asked = client.get(page).content.decode()
        answer = post(client, page)

        order.refresh_from_db()
        assert "Buy 78 KO at 62.30" in asked
        assert "it may still fill" in asked
        assert answer.status_code == 302
        assert order.status == "PENDING_CANCEL"

    def test_of_a_closed_order_says_so_and_offers_nothing(self, tara):
        scene.make_desk()
        order = Order.objects.get(client_order_id="rb-2211-07")

        page = signed_in(tara).get(reverse("console:cancel", args=[order.uuid])).content.decode()

        assert "Nothing, the order is FILLED" in page
        assert "Cancel this order" not in page.split("<main", 1)[1]


class TestConnection:
    def test_disconnect_wants_the_name_typed(self, tara):
        scene.make_desk()
        page = reverse("console:disconnect", args=["main"])
        client = signed_in(tara)

        refused = post(client, page, word="mani", reason="maintenance")
        still = Connection.objects.get().wanted
        done = post(client, page, word="main", reason="maintenance")

        assert (refused.status_code, still) == (400, True)
        assert done.status_code == 302
        assert Connection.objects.get().wanted is False

    def test_without_a_connection_names_the_next_step(self, tara):
        page = signed_in(tara).get(reverse("console:connection")).content.decode()

        assert "No connection is registered yet" in page

    def test_a_silent_gateway_proves_nothing(self, tara):
        scene.make_desk()
        Connection.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=34))

        page = signed_in(tara).get(reverse("console:connection")).content.decode()

        assert "NO GATEWAY" in page
        assert "silent for 34 s" in page
        assert "MODE NOT PROVEN" in page


class TestModeProof:
    def test_lists_all_eight_ports_and_marks_ours(self, tara):
        scene.make_desk()

        page = signed_in(tara).get(reverse("console:safety")).content.decode()

        for port in (7496, 7497, 4001, 4002, 4003, 4004, 7498, 7499):
            assert f">{port}</th>" in page
        ours = re.findall(r'<tr class="sel"><th scope="row">(\d+)</th><td>(.*?)</td>', page)
        assert [port for port, _ in ours] == ["4002"]
        assert "paper" in ours[0][1]


class TestKeys:
    def test_the_secret_is_shown_once(self):
        scene.make_desk()
        client = signed_in(factories.make_person("root", is_superuser=True))

        shown = post(
            client,
            reverse("console:key_new"),
            label="rebalancer",
            scopes=["read:quotes"],
            accounts=[scene.ACCOUNT],
            days="30",
            reason="the rebalancer moves",
        ).content.decode()

        key = ApiKey.objects.get()
        token = re.search(r"jb_paper_\w+", shown)[0]
        assert key.key_id in token
        later = client.get(reverse("admin:access_apikey_change", args=[key.pk])).content.decode()
        assert token not in later
        assert key.secret_hash not in later
        assert AuditEvent.objects.filter(kind="key.issued", actor="user:root").exists()

    def test_revoking_wants_the_id_typed(self, api_key):
        client = signed_in(factories.make_person("root", is_superuser=True))
        page = reverse("console:key_revoke", args=[api_key.key.key_id])

        refused = post(client, page, word="wrong", reason="left the desk")
        done = post(client, page, word=api_key.key.key_id, reason="left the desk")

        api_key.key.refresh_from_db()
        assert (refused.status_code, done.status_code) == (400, 302)
        assert api_key.key.revoked_at is not None


class TestBarOnEveryPage:
    def test_costs_at_most_eight_queries(self, tara, django_assert_max_num_queries):
        scene.make_desk()
        client = signed_in(tara)
        client.get(reverse("console:bar"))

        with django_assert_max_num_queries(8):
            client.get(reverse("console:bar"))

    @pytest.mark.parametrize("name", PAGES)
    def test_pages_cost_at_most_ten_and_two_for_the_session_queries(
        self, tara, django_assert_max_num_queries, name
    ):
        scene.make_desk()
        client = signed_in(tara)

        with django_assert_max_num_queries(12):
            client.get(reverse(f"console:{name}"))

    def test_theme_is_set_by_the_server(self, tara):
        client = signed_in(tara)
        page = client.get(reverse("console:safety")).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]

        answer = client.post(
            reverse("console:theme"),
            {"theme": "dark", "next": "//evil.example/", "csrfmiddlewaretoken": token},
        )

        assert answer["Location"] == "/admin/"
        assert '<html lang="en" data-theme="dark">' in client.get(reverse("console:safety")).content.decode()


class TestWeight:
    def test_style_and_script_stay_within_their_budgets(self):
        def compressed(*names):
            files = [finders.find(f"console/{name}") for name in names]
            return sum(len(gzip.compress(Path(file).read_bytes())) for file in files)

        assert compressed("console.css") <= 8 * 1024
        assert compressed("console.js", "theme.js") <= 25 * 1024
