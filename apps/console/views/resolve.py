"""Settle an order by hand: what is known of it, who says what on which evidence, and the second yes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.access.stepup import StepUp, step_up
from apps.console.forms import ProvenForm, ResolveForm
from apps.console.rights import actor_of, may, who_may
from apps.console.selectors import moment_of
from apps.console.site import console_page
from apps.console.views.requests import request_id
from apps.console.words import order_sentence
from apps.domain.errors import DomainError
from apps.domain.orders import OrderStatus
from apps.gateway.selectors import last_check
from apps.orders.selectors import OrderNotFound, open_resolution, order_by_uuid
from apps.orders.services.resolution import (
    APPROVE,
    RESOLVE,
    approve_resolution,
    needs_second_person,
    propose_resolution,
    refuse_resolution,
    why_not_resolvable,
)
from apps.orders.stories import story_of
from apps.positions.selectors import held_row


@console_page("resolve", "GET", "HEAD", "POST")
def resolve(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show what is known; take a proposal, or decide about one that waits."""
    order = _order(uuid)
    proposal = open_resolution(order)
    if proposal is not None:
        return _decide(request, order, proposal)
    form = ResolveForm(request.POST or None, word=order.order_ref)
    if request.method == "POST" and form.is_valid():
        try:
            proposal = propose_resolution(
                order.pk,
                OrderStatus(form.cleaned_data["outcome"]),
                fills=form.fills(),
                because=form.cleaned_data["reason"],
                by=actor_of(request.user),
                proof=_proof(request, form, act=RESOLVE, subject=f"order:{order.uuid}"),
                request_id=request_id(request),
            )
        except DomainError as refusal:
            form.add_error(None, f"{refusal.detail} ({refusal.code})")
        else:
            messages.info(request, _answer(order_sentence(order), proposal))
            return _story(order)
    return _page(request, order, "console/resolve.html", {"form": form})


def _decide(request: HttpRequest, order: Any, proposal: Any) -> HttpResponse:
    """Approve by typing the reference, or refuse; one's own proposal can only be taken back."""
    is_own = proposal.proposed_by == actor_of(request.user)
    approves = request.POST.get("decision") == "approve"
    form = ProvenForm(request.POST or None, word=order.order_ref if approves else "")
    if request.method == "POST" and approves and (is_own or not may(request.user, "approve_resolution")):
        form.add_error(None, "Somebody else decides about this proposal.")
    if request.method == "POST" and form.is_valid():
        by, because = actor_of(request.user), form.cleaned_data["reason"]
        try:
            if approves:
                proof = _proof(request, form, act=APPROVE, subject=f"resolution:{proposal.uuid}")
                proposal = approve_resolution(proposal.uuid, by=by, because=because, proof=proof)
            else:
                proposal = refuse_resolution(proposal.uuid, by=by, because=because)
        except DomainError as refusal:
            form.add_error(None, f"{refusal.detail} ({refusal.code})")
        else:
            messages.info(request, _answer(order_sentence(order), proposal))
            return _story(order)
    context = {
        "form": form,
        "proposal": proposal,
        "is_own": is_own,
        "may_approve": may(request.user, "approve_resolution") and not is_own,
        "who": who_may("approve_resolution"),
    }
    return _page(request, order, "console/resolution.html", context)


def _proof(request: HttpRequest, form: ProvenForm, *, act: str, subject: str) -> StepUp:
    """Return the step-up of whoever signed in. Raises StepUpNeeded."""
    password, person = form.cleaned_data["password"], request.user
    return step_up(person, password=password, actor=actor_of(person), act=act, subject=subject)


def _page(request: HttpRequest, order: Any, template: str, more: dict[str, Any]) -> HttpResponse:
    moment = moment_of(request)
    held = held_row(order.account, order.instrument)
    check = last_check(order.account)
    context = {
        "order": order,
        "story": story_of(order),
        "page": reverse("admin:orders_order_change", args=[order.pk]),
        "why_not": why_not_resolvable(order, now=moment.now),
        "needs_two": needs_second_person(order),
        "held": held,
        "checked_at": None if check is None else check.checked_at,
        "now": moment.now,
        "connection": moment.connection,
    }
    return render(request, template, context | more, status=400 if more["form"].is_bound else 200)


def _order(uuid: UUID) -> Any:
    try:
        return order_by_uuid(str(uuid))
    except OrderNotFound as unknown:
        raise Http404 from unknown


def _story(order: Any) -> HttpResponse:
    return redirect("admin:orders_order_change", order.pk)


def _answer(sentence: str, proposal: Any) -> str:
    said = {
        "PROPOSED": "proposed. Somebody else decides within 30 min.",
        "APPLIED": f"the books now say {proposal.outcome}.",
        "REFUSED": "the proposal is refused.",
    }
    return f"{sentence}: {said[proposal.state]}"
