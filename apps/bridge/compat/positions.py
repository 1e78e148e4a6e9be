"""/positions and /account of the compat dialect.

Old callers cannot see that a row is old, so both answer 503 while the session is not READY
(W15); their actions refuse for reasons of their own.
"""

from decimal import Decimal

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import known_caller
from apps.bridge import describe, render
from apps.bridge.callers import account_code, chosen_account, require_ready, visible_accounts
from apps.bridge.holdings import account_picture, positions_picture
from apps.bridge.inputs import ClosePositionIn, ProtectPositionIn, parsed, wants_all_types
from apps.bridge.trading import denied_response, key_of, placed_response
from apps.common.request_ids import ids_of
from apps.common.rest import ApiView
from apps.domain.orders import OrderStatus
from apps.orders.services.exits import close_position, protect_position


class PositionsView(ApiView):
    """What is held."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(**describe.LIST_POSITIONS)
    def get(self, request: Request) -> Response:
        """List positions: stocks, or all types with ?types=all."""
        all_types = wants_all_types(request.query_params)
        caller = known_caller(request)
        require_ready()
        asked = request.query_params.get("account")
        codes = [account_code(caller, asked)] if asked is not None else visible_accounts(caller)
        bodies = positions_picture(codes, all_types=all_types, now=timezone.now())
        return Response({"positions": bodies, "count": len(bodies)})


class CloseView(ApiView):
    """End a position, or a part of it."""

    required_scopes = {"POST": "orders:place"}
    empty_body_is_object = True

    @extend_schema(**describe.CLOSE_POSITION)
    def post(self, request: Request, symbol: str) -> HttpResponseBase:
        """Place the order that does it."""
        caller, values = known_caller(request), parsed(ClosePositionIn, request.data)
        submission = close_position(
            account_code(caller, values.get("account")),
            symbol,
            quantity=_shares(values.get("quantity")),
            limit_price=values.get("limit_price"),
            client_order_id=key_of(request, values),
            by=caller,
            ids=ids_of(request),
        )
        message = f"Close order accepted for {symbol.upper()}"
        return placed_response(submission, request=request, caller=caller, message=message)


class ProtectView(ApiView):
    """Guard a position with a stop and, if given, a take-profit."""

    required_scopes = {"POST": "orders:place"}
    empty_body_is_object = True

    @extend_schema(**describe.PROTECT_POSITION)
    def post(self, request: Request, symbol: str) -> HttpResponseBase:
        """Place the orders that do it."""
        caller, values = known_caller(request), parsed(ProtectPositionIn, request.data)
        protection = protect_position(
            account_code(caller, values.get("account")),
            symbol,
            quantity=_shares(values.get("quantity")),
            stop_loss=values["stop_loss"],
            take_profit=values.get("take_profit"),
            replace_existing=values["replace_existing"],
            client_order_id=key_of(request, values),
            by=caller,
            ids=ids_of(request),
        )
        if protection.orders[0].status == OrderStatus.DENIED:
            return denied_response(protection.orders, request=request)
        body = render.protection_body(protection.orders, protection.cancelled, symbol=symbol)
        replayed = {"Idempotent-Replayed": "true"} if protection.replayed else {}
        return Response(body, headers=replayed)


class AccountView(ApiView):
    """Equity, cash and buying power of one account."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(**describe.GET_ACCOUNT)
    def get(self, request: Request) -> Response:
        """Return the values of the account asked for, else of the caller's own."""
        caller = known_caller(request)
        require_ready()
        account = chosen_account(caller, request.query_params.get("account"))
        return Response(account_picture(account, caller=caller, now=timezone.now()))


def _shares(quantity: int | None) -> Decimal | None:
    return None if quantity is None else Decimal(quantity)
