"""The story of one order for programs: /api/v2/orders/{uuid}/timeline."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import known_caller
from apps.accounts.choosing import seen_by
from apps.common.native import described, known_query
from apps.common.rest import ApiView
from apps.orders.selectors import order_by_uuid
from apps.orders.stories import Step, Story, story_of

TAG = "Native: orders"

EXAMPLE = (
    '{"uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11","data":[{"at":"2026-03-11T15:30:06.000000Z",'
    '"kind":"accepted","seq":1,"status":"ACCEPTED","text":"ACCEPTED by gate 1","detail":"27 controls pass,'
    ' limits version 17.","by":"key:k7m2qd4x","request_id":"0195f3a27c1e"},'
    '{"at":"2026-03-11T15:30:06.012000Z","kind":"gate","text":"Gate 2: pass","detail":"","gate":"G2",'
    '"verdict":"pass","limits_version":17,"reasons":[]},{"at":"2026-03-11T15:30:06.090000Z",'
    '"kind":"broker_status","seq":3,"status":"WORKING","text":"WORKING: “Submitted”",'
    '"detail":"Heard in orderStatus.","by":"gateway","broker_status":"Submitted"}],'
    '"latency_ms":{"accept_to_wire":14,"wire_to_ack":78},"slippage_bps":null}'
)


class StepOut(s.Serializer[Any]):
    """One step; further members depend on its kind."""

    at = s.DateTimeField()
    kind = s.CharField(help_text="The cause of an event, or asked, seen, gate, incident.")
    seq = s.IntegerField(required=False, help_text="Number of the order's event.")
    status = s.CharField(required=False, help_text="The order's status from here on.")
    text = s.CharField(help_text="For people; may change.")
    detail = s.CharField(help_text="For people; may change.")
    by = s.CharField(required=False)


class LatencyOut(s.Serializer[Any]):
    """Milliseconds by our clock; null while a step is missing."""

    accept_to_wire = s.IntegerField(allow_null=True, help_text="To the commit before the one frame.")
    wire_to_ack = s.IntegerField(allow_null=True, help_text="To the first word of the broker.")


class TimelineOut(s.Serializer[Any]):
    """The story of an order, oldest step first."""

    uuid = s.UUIDField()
    data = StepOut(many=True)  # type: ignore[assignment]  # the name of the contract
    latency_ms = LatencyOut()
    slippage_bps = s.CharField(allow_null=True, help_text="Null where the price at decision was not kept.")


class TimelineView(ApiView):
    """Everything that happened to one order."""

    required_scopes = {"GET": "read:account"}

    @extend_schema(
        **described(
            "get_order_timeline",
            TAG,
            out=TimelineOut,
            example=EXAMPLE,
            errors=(404,),
            parameters=(OpenApiParameter("uuid", OpenApiTypes.UUID, OpenApiParameter.PATH),),
        )
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """Return it; an unknown order and one of other accounts are the same 404."""
        known_query(request)
        order = order_by_uuid(str(uuid), accounts=seen_by(known_caller(request)))
        return Response(timeline_body(story_of(order)))


def timeline_body(story: Story) -> dict[str, Any]:
    """Return the story as JSON-like values."""
    return {
        "uuid": story.order.uuid,
        "data": [_step_body(step) for step in story.steps],
        "latency_ms": {"accept_to_wire": story.accept_to_wire_ms, "wire_to_ack": story.wire_to_ack_ms},
        "slippage_bps": None,
    }


def _step_body(step: Step) -> dict[str, Any]:
    body: dict[str, Any] = {
        "at": step.at,
        "kind": step.kind,
        "text": step.said.headline,
        "detail": step.said.detail,
    }
    if step.seq is not None:
        body |= {"seq": step.seq, "status": step.status}
    if step.by:
        body["by"] = step.by
    return {**step.data, **body}
