"""From a parsed body to an order and back, for both frozen dialects.

The dialects differ in their envelopes only, so that an order placed on one cannot be
treated otherwise on the other. What is decided about an order is decided in orders.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.callers import Caller
from apps.access.permissions import demand_scope
from apps.bridge import render, words
from apps.bridge.callers import account_code, visible_accounts
from apps.bridge.rows import OrderRow
from apps.common.problems import problem_response
from apps.common.request_ids import ids_of
from apps.common.rest import preferred_wait_s
from apps.common.waiting import wait_until
from apps.domain.codes import CODES
from apps.domain.errors import DomainError
from apps.domain.orders import OrderStatus, OrderTicket, OrderType, Side, TimeInForce
from apps.orders.selectors import order_by_id
from apps.orders.services.intake import Submission, Wishes, submit_order

REPEAT = "orders:repeat"

#: Until an order has left these, the broker has said nothing about it.
_NO_EVIDENCE = frozenset(
    {OrderStatus.PENDING_APPROVAL, OrderStatus.ACCEPTED, OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN}
)


class KeysDisagree(DomainError):
    """Idempotency-Key and client_order_id name two keys"""

    code = "VALIDATION_KEY"


def place_order(values: Mapping[str, Any], *, request: Request, caller: Caller) -> Submission:
    """Submit the order that a validated body of POST /orders asks for."""
    order_type = words.ORDER_TYPES[values["order_type"]]
    return submit_order(
        ticket_of(values, order_type=order_type, account=account_code(caller, values.get("account"))),
        client_order_id=key_of(request, values),
        by=caller,
        ids=ids_of(request),
        wishes=wishes_of(values, caller=caller),
    )


def ticket_of(
    values: Mapping[str, Any], *, order_type: OrderType, account: str, limit_field: str = "limit_price"
) -> OrderTicket:
    """Return the ticket in a validated body."""
    return OrderTicket(
        account=account,
        symbol=values["symbol"],
        side=Side(values["action"]),
        order_type=order_type,
        quantity=Decimal(values["quantity"]),
        limit_price=values.get(limit_field),
        stop_price=values.get("stop_price"),
        time_in_force=TimeInForce(values["tif"]),
        outside_rth=values["outside_rth"],
        expires_in_s=values.get("expires_in"),
        tag=words.TAG_ENTRY,
    )


def wishes_of(values: Mapping[str, Any], *, caller: Caller) -> Wishes:
    """Return what the caller allows beyond the ticket. Raises MissingScope."""
    if values["allow_duplicate"]:
        demand_scope(caller, REPEAT)
    return Wishes(
        allow_duplicate=values["allow_duplicate"],
        allow_immediate_trigger=values["allow_immediate_trigger"],
        round_prices=values["round_prices"],
    )


def key_of(request: Request, values: Mapping[str, Any]) -> str | None:
    """Return the idempotency key from body or header. Raises KeysDisagree."""
    body: str | None = values.get("client_order_id")
    header: str | None = request.headers.get("Idempotency-Key")
    if body is not None and header is not None and body != header:
        raise KeysDisagree
    return body if body is not None else header


def placed_response(
    submission: Submission, *, request: Request, caller: Caller, message: str
) -> HttpResponseBase:
    """Answer a placed order: exactly 200, or the problem of a refusal.

    With `Prefer: wait=N` the broker's word is awaited first, and its refusal is told as one.
    """
    order, waited_s = submission.order, preferred_wait_s(request)
    current = after_wait(order, caller=caller, wait_s=waited_s)
    if current.status == OrderStatus.DENIED:
        return denied_response([current], request=request)
    if waited_s and current.status == OrderStatus.REJECTED:
        return rejected_response(current, request=request)
    response = Response(render.placed_body(current, message=message, warnings=submission.warnings))
    if submission.replayed:
        response["Idempotent-Replayed"] = "true"
    if waited_s:
        response["Preference-Applied"] = f"wait={waited_s}"
    return response


def after_wait(order: OrderRow, *, caller: Caller, wait_s: int) -> OrderRow:
    """Return the order as soon as the broker has spoken of it, or as it stands after `wait_s`."""
    if not wait_s:
        return order
    seen = visible_accounts(caller)

    def with_evidence() -> OrderRow | None:
        row: OrderRow = order_by_id(order.id, accounts=seen)
        return None if row.status in _NO_EVIDENCE else row

    found = wait_until(with_evidence, topics=[f"order:{order.id}"], deadline_s=wait_s)
    return found or order_by_id(order.id, accounts=seen)


def denied_response(family: Sequence[OrderRow], *, request: Request) -> HttpResponse:
    """Return the problem of a denied order, or of a family whose first refused member tells why."""
    order = next((row for row in family if row.reason_codes), family[0])
    reasons = _reasons(order)
    code = order.reason_codes[0] if order.reason_codes else "RISK_UNAVAILABLE"
    first = reasons[0] if reasons else {}
    return problem_response(
        code,
        first.get("detail", ""),
        request=request,
        reasons=reasons or None,
        nearest=first.get("nearest"),
        retry_after_s=1 if CODES[code].status == 429 else None,
        order_id=family[0].id,
        order_uuid=str(family[0].uuid),
    )


def rejected_response(order: OrderRow, *, request: Request) -> HttpResponse:
    """Return the problem of an order the broker refused."""
    return problem_response(
        "BROKER_REJECTED",
        order.ib_error_text or "The broker refused the order",
        request=request,
        ib_code=order.ib_error_code,
        ib_message=order.ib_error_text or None,
        order_id=order.id,
        order_uuid=str(order.uuid),
    )


def _reasons(order: OrderRow) -> list[dict[str, Any]]:
    """Return the refusals of the newest gate that refused, without empty members."""
    for decision in reversed(order.decisions):
        if refusals := decision.get("refusals"):
            version = {"limits_version": decision.get("limits_version")}
            return [{name: value for name, value in found.items() if value} | version for found in refusals]
    return []
