"""Cancel one order: what is known of it, what a cancel can and cannot do, then the wish."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.common.jsontext import to_json
from apps.console.rights import actor_of
from apps.console.selectors import moment_of
from apps.console.site import console_page
from apps.console.views.requests import request_id
from apps.console.words import order_sentence
from apps.domain.errors import DomainError
from apps.domain.orders import CLOSED, IN_DOUBT, UNSENT
from apps.orders.selectors import OrderNotFound, order_by_uuid, timeline
from apps.orders.services.wishes import request_cancel
from apps.orders.stories import story_of
from apps.orders.timeline_api import timeline_body


@console_page("see")
def story(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Lead to the page of an order from its public id, as links outside of its own part know it."""
    try:
        order = order_by_uuid(str(uuid))
    except OrderNotFound as unknown:
        raise Http404 from unknown
    return redirect("admin:orders_order_change", order.pk)


@console_page("see")
def story_json(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Give the story as the timeline endpoint gives it to programs."""
    try:
        order = order_by_uuid(str(uuid))
    except OrderNotFound as unknown:
        raise Http404 from unknown
    return HttpResponse(to_json(timeline_body(story_of(order))), content_type="application/json")


@console_page("cancel", "GET", "HEAD", "POST")
def cancel(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask, then wish the order's end; what the broker does with it is the broker's word."""
    try:
        order = order_by_uuid(str(uuid))
    except OrderNotFound as unknown:
        raise Http404 from unknown
    page = reverse("admin:orders_order_change", args=[order.pk])
    problem = ""
    if request.method == "POST":
        try:
            order = request_cancel(order.pk, by=actor_of(request.user), request_id=request_id(request))
        except DomainError as refusal:
            problem = f"{refusal.detail or refusal} ({refusal.code})"
        else:
            messages.info(request, _answer(order_sentence(order), order.status))
            return redirect(page)
    context = {
        "order": order,
        "events": timeline(order),
        "now": moment_of(request).now,
        "page": page,
        "problem": problem,
        "is_closed": order.standing in CLOSED,
        "is_unsent": order.standing in UNSENT,
        "is_in_doubt": order.standing in IN_DOUBT,
    }
    return render(request, "console/cancel.html", context, status=409 if problem else 200)


def _answer(sentence: str, status: str) -> str:
    if status == "CANCELLED_UNSENT":
        return f"{sentence}: cancelled, the broker never saw it."
    return f"{sentence}: cancel asked for. The broker has not confirmed it yet, it may still fill."
