"""What every page of the console shares: the sidebar, the theme, and one door for all pages.

The door checks sign-in and right, and gives the strict policy, so that a page cannot forget it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, cast

from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.console.rights import may, who_may

View = Callable[..., HttpResponse]

THEMES = (("", "System"), ("light", "Light"), ("dark", "Dark"))
THEME_KEY = "console_theme"

_PAGES: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Trade",
        (
            ("Orders", "admin:orders_order_changelist", "list"),
            ("Executions", "admin:orders_execution_changelist", "fills"),
            ("Positions", "admin:positions_position_changelist", "bars"),
        ),
    ),
    (
        "Watch",
        (
            ("Accounts", "admin:accounts_account_changelist", "wallet"),
            ("Connection", "console:connection", "link"),
        ),
    ),
    (
        "Control",
        (
            ("Safety", "console:safety", "shield"),
            ("API keys", "admin:access_apikey_changelist", "key"),
        ),
    ),
    (
        "Records",
        (
            ("Audit", "admin:audit_auditevent_changelist", "book"),
            ("All tables", "admin:index", "table"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One line of the sidebar."""

    name: str
    href: str
    icon: str
    here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One heading of the sidebar with its pages."""

    name: str
    pages: tuple[Page, ...]


def sidebar_groups(request: HttpRequest) -> list[Group]:
    """Return the sidebar; the page whose path begins like this one is marked."""
    known = {name: _href(name) for _, pages in _PAGES for _, name, _ in pages}
    inside = [href for href in known.values() if href and request.path.startswith(href)]
    here = max(inside, key=len, default=None)
    return [
        Group(
            heading,
            tuple(
                Page(label, href, icon, here=href == here)
                for label, name, icon in pages
                if (href := known[name]) is not None
            ),
        )
        for heading, pages in _PAGES
    ]


def theme_of(request: HttpRequest) -> str:
    """Return light, dark, or nothing for the system's own."""
    chosen = request.session.get(THEME_KEY, "") if hasattr(request, "session") else ""
    return chosen if chosen in dict(THEMES) else ""


def console_page(right: str = "see", *methods: str) -> Callable[[View], View]:
    """Make a view a page of the console: signed in, with a right, under the strict policy.

    Without sign-in the answer leads to it; without the right it is 403, whatever the method.
    """

    def decorate(view: View) -> View:
        @require_http_methods(list(methods) or ["GET", "HEAD"])
        @sensitive_post_parameters()
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), reverse("console:login"))
            if not may(request.user, right):
                return strict(_refused(request, right))
            return strict(view(request, *args, **kwargs))

        return cast(View, page)

    return decorate


def _refused(request: HttpRequest, right: str) -> HttpResponse:
    """Say who can; to staff without any role nothing but that they have no access."""
    if not may(request.user, "see"):
        return render(request, "403.html", status=403)
    return render(request, "console/refused.html", {"right": right, "who": who_may(right)}, status=403)


def strict(response: HttpResponse) -> HttpResponse:
    """Give a page the policy without any exception."""
    response["Content-Security-Policy"] = _strict_policy()
    return response


@cache
def _strict_policy() -> str:
    policy: str = build_policy(config=settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    return policy


@cache
def _href(name: str) -> str | None:
    """Return a page's path, or None while its part has no such list."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
