"""/orders of the compat dialect: place, list, look up, cancel, bracket."""

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import known_caller
from apps.bridge import describe, render, words
from apps.bridge.callers import account_code, visible_accounts
from apps.bridge.inputs import BracketIn, PlaceOrderIn, parsed
from apps.bridge.trading import (
    denied_response,
    key_of,
    place_order,
    placed_response,
    ticket_of,
    wishes_of,
)
from apps.common.request_ids import ids_of
from apps.common.rest import ApiView
from apps.domain.orders import OrderStatus
from apps.orders.selectors import OrderNotFound, order_by_id, recent_orders
from apps.orders.services.families import submit_bracket
from apps.orders.services.wishes import request_cancel


class OrdersView(ApiView):
    """Place one order; list the open and the recently closed ones."""

    required_scopes = {"GET": "read:account", "POST": "orders:place"}

    @extend_schema(**describe.PLACE_ORDER)
    def post(self, request: Request) -> HttpResponseBase:
        """Place one order."""
        caller = known_caller(request)
        submission = place_order(parsed(PlaceOrderIn, request.data), request=request, caller=caller)
        return placed_response(submission, request=request, caller=caller, message="Order accepted")

    @extend_schema(**describe.LIST_ORDERS)
    def get(self, request: Request) -> Response:
        """List orders."""
        rows = recent_orders(visible_accounts(known_caller(request)), now=timezone.now())
        return Response({"orders": [render.listed_order_body(row) for row in rows], "count": len(rows)})


class OrderView(ApiView):
    """One order by our integer id."""

    required_scopes = {"GET": "read:account", "DELETE": "orders:cancel"}

    @extend_schema(**describe.GET_ORDER)
    def get(self, request: Request, order_id: str) -> Response:
        """Return its state; an id nobody knows is 200 with status Unknown, as ever."""
        try:
            order = order_by_id(int(order_id), accounts=visible_accounts(known_caller(request)))
        except OrderNotFound:
            return Response(render.unknown_order_body(int(order_id), now=timezone.now()))
        return Response(render.order_state_body(order))

    @extend_schema(**describe.CANCEL_ORDER)
    def delete(self, request: Request, order_id: str) -> Response:
        """Ask for its cancel; never refused because the broker is away."""
        caller = known_caller(request)
        order = order_by_id(int(order_id), accounts=visible_accounts(caller))
        asked = request_cancel(order.pk, by=caller.principal, request_id=self.ids.request_id)
        return Response(render.cancel_body(asked))


class BracketView(ApiView):
    """An entry with a take-profit, a stop or both, sent as one."""

    required_scopes = {"POST": "orders:place"}

    @extend_schema(**describe.PLACE_BRACKET)
    def post(self, request: Request) -> HttpResponseBase:
        """Place the bracket."""
        caller, values = known_caller(request), parsed(BracketIn, request.data)
        entry = ticket_of(
            values,
            order_type=words.ENTRY_TYPES[values["entry_order_type"]],
            account=account_code(caller, values.get("account")),
            limit_field="entry_limit_price",
        )
        bracket = submit_bracket(
            entry,
            take_profit=values.get("take_profit"),
            stop_loss=values.get("stop_loss"),
            client_order_id=key_of(request, values),
            by=caller,
            ids=ids_of(request),
            wishes=wishes_of(values, caller=caller),
        )
        if bracket.parent.status == OrderStatus.DENIED:
            return denied_response([bracket.parent, *bracket.children], request=request)
        response = Response(
            render.bracket_body(bracket.parent, bracket.children, group_uuid=str(bracket.group.uuid))
        )
        if bracket.replayed:
            response["Idempotent-Replayed"] = "true"
        return response
