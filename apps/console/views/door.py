"""Come in, go out, choose light or dark, and the bar as a fragment for pages already open."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.console.selectors import bar_state
from apps.console.site import THEME_KEY, THEMES, console_page, strict


class SignIn(LoginView):
    """The staff's door; the same words for an unknown name, a wrong password and no access."""

    form_class = AdminAuthenticationForm
    template_name = "console/login.html"
    next_page = "console:index"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Hand the page only a target on this host."""
        return super().get_context_data(**kwargs) | {"next": self.get_redirect_url()}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer under the strict policy."""
        answer = super().dispatch(request, *args, **kwargs)
        if isinstance(answer, HttpResponse) and hasattr(answer, "render"):
            answer.render()
        return strict(answer)  # type: ignore[arg-type]  # LoginView answers with an HttpResponse only


def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; a link cannot do it, only the button."""
    if request.method != "POST":
        return strict(HttpResponse(status=405, headers={"Allow": "POST"}))
    logout(request)
    messages.info(request, "Signed out.")
    return strict(redirect("console:login"))


@console_page("see")
def bar(request: HttpRequest) -> HttpResponse:
    """Return the status bar alone."""
    return render(request, "console/parts/bar.html", {"bar": bar_state(request)})


@console_page("see", "POST")
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the person's choice of light or dark for this session."""
    chosen = request.POST.get("theme", "")
    if chosen in dict(THEMES):
        request.session[THEME_KEY] = chosen
    return HttpResponseRedirect(_own_path(request, request.POST.get("next", "")))


def _own_path(request: HttpRequest, target: str) -> str:
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe and urlsplit(target).path.startswith("/") else reverse("console:index")
