"""Thin filters over figures, words and marks, and the two pieces every page has: bar and sidebar."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common import columns, figures, marks
from apps.common.people import roles_of
from apps.console import words
from apps.console.rights import may, name_of
from apps.console.selectors import bar_state
from apps.console.site import THEMES, sidebar_groups, theme_of
from apps.gateway.selectors import differences_during, recoveries_about
from apps.orders.stories import story_of

register = template.Library()

register.filter("money", figures.money)
register.filter("signed", figures.signed_money)
register.filter("quantity", figures.quantity)
register.filter("price", figures.price)
register.filter("average", figures.average_price)
register.filter("age", figures.age)
register.filter("clock", columns.local_time)
register.filter("utc", columns.utc_time)
register.filter("may", may)
register.filter("scope_name", words.scope_name)
register.filter("actor_name", words.actor_name)
register.filter("sentence", words.order_sentence)
register.filter("recovery_sentence", words.recovery_sentence)
register.filter("away", words.away)
register.filter("exact", columns.exact_time)
register.filter("since", words.since)
register.filter("milliseconds", words.milliseconds)
register.simple_tag(story_of, name="order_story")
register.simple_tag(differences_during, name="differences_during")
register.simple_tag(recoveries_about, name="recoveries_about")
register.simple_tag(marks.icon, name="icon")
register.simple_tag(marks.status_chip, name="status_chip")
register.simple_tag(marks.agreement, name="agreement")


@register.filter
def decimal(text: str) -> Decimal:
    """Return the number that a record keeps as text."""
    return Decimal(text)


@register.filter
def instant(text: str) -> datetime:
    """Return the time that a record keeps as text."""
    return datetime.fromisoformat(text)


@register.filter
def counted(number: int, nouns: str) -> str:
    """Return a number with its noun; `nouns` is `order` or `one,many`."""
    one, _, many = nouns.partition(",")
    return figures.count(number, one, many)


@register.filter
def value_of(order: Any) -> Decimal | None:
    """Return what is left of an order, valued at its own price."""
    return words.order_value(order)


@register.inclusion_tag("console/parts/bar.html", takes_context=True)
def status_bar(context: template.Context) -> dict[str, Any]:
    """Draw the status bar for the person who asks."""
    return {"bar": bar_state(context["request"])}


@register.inclusion_tag("console/parts/side.html", takes_context=True)
def sidebar(context: template.Context) -> dict[str, Any]:
    """Draw the sidebar; only pages that exist stand in it."""
    request: HttpRequest = context["request"]
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "groups": sidebar_groups(request),
        "person": name_of(request.user),
        "roles": ", ".join(sorted(roles_of(request.user))),
        "theme": theme_of(request),
        "themes": THEMES,
    }


@register.simple_tag(takes_context=True)
def theme_attribute(context: template.Context) -> SafeString | str:
    """Return the attribute that fixes light or dark, or nothing to follow the system."""
    theme = theme_of(context["request"])
    return format_html(' data-theme="{}"', theme) if theme else ""
