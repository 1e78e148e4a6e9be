"""/api/v1: the envelopes of the Go execution adapter around the same services.

It polls a status until it reads Filled or Cancelled and then stops, so here, and only
here, every end but FILLED reads Cancelled.
"""

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import known_caller
from apps.bridge import describe, render
from apps.bridge.callers import account_code, chosen_account, require_ready, visible_accounts
from apps.bridge.holdings import account_picture, positions_picture
from apps.bridge.inputs import PlaceOrderIn, parsed
from apps.bridge.trading import place_order, placed_response
from apps.common.rest import ApiView
from apps.orders.selectors import order_by_id


class ExecutorAccountView(ApiView):
    """Equity and buying power."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(**describe.EXECUTOR_ACCOUNT)
    def get(self, request: Request) -> Response:
        """Return the values the adapter sizes orders by."""
        caller = known_caller(request)
        require_ready()
        account = chosen_account(caller, request.query_params.get("account"))
        body = account_picture(account, caller=caller, now=timezone.now())
        names = ("net_liquidation", "buying_power", "currency")
        return Response({"success": True, "account": {name: body[name] for name in names}})


class ExecutorOrdersView(ApiView):
    """Place one order; the body is that of POST /orders."""

    required_scopes = {"POST": "orders:place"}

    @extend_schema(**describe.EXECUTOR_PLACE_ORDER)
    def post(self, request: Request) -> HttpResponseBase:
        """Place one order."""
        caller = known_caller(request)
        submission = place_order(parsed(PlaceOrderIn, request.data), request=request, caller=caller)
        return placed_response(submission, request=request, caller=caller, message="Order accepted")


class ExecutorStatusView(ApiView):
    """How far one order has come."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(**describe.EXECUTOR_STATUS)
    def get(self, request: Request, order_id: str) -> Response:
        """Return its state; an id nobody knows is a 404 here."""
        order = order_by_id(int(order_id), accounts=visible_accounts(known_caller(request)))
        return Response({"success": True, "status": render.executor_status_body(order)})


class ExecutorPositionsView(ApiView):
    """What is held, in two fields."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(**describe.EXECUTOR_POSITIONS)
    def get(self, request: Request) -> Response:
        """List positions in stocks."""
        caller = known_caller(request)
        require_ready()
        asked = request.query_params.get("account")
        codes = [account_code(caller, asked)] if asked is not None else visible_accounts(caller)
        held = positions_picture(codes, all_types=False, now=timezone.now())
        short = [{"symbol": body["symbol"], "quantity": body["quantity"]} for body in held]
        return Response({"success": True, "positions": short})
