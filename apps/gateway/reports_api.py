"""Recoveries and open differences for programs: /api/v2/recoveries and /api/v2/reconciliation."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import known_caller
from apps.accounts.choosing import chosen, seen_by
from apps.common.native import ACCOUNT, PAGE, described, known_query, page_of
from apps.common.rest import ApiView
from apps.domain.errors import DomainError
from apps.gateway import examples
from apps.gateway.models import Difference, Recovery
from apps.gateway.selectors import (
    differences_during,
    last_check,
    open_differences,
    recoveries_seen_by,
)

TAG = "Native: reconciliation"
_UUID = OpenApiParameter("uuid", OpenApiTypes.UUID, OpenApiParameter.PATH)


class RecoveryNotFound(DomainError):
    """No such recovery"""

    code = "NOT_FOUND"


class RecoveryOut(s.Serializer[Any]):
    """One time away from the broker; null times: never connected before, not READY again yet."""

    uuid = s.UUIDField()
    gap_from = s.DateTimeField(allow_null=True)
    gap_to = s.DateTimeField()
    cause = s.CharField()
    orders_rematched = s.IntegerField()
    fills_recovered = s.ListField(child=s.CharField(), help_text="IB's execution ids.")
    subscriptions_restored = s.IntegerField()
    differences_left = s.IntegerField()
    ready_at = s.DateTimeField(allow_null=True)


class RecoveriesOut(s.Serializer[Any]):
    """One page of recoveries, newest first."""

    data = RecoveryOut(many=True)  # type: ignore[assignment]  # the name of the contract
    next_cursor = s.CharField(allow_null=True)


class DifferenceOut(s.Serializer[Any]):
    """Something on which the broker and our books disagree now."""

    uuid = s.UUIDField()
    kind = s.ChoiceField(["position", "in_doubt", "external_order", "orphan_order", "unexplained_fill"])
    age_s = s.IntegerField()
    detail = s.CharField()
    actions = s.ListField(child=s.CharField(), help_text="What staff can do about it in the console.")


class ReconciliationOut(s.Serializer[Any]):
    """How the books of an account stand; `checked_at` is null before the first complete look."""

    account = s.CharField()
    books_match = s.BooleanField()
    checked_at = s.DateTimeField(allow_null=True)
    data = DifferenceOut(many=True)  # type: ignore[assignment]  # the name of the contract


class RecoveriesView(ApiView):
    """The reports of every time away from the broker."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(
        **described("list_recoveries", TAG, out=RecoveriesOut, example=examples.RECOVERIES, parameters=PAGE)
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        seen = seen_by(known_caller(request))
        page = page_of(recoveries_seen_by(seen), known_query(request, "limit", "cursor"))
        return Response(
            {"data": [recovery_body(row, seen=seen) for row in page.rows], "next_cursor": page.next_cursor}
        )


class RecoveryView(ApiView):
    """One report."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(
        **described(
            "get_recovery",
            TAG,
            out=RecoveryOut,
            example=examples.RECOVERY,
            errors=(404,),
            parameters=(_UUID,),
        )
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """Return it; an unknown one and one of other accounts are the same 404."""
        known_query(request)
        seen = seen_by(known_caller(request))
        row = recoveries_seen_by(seen).filter(uuid=uuid).first()
        if row is None:
            raise RecoveryNotFound
        return Response(recovery_body(row, seen=seen))


class ReconciliationView(ApiView):
    """What broker and books disagree on now."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(
        **described(
            "get_reconciliation",
            TAG,
            out=ReconciliationOut,
            example=examples.RECONCILIATION,
            errors=(422,),
            parameters=(ACCOUNT,),
        )
    )
    def get(self, request: Request) -> Response:
        """Return the open differences of one account."""
        account = chosen(known_caller(request), known_query(request, "account").get("account"))
        rows, check = open_differences([account.code]), last_check(account)
        return Response(
            {
                "account": account.code,
                "books_match": check is not None and not rows,
                "checked_at": None if check is None else check.checked_at,
                "data": [_difference_body(row) for row in rows],
            }
        )


def recovery_body(row: Recovery, *, seen: Collection[str] | None) -> dict[str, Any]:
    """Return a report as callers read it; of accounts they may not see nothing is counted."""
    matched = [one for one in row.rematched if seen is None or one.get("account") in seen]
    fills = [one for one in row.fills_recovered if seen is None or one.get("account") in seen]
    left = row.differences_left
    if seen is not None and left:
        left = sum(one.account.code in seen for one in differences_during(row))
    return {
        "uuid": row.uuid,
        "gap_from": row.gap_from,
        "gap_to": row.gap_to,
        "cause": row.cause,
        "orders_rematched": len(matched),
        "fills_recovered": [one["ib_exec_id"] for one in fills],
        "subscriptions_restored": row.subscriptions_restored,
        "differences_left": left,
        "ready_at": row.ready_at,
    }


def _difference_body(row: Difference) -> dict[str, Any]:
    return {
        "uuid": row.uuid,
        "kind": row.kind,
        "age_s": max(0, int((timezone.now() - row.first_seen).total_seconds())),
        "detail": row.detail,
        "actions": row.actions,
    }
