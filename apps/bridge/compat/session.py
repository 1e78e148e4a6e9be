"""/health, /connect and /disconnect of the compat dialect.

Connecting sets what people want; the gateway makes it so. Nobody repoints the gateway from
here: host, port and client id may be named, but only those of a registered connection.
"""

from typing import Any

from django.db import DatabaseError
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.authentication import KeyAuthentication
from apps.access.callers import Caller
from apps.access.permissions import Anyone, known_caller
from apps.accounts.selectors import connection, connections, is_ready
from apps.accounts.services import want_connection
from apps.bridge import describe
from apps.bridge.callers import not_ready
from apps.bridge.inputs import ConnectIn, NothingIn, parsed
from apps.bridge.numbers import instant_or_none
from apps.bridge.rows import ConnectionRow
from apps.common.rest import ApiView
from apps.common.waiting import wait_until
from apps.domain.errors import DomainError
from apps.gateway.health import HealthFacts, health_facts

DIALECT_VERSION = "1.0.0"
CONNECT_DEADLINE_S = 10.0
STOPPED = "STOPPED"


class ConnectionNotAllowed(DomainError):
    """No registered connection has this host, port and client id"""

    code = "CONNECTION_NOT_ALLOWED"


class ForgivingAuthentication(KeyAuthentication):
    """Whoever cannot be known is a stranger, not an error: health never answers 401."""

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        """Return the caller, None for a stranger and for a credential we refuse."""
        try:
            return super().authenticate(request)
        except (DomainError, DatabaseError):
            return None


class HealthView(ApiView):
    """How the bridge is; 200 also while IB is down (W8)."""

    authentication_classes = [ForgivingAuthentication]
    permission_classes = [Anyone]

    @extend_schema(**describe.HEALTH)
    def get(self, request: Request) -> Response:
        """Return it in three fields to strangers and in full to callers we know."""
        in_full = isinstance(request.user, Caller)
        try:
            facts = health_facts()
        except DatabaseError:
            facts = None
        return Response(health_body(facts, in_full=in_full))


class ConnectView(ApiView):
    """Bring the connection up."""

    required_scopes = {"POST": "connection:control"}
    empty_body_is_object = True

    @extend_schema(**describe.CONNECT)
    def post(self, request: Request) -> Response:
        """Want it up and wait up to 10 s for READY."""
        row = registered(parsed(ConnectIn, request.data))
        want_connection(
            name=row.name, wanted=True, by=known_caller(request).principal, request_id=self.ids.request_id
        )
        ready = wait_until(lambda: _if_ready(row.name), topics=("connection",), deadline_s=CONNECT_DEADLINE_S)
        if ready is None:
            raise not_ready(connection(row.name))
        message = f"Connected to IB Gateway at {ready.host}:{ready.port}"
        return Response({"success": True, "message": message, "phase": ready.phase})


class DisconnectView(ApiView):
    """Take the connection down."""

    required_scopes = {"POST": "connection:control"}
    empty_body_is_object = True

    @extend_schema(**describe.DISCONNECT)
    def post(self, request: Request) -> Response:
        """Want it down and wait up to 10 s until it is; the wish holds in any case."""
        parsed(NothingIn, request.data)
        row = connection()
        want_connection(
            name=row.name, wanted=False, by=known_caller(request).principal, request_id=self.ids.request_id
        )
        stopped = wait_until(
            lambda: _if_stopped(row.name), topics=("connection",), deadline_s=CONNECT_DEADLINE_S
        )
        phase = (stopped or connection(row.name)).phase
        return Response({"success": True, "message": "Disconnected from IB Gateway", "phase": phase})


def registered(values: dict[str, Any]) -> ConnectionRow:
    """Return the connection that the given host, port and client id name. Raises ConnectionNotAllowed."""
    rows = connections() if values else [connection()]
    for row in rows:
        if all(getattr(row, name) == value for name, value in values.items()):
            return row
    raise ConnectionNotAllowed


def health_body(facts: HealthFacts | None, *, in_full: bool) -> dict[str, Any]:
    """Return the answer of GET /health; `in_full` for callers we know, None without a database."""
    connected = facts is not None and facts.connected
    body: dict[str, Any] = {
        "status": "healthy" if connected else "degraded",
        "connected": connected,
        "version": DIALECT_VERSION,
    }
    if not in_full or facts is None:
        return body
    return body | {
        "market_data_mode": facts.market_data_type,
        "paper_trading": facts.paper_trading,
        "mode": facts.mode,
        "mode_proof": facts.mode_proof,
        "phase": facts.phase,
        "trading_state": facts.trading_state,
        "reasons": list(facts.reasons),
        "next_attempt_at": instant_or_none(facts.next_attempt_at),
        "simulator": facts.simulator,
    }


def _if_ready(name: str) -> ConnectionRow | None:
    row = connection(name)
    return row if is_ready(row) else None


def _if_stopped(name: str) -> ConnectionRow | None:
    row = connection(name)
    return row if row.phase == STOPPED else None
