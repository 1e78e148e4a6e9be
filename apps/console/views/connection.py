"""Where the connection to the broker stands, what comes next, and the wish to have it or not."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.selectors import accounts, connections, gateway_is_silent
from apps.accounts.services import want_connection
from apps.console.forms import ActForm
from apps.console.rights import actor_of, may
from apps.console.selectors import connection_facts, moment_of
from apps.console.site import console_page
from apps.console.views.requests import request_id
from apps.gateway.selectors import books_checked_at, open_differences, recoveries

EARLIER = 5

#: (name, note) of the steps to READY.
_STEPS = ("Lease", "Connect", "Prove mode", "Reconcile", "READY")
_STEP_OF_PHASE = {"CONNECTING": 1, "RECONCILING": 3, "READY": 5}


@console_page("see")
def connection(request: HttpRequest, name: str = "") -> HttpResponse:
    """Show phase, steps, evidence and accounts of one connection."""
    moment = moment_of(request)
    now = moment.now
    known = moment.connections
    row = _named(known, name) if name else moment.connection
    context: dict[str, Any] = {"now": now, "connection": row, "others": [one for one in known if one != row]}
    if row is not None:
        silent = gateway_is_silent(row, now)
        lease = getattr(row, "lease", None)
        held = [account for account in accounts() if account.connection_id == row.pk]
        context |= {
            "silent": silent,
            "lease": lease,
            "lease_held": bool(lease and lease.owner and lease.expires_at > now),
            "steps": _steps(row, silent=silent),
            "facts": connection_facts(row, now),
            "restart": settings.JAXBROKER_RESTART,
            "accounts": held,
            "differences": open_differences([account.code for account in held]),
            "checked_at": books_checked_at([account.code for account in held]),
            "heartbeat_s": (now - row.heartbeat_at).total_seconds() if row.heartbeat_at else None,
            "next_try_s": _seconds_until(row.next_attempt_at, now),
            "may_connect": may(request.user, "connect"),
            "reports": recoveries(row.name, limit=EARLIER + 1),
            "declared": settings.JAXBROKER_MODE.value,
        }
    return render(request, "console/connection.html", context)


@console_page("connect", "GET", "HEAD", "POST")
def wish(request: HttpRequest, name: str, wanted: bool) -> HttpResponse:
    """Ask before a connection is taken down or brought up; taking it down wants its name typed."""
    row = _named(list(connections()), name)
    form = ActForm(request.POST or None, word="" if wanted else row.name)
    if request.method == "POST" and form.is_valid():
        want_connection(
            name=row.name,
            wanted=wanted,
            by=actor_of(request.user),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
        )
        messages.info(
            request, f"{'Connect' if wanted else 'Disconnect'} is asked for. The gateway does it next."
        )
        return redirect("console:connection_named", name=row.name)
    context = {"form": form, "connection": row, "wanted": wanted, "counts": moment_of(request).counts}
    return render(request, "console/wish.html", context, status=400 if form.is_bound else 200)


def _named(known: list[Any], name: str) -> Any:
    row = next((one for one in known if one.name == name), None)
    if row is None:
        raise Http404
    return row


def _steps(row: Any, *, silent: bool) -> list[dict[str, str]]:
    """Return the way to READY with what is done, what is now and what waits."""
    reached = 0 if silent else _STEP_OF_PHASE.get(row.phase, 1)
    if silent or row.phase in {"STOPPED", "DISCONNECTED", "RESET_WINDOW", "AWAITING_LOGIN"}:
        reached = 0 if silent else 1
    steps = []
    for number, label in enumerate(_STEPS):
        look = "done" if number < reached else "now" if number == reached else ""
        steps.append({"name": label, "look": look, "note": {"done": "done", "now": "now"}.get(look, "waits")})
    return steps


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    if moment is None or moment - now > timedelta(days=1):
        return None
    return max((moment - now).total_seconds(), 0.0)
