"""Promises of the read-only lists: every one opens, sorts, searches, and changes nothing."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.common.admin import ReadOnlyAdmin
from apps.orders.models import Order
from tests import factories
from tests.console import scene

pytestmark = pytest.mark.django_db

READ_ONLY = sorted(
    (
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, shown in admin.site._registry.items()
        if isinstance(shown, ReadOnlyAdmin)
    ),
)


@pytest.fixture
def client():
    """Return the browser of somebody with every right, to whom facts are facts all the same."""
    scene.make_desk()
    factories.make_api_key()
    client = Client()
    client.force_login(factories.make_person("root", is_superuser=True))
    return client


def cells(page, column):
    """Return what a column shows, top to bottom, without markup."""
    found = re.findall(rf'<t[dh] class="field-{column}[ "][^>]*>(.*?)</t[dh]>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in found]


class TestEveryList:
    @pytest.mark.parametrize("name", READ_ONLY)
    def test_opens_searches_and_sorts_by_every_column(self, client, name):
        path = reverse(f"admin:{name}_changelist")

        opened = client.get(path)
        sortable = re.findall(r'href="(\?o=[^"&]+)"', opened.content.decode())
        answers = [client.get(path + query).status_code for query in ["?q=AAPL", "?q=1", *sortable]]

        assert opened.status_code == 200
        assert set(answers) == {200}

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_rows_open_and_have_no_inline_style_and_nothing_to_save(self, client, name):
        page = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        details = re.findall(r'href="([^"]+/change/)[^"]*"', page)

        for path in details[:3]:
            answer = client.get(path)
            text = answer.content.decode()
            assert answer.status_code == 200
            assert not re.search(r'<style|\sstyle="', text)
            assert 'name="_save"' not in text
            assert 'type="text"' not in text.split("<main", 1)[1]

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_adds_changes_and_deletes_nothing_even_for_a_superuser(self, client, name):
        page = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        details = re.findall(r'href="([^"]+/change/)[^"]*"', page)

        refused = [client.post(reverse(f"admin:{name}_add"), {}).status_code]
        if details:
            refused.append(client.post(details[0], {"_save": "Save"}).status_code)
            refused.append(
                client.post(details[0].replace("/change/", "/delete/"), {"post": "yes"}).status_code
            )

        assert set(refused) == {403}


class TestOrders:
    @pytest.fixture
    def page(self, client):
        """Return a function that reads the order list with a query."""
        return lambda query="": client.get(reverse("admin:orders_order_changelist") + query).content.decode()

    def test_shows_the_numbers_of_the_rows(self, page):
        shown = page("?q=rb-2211-07")

        assert cells(shown, "quantity_figure") == ["1,000"]
        assert cells(shown, "terms_figure") == ["LMT 233.10"]
        assert cells(shown, "filled_quantity_figure") == ["1,000"]
        assert cells(shown, "average_figure") == ["233.0925"]
        assert cells(shown, "side") == ["Sell"]
        assert cells(shown, "status_word") == ["FILLED"]

    @pytest.mark.parametrize(
        ("query", "number"),
        [
            ("AAPL", 4),
            ("rb-2211-04", 1),
            ("JB-7F3K2M04", 1),
            ("50004", 1),
            ("1804552117", 1),
            ("nothing-like-this", 0),
        ],
    )
    def test_is_found_by_any_of_its_names(self, page, query, number):
        Order.objects.filter(client_order_id="rb-2211-04").update(ib_perm_ids=[1804552117])

        assert len(cells(page(f"?q={query}"), "status_word")) == number

    def test_is_found_by_its_uuid(self, page):
        order = Order.objects.get(client_order_id="rb-2211-04")

        assert len(cells(page(f"?q={order.uuid}"), "status_word")) == 1

    @pytest.mark.parametrize(
        ("group", "words"),
        [
            ("in_doubt", {"UNKNOWN"}),
            ("unsent", {"ACCEPTED"}),
            ("open", {"WORKING", "PARTIALLY_FILLED"}),
            ("not_closed", {"UNKNOWN", "ACCEPTED", "WORKING", "PARTIALLY_FILLED"}),
            ("closed", {"REJECTED", "DENIED", "CANCELLED", "FILLED"}),
        ],
    )
    def test_filters_by_the_groups_people_think_in(self, page, group, words):
        assert set(cells(page(f"?group={group}"), "status_word")) == words

    def test_costs_no_query_per_row(self, client, django_assert_max_num_queries):
        account = Order.objects.first().account
        instrument = scene.make_instrument("MSFT", 272093)
        for number in range(20, 60):
            scene.make_order(account, instrument, number=number)

        with django_assert_max_num_queries(22):
            client.get(reverse("admin:orders_order_changelist"))

    def test_detail_has_events_executions_and_the_way_to_cancel(self, client):
        filled = Order.objects.get(client_order_id="rb-2211-07")
        working = Order.objects.get(client_order_id="rb-2211-01")

        closed = client.get(reverse("admin:orders_order_change", args=[filled.pk])).content.decode()
        opened = client.get(reverse("admin:orders_order_change", args=[working.pk])).content.decode()

        assert "0000e1a7.65c2.01.01" in closed
        assert "\u2212185.00" in closed
        assert "Cancel this order" not in closed
        assert reverse("console:cancel", args=[working.uuid]) in opened

    def test_shows_hostile_text_as_text(self, client):
        order = Order.objects.get(client_order_id="rb-2211-04")
        Order.objects.update(ib_error_text="<img src=x onerror=alert(1)>")

        page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


class TestPositions:
    def test_hides_closed_ones_until_asked(self, client):
        account = Order.objects.first().account
        held = account.positions.first()
        account.positions.filter(pk=held.pk).update(quantity=0)
        path = reverse("admin:positions_position_changelist")

        now, closed, every = (
            cells(client.get(path + query).content.decode(), "quantity_figure")
            for query in ("", "?held=no", "?held=all")
        )

        assert (now, closed, len(every)) == (["500"], ["0"], 2)


class TestAudit:
    def test_says_whether_the_chain_is_whole(self, client):
        page = client.get(reverse("admin:audit_auditevent_changelist")).content.decode()

        assert "Chain whole to row 1" in page


class TestPeople:
    def test_only_superusers_see_them(self, rita):
        client = Client()
        client.force_login(rita)

        assert client.get(reverse("admin:auth_user_changelist")).status_code == 403

    def test_a_change_of_roles_is_an_audit_line(self, client):
        vera = factories.make_person("vera", role="viewer")
        trader = vera.groups.model.objects.get(name="trader")
        page = reverse("admin:auth_user_change", args=[vera.pk])

        answer = client.post(
            page, {"username": "vera", "is_active": "on", "is_staff": "on", "groups": [trader.pk]}
        )

        assert answer.status_code == 302
        assert [group.name for group in vera.groups.all()] == ["trader"]
        audit = client.get(reverse("admin:audit_auditevent_changelist") + "?q=user.changed").content.decode()
        assert cells(audit, "object") == ["user:vera"]
