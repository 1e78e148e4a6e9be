"""The published description, the examples of the specification and the answers agree."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from apps.accounts.models import Account
from apps.bridge import examples, shapes
from apps.bridge.urls import urlpatterns
from apps.instruments.models import Instrument
from apps.positions.models import Position
from tests.bridge.conftest import client_with, now, order
from tests.bridge.test_dialects import report_balances

SHOWN = {
    "HEALTH": shapes.HealthOut,
    "CONNECT": shapes.ConnectedOut,
    "DISCONNECT": shapes.ConnectedOut,
    "QUOTE": shapes.QuoteOut,
    "CANDLES": shapes.CandlesOut,
    "PLACED": shapes.PlacedOut,
    "ORDERS": shapes.OrdersOut,
    "ORDER_STATE": shapes.OrderStateOut,
    "CANCELLED": shapes.CancelledOut,
    "CLOSED": shapes.PlacedOut,
    "BRACKET": shapes.BracketOut,
    "POSITIONS": shapes.PositionsOut,
    "PROTECTED": shapes.ProtectionOut,
    "ACCOUNT": shapes.AccountOut,
    "EXECUTOR_ACCOUNT": shapes.ExecutorAccountOut,
    "EXECUTOR_STATUS": shapes.ExecutorStatusOut,
    "EXECUTOR_POSITIONS": shapes.ExecutorPositionsOut,
}


@pytest.fixture
def caller(aapl: Instrument, account: Account) -> APIClient:
    """A caller with something to see everywhere."""
    report_balances(NetLiquidation="1", BuyingPower="1", TotalCashValue="1")
    Position.objects.create(account=account, instrument=aapl, quantity=10, average_cost=1, as_of=now())
    return client_with("read:quotes", "read:account", "orders:place", "orders:cancel", "connection:control")


def fields_of(value: Any, path: str = "") -> set[str]:
    """Return the names in a JSON value as paths, lists by their first element."""
    if isinstance(value, dict):
        return {found for name, inner in value.items() for found in fields_of(inner, f"{path}.{name}")}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return fields_of(value[0], path)
    return {path}


def fields_of_shape(shape: Any, path: str = "") -> set[str]:
    """Return the names in a serializer as paths."""
    shape = getattr(shape, "child", shape)
    inner = getattr(shape, "fields", None)
    if inner is None:
        return {path}
    return {found for name, field in inner.items() for found in fields_of_shape(field, f"{path}.{name}")}


class TestExamples:
    """A field here and not there fails the build."""

    @pytest.mark.parametrize("name", sorted(SHOWN))
    def test_the_shape_has_the_fields_of_the_example(self, name: str) -> None:
        example = json.loads(getattr(examples, name))

        assert fields_of(example) == fields_of_shape(SHOWN[name]())

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("HEALTH", "/health"),
            ("QUOTE", "/quotes/AAPL"),
            ("POSITIONS", "/positions"),
            ("ACCOUNT", "/account"),
            ("EXECUTOR_ACCOUNT", "/api/v1/account"),
            ("EXECUTOR_POSITIONS", "/api/v1/positions"),
        ],
    )
    def test_reads_answer_with_the_fields_of_the_example(
        self, caller: APIClient, name: str, path: str
    ) -> None:
        assert fields_of(caller.get(path).json()) == fields_of(json.loads(getattr(examples, name)))

    def test_orders_answer_with_the_fields_of_the_examples(self, caller: APIClient) -> None:
        placed = caller.post("/orders", order(), format="json").json()
        path = f"/orders/{placed['order_id']}"
        answers = {
            "PLACED": placed,
            "ORDER_STATE": caller.get(path).json(),
            "ORDERS": caller.get("/orders").json(),
            "EXECUTOR_STATUS": caller.get(f"/api/v1{path}/status").json(),
            "CANCELLED": caller.delete(path).json(),
            "CONNECT": caller.post("/connect").json(),
        }

        for name, answer in answers.items():
            assert fields_of(answer) == fields_of(json.loads(getattr(examples, name))), name


class TestDescription:
    """drf-spectacular has nothing to complain about."""

    def test_the_description_is_valid_and_complete(self) -> None:
        out = StringIO()

        call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)

        described = json.loads(out.getvalue())["paths"]
        assert set(described) >= {_path(route) for route in urlpatterns}

    def test_every_operation_has_a_tag_and_shows_the_problem_body(self) -> None:
        out = StringIO()
        call_command("spectacular", "--format", "openapi-json", stdout=out)

        operations = [
            operation
            for path, methods in json.loads(out.getvalue())["paths"].items()
            for operation in methods.values()
            if path in {_path(route) for route in urlpatterns}
        ]

        assert len(operations) == 19
        assert all(operation["tags"][0].startswith(("Compat", "Executor")) for operation in operations)
        assert all("application/problem+json" in op["responses"]["405"]["content"] for op in operations)


def _path(route: URLPattern | URLResolver) -> str:
    text = str(route.pattern)
    for ours, theirs in (("<str:symbol>", "{symbol}"), ("^", ""), ("$", "")):
        text = text.replace(ours, theirs)
    head, found, tail = text.partition("(?P<order_id>")
    return f"/{head}{{order_id}}{tail.partition(')')[2]}" if found else f"/{text}"
