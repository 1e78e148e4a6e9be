"""The routes of the frozen dialects: no trailing slash, no redirect (W2)."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from apps.bridge import executor
from apps.bridge.compat import orders, positions, quotes, session
from apps.bridge.consumers import QuoteConsumer, refuse

#: What fits into 64 bits; anything longer names nothing.
_ORDER_ID = r"(?P<order_id>-[0-9]{1,18}|[0-9]{1,19})"

urlpatterns = [
    path("health", session.HealthView.as_view()),
    path("connect", session.ConnectView.as_view()),
    path("disconnect", session.DisconnectView.as_view()),
    path("quotes/<str:symbol>", quotes.QuoteView.as_view()),
    path("candles/<str:symbol>", quotes.CandlesView.as_view()),
    path("orders", orders.OrdersView.as_view()),
    path("orders/bracket", orders.BracketView.as_view()),
    re_path(rf"^orders/{_ORDER_ID}$", orders.OrderView.as_view()),
    path("positions", positions.PositionsView.as_view()),
    path("positions/<str:symbol>/close", positions.CloseView.as_view()),
    path("positions/<str:symbol>/protect", positions.ProtectView.as_view()),
    path("account", positions.AccountView.as_view()),
    path("api/v1/account", executor.ExecutorAccountView.as_view()),
    path("api/v1/orders", executor.ExecutorOrdersView.as_view()),
    re_path(rf"^api/v1/orders/{_ORDER_ID}/status$", executor.ExecutorStatusView.as_view()),
    path("api/v1/positions", executor.ExecutorPositionsView.as_view()),
]

_nobody: Any = refuse  # an ASGI application, where Django's types expect a view

websockets = URLRouter(
    [
        path("ws/quotes/<str:symbol>", QuoteConsumer.as_asgi()),
        re_path(r"", _nobody),
    ]
)
