"""The first page after sign-in: what is going on in figures, then every table there is to read."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.console.selectors import moment_of
from apps.console.site import console_page
from apps.orders.selectors import orders_visible, recent_executions
from apps.positions.selectors import positions

NEWEST = 8


@console_page("see")
def index(request: HttpRequest) -> HttpResponse:
    """Show counts from rows, the newest orders and executions, and links to all tables."""
    context = {
        "counts": moment_of(request).counts,
        "held": len(list(positions(None, all_types=True))),
        "orders": orders_visible().order_by("-created_at", "-pk")[:NEWEST],
        "executions": recent_executions(None, limit=NEWEST),
        "tables": admin.site.get_app_list(request),
    }
    return render(request, "console/index.html", context)
