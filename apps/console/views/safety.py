"""May we trade, how do we know, and how is it stopped: the Safety page and its three acts."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.console import bar
from apps.console.forms import ActForm
from apps.console.rights import actor_of, may, who_may
from apps.console.selectors import moment_of
from apps.console.site import console_page
from apps.console.views.requests import request_id
from apps.console.words import incident_lines, port_rows, scope_name, total_value
from apps.domain.errors import DomainError
from apps.domain.mode import account_class, port_class
from apps.orders.selectors import kill_outcome, last_kill, preview_kill
from apps.orders.services.wishes import kill
from apps.positions.selectors import positions
from apps.safety.selectors import open_incidents
from apps.safety.services.states import EVERYTHING, reduce_trading, resume_trading

MAX_LISTED = 5


@console_page("see")
def safety(request: HttpRequest) -> HttpResponse:
    """Show the state, what a halt would do, the proof of the mode and the other ways to halt."""
    moment = moment_of(request)
    now, facts, states = moment.now, moment.facts, moment.states
    context = {
        "now": now,
        "silent": facts is not None and facts.is_silent(now),
        "everything": states[0],
        "states": states,
        "narrower": [row for row in states[1:] if row.state != "ACTIVE"],
        "dry": preview_kill(now=now),
        "outcome": _newest_outcome(states[0]),
        "incidents": incident_lines(open_incidents()),
        "ways": {"state_dir": settings.JAXBROKER_STATE_DIR},
        "may": {right: may(request.user, right) for right in ("halt", "reduce", "resume")},
        "who": "" if may(request.user, "resume") else who_may("resume"),
    }
    return render(request, "console/safety.html", context | _proof(moment.connection, facts))


@console_page("halt", "GET", "HEAD", "POST")
def halt(request: HttpRequest) -> HttpResponse:
    """Ask for the word HALT, then halt everything and cancel what is out."""
    form = ActForm(request.POST or None, word="HALT", any_case=True, initial={"reason": "Emergency"})
    if request.method == "POST" and form.is_valid():
        report = kill(
            by=actor_of(request.user),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
        )
        messages.warning(
            request, f"Halted. {len(report.order_ids)} to cancel, {len(report.dropped_ids)} dropped."
        )
        return redirect("console:safety")
    moment = moment_of(request)
    dry = preview_kill(now=moment.now)
    context = {
        "form": form,
        "dry": dry,
        "held": positions(None, all_types=True),
        "steps": _halt_steps(dry),
        "max_listed": MAX_LISTED,
        "everything": moment.everything,
        "mode": bar.mode_block(moment.facts, moment.now),
    }
    return render(request, "console/halt.html", context, status=400 if form.is_bound else 200)


@console_page("reduce", "GET", "HEAD", "POST")
def reduce(request: HttpRequest) -> HttpResponse:
    """Ask for a reason, then let only orders pass that shrink a position."""
    return _change_state(
        request,
        act=reduce_trading,
        word="",
        page={
            "verb": "Reduce only",
            "look": "pri",
            "icon": "down",
            "template": "console/reduce.html",
        },
    )


@console_page("resume", "GET", "HEAD", "POST")
def resume(request: HttpRequest) -> HttpResponse:
    """Ask for the word RESUME, then allow trading again."""
    return _change_state(
        request,
        act=resume_trading,
        word="RESUME",
        page={"verb": "Resume", "look": "pri", "icon": "play", "template": "console/resume.html"},
    )


def _change_state(request: HttpRequest, *, act: Any, word: str, page: dict[str, str]) -> HttpResponse:
    scope = request.POST.get("scope") or request.GET.get("scope") or EVERYTHING
    moment = moment_of(request)
    row = next((row for row in moment.states if row.scope == scope), None)
    if row is None:
        raise Http404
    form = ActForm(request.POST or None, word=word)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            changed = act(
                scope=scope,
                by=actor_of(request.user),
                reason=form.cleaned_data["reason"],
                request_id=request_id(request),
            )
        except DomainError as refusal:
            form.add_error(None, f"{refusal.detail} ({refusal.code})")
            status = 409
        else:
            messages.info(request, f"{scope_name(scope)}: {changed.state}.")
            return redirect("console:safety")
    elif form.is_bound:
        status = 400
    context = {"form": form, "row": row, "page": page, "connection": moment.connection}
    return render(request, page["template"], context, status=status)


def _halt_steps(dry: Any) -> list[dict[str, Any]]:
    return [
        {
            "orders": dry.open_orders,
            "value": total_value(dry.open_orders),
            "one": "open order is cancelled at the broker",
            "many": "open orders are cancelled at the broker",
            "none": "None is open.",
            "after": "Each may still fill on the way.",
        },
        {
            "orders": dry.in_doubt,
            "value": total_value(dry.in_doubt),
            "one": "order in doubt is cancelled when it is found",
            "many": "orders in doubt are cancelled when they are found",
            "none": "None is in doubt.",
            "after": "Watched for 24 h.",
        },
        {
            "orders": dry.unsent,
            "value": total_value(dry.unsent),
            "one": "order not sent is dropped",
            "many": "orders not sent are dropped",
            "none": "None is waiting.",
            "after": "Never seen by the broker.",
        },
    ]


def _newest_outcome(everything: Any) -> Any:
    """Return what the last kill did, as long as its halt stands."""
    report = last_kill() if everything.state == "HALTED" else None
    return None if report is None else kill_outcome(report)


def _proof(connection: Any, facts: bar.ConnectionFacts | None) -> dict[str, Any]:
    """Return the evidence of the mode: lines, ports and the accounts the broker named."""
    if connection is None:
        return {"connection": None, "facts": None, "ports": port_rows(None), "managed": []}
    own_class = port_class(connection.port, settings.JAXBROKER_PORT_MODES)
    return {
        "connection": connection,
        "facts": facts,
        "ports": port_rows(connection.port),
        "own_class": own_class,
        "foreign_port": connection.port not in {row["port"] for row in port_rows(None)},
        "managed": [
            {
                "code": code,
                "class": account_class(code).value,
                "agrees": account_class(code).value == connection.mode,
            }
            for code in connection.managed_accounts
        ],
    }
