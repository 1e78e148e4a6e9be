"""Recoveries and differences for programs: shapes, scopes, whose accounts, pages."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Account, Connection
from apps.gateway import examples
from apps.gateway.models import Recovery
from apps.gateway.services import FoundDifference, record_check, record_differences
from tests.bridge.conftest import CODE, OTHER, account, assert_problem, client_with, epoch
from tests.bridge.test_description import fields_of

__all__ = ["account", "epoch"]

pytestmark = pytest.mark.django_db

RECOVERIES = "/api/v2/recoveries"
RECONCILIATION = "/api/v2/reconciliation"
NOBODYS = "0195f3b8-0000-7000-8000-000000000001"


def make_report(number: int = 0, **changes: Any) -> Recovery:
    back = datetime(2026, 3, 11, 3, 47, 2, tzinfo=UTC) + timedelta(hours=number)
    values = {
        "session": 7 + number,
        "cause": "IB Gateway closed the connection",
        "gap_from": back - timedelta(seconds=112),
        "gap_to": back,
        "ready_at": back + timedelta(seconds=3),
        "rematched": [
            {"account": code, "order": "BUY 10 AAPL", "order_uuid": "x"} for code in (CODE, CODE, OTHER)
        ],
        "orders_rematched": 3,
        "fills_recovered": [
            {"ib_exec_id": "0000e0d5.69b0aaaa.01.01", "account": CODE},
            {"ib_exec_id": "0000e0d5.69b0bbbb.01.01", "account": OTHER},
        ],
        "subscriptions_restored": 7,
    }
    return Recovery.objects.create(connection=Connection.objects.get(), **values | changes)


@pytest.fixture
def caller(account: Account) -> APIClient:
    return client_with("read:account")


@pytest.fixture
def all_seeing(account: Account) -> APIClient:
    return client_with("read:account", accounts=(), all_accounts=True)


class TestRecoveries:
    def test_one_has_the_fields_of_the_example(self, all_seeing: APIClient) -> None:
        report = make_report()

        body = all_seeing.get(f"{RECOVERIES}/{report.uuid}").json()

        assert set(body) == fields_of_object(examples.RECOVERY)
        assert (body["gap_from"], body["gap_to"]) == (
            "2026-03-11T03:45:10.000000Z",
            "2026-03-11T03:47:02.000000Z",
        )
        assert (body["orders_rematched"], len(body["fills_recovered"])) == (3, 2)

    def test_counts_nothing_of_accounts_the_caller_may_not_see(self, caller: APIClient) -> None:
        report = make_report()

        body = caller.get(f"{RECOVERIES}/{report.uuid}").json()

        assert (body["orders_rematched"], body["fills_recovered"]) == (2, ["0000e0d5.69b0aaaa.01.01"])

    def test_of_a_connection_without_an_account_of_the_caller_is_404(self, account: Account) -> None:
        report = make_report()
        stranger = client_with("read:account", accounts=("DU0000001",))

        foreign = stranger.get(f"{RECOVERIES}/{report.uuid}")
        unknown = stranger.get(f"{RECOVERIES}/{NOBODYS}")

        assert_problem(foreign, 404, "NOT_FOUND")
        assert_problem(unknown, 404, "NOT_FOUND")
        assert stranger.get(RECOVERIES).json()["data"] == []

    def test_pages_from_the_newest_on(self, caller: APIClient) -> None:
        reports = [make_report(number) for number in range(5)]

        pages, cursor = [], ""
        while cursor is not None:
            query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
            page = caller.get(RECOVERIES + query).json()
            pages.append([row["uuid"] for row in page["data"]])
            cursor = page["next_cursor"]

        newest_first = [str(report.uuid) for report in reversed(reports)]
        assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("limit=0", "VALIDATION_RANGE"),
            ("limit=501", "VALIDATION_RANGE"),
            ("limit=1e2", "VALIDATION_RANGE"),
            ("limit=٣", "VALIDATION_RANGE"),
            ("cursor=nonsense", "VALIDATION_CURSOR"),
            ("cursor=eyJpZCI6LTF9", "VALIDATION_CURSOR"),
            ("cursor=eyJpZCI6dHJ1ZX0", "VALIDATION_CURSOR"),
            ("cursor=%C3%A4", "VALIDATION_CURSOR"),
            ("page=1", "VALIDATION_UNKNOWN_FIELD"),
            ("limit=1&limit=2", "VALIDATION_UNKNOWN_FIELD"),
        ],
    )
    def test_refuses_a_query_it_does_not_understand(self, caller: APIClient, query: str, code: str) -> None:
        assert_problem(caller.get(f"{RECOVERIES}?{query}"), 400, code)


class TestReconciliation:
    def test_before_the_first_look_the_books_do_not_match(self, caller: APIClient) -> None:
        body = caller.get(RECONCILIATION).json()

        assert body == {"account": CODE, "books_match": False, "checked_at": None, "data": []}

    def test_after_a_clean_look_they_do(self, caller: APIClient, account: Account) -> None:
        record_check(account, now=datetime(2026, 3, 11, 15, 30, tzinfo=UTC), session=7)

        body = caller.get(RECONCILIATION).json()

        assert (body["books_match"], body["checked_at"]) == (True, "2026-03-11T15:30:00.000000Z")

    def test_a_difference_has_the_fields_of_the_example(self, caller: APIClient, account: Account) -> None:
        found = FoundDifference("external_order", "perm 5", "SELL 5 MSFT placed outside of us")
        now = datetime.now(UTC)
        record_differences(account, found=[found], now=now - timedelta(seconds=42))
        record_check(account, now=now, session=7)

        body = caller.get(RECONCILIATION).json()

        assert fields_of(body) == fields_of(json.loads(examples.RECONCILIATION))
        assert (body["books_match"], body["data"][0]["age_s"]) == (False, 42)

    def test_needs_the_account_named_if_several_could_be_meant(self, all_seeing: APIClient) -> None:
        assert_problem(all_seeing.get(RECONCILIATION), 422, "ACCOUNT_REQUIRED")
        assert all_seeing.get(f"{RECONCILIATION}?account={OTHER}").json()["account"] == OTHER

    def test_of_another_account_is_refused(self, caller: APIClient) -> None:
        assert_problem(caller.get(f"{RECONCILIATION}?account={OTHER}"), 403, "ACCOUNT_NOT_ALLOWED")


class TestEveryRoute:
    @pytest.mark.parametrize(
        "path", [RECOVERIES, f"{RECOVERIES}/{'0' * 8}-0000-7000-8000-{'0' * 12}", RECONCILIATION]
    )
    def test_asks_for_a_key_with_the_scope_and_a_read(self, account: Account, path: str) -> None:
        nobody, other_scope = APIClient(REMOTE_ADDR="203.0.113.9"), client_with("read:quotes")

        assert_problem(nobody.get(path), 401, "UNAUTHENTICATED")
        assert_problem(other_scope.get(path), 403, "MISSING_SCOPE")
        assert_problem(client_with("read:account").post(path, {}, format="json"), 405, "METHOD_NOT_ALLOWED")
        assert_problem(client_with("read:account").get(f"{path}/"), 404, "NOT_FOUND")


def fields_of_object(example: str) -> set[str]:
    return set(json.loads(example))
