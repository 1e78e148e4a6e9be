"""Issue a key, whose secret is shown once, and revoke one by typing its id."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.callers import SCOPES
from apps.access.selectors import key_by_id
from apps.access.services import issue_key, revoke_key
from apps.accounts.selectors import accounts
from apps.common.peer import peer_of
from apps.console.forms import ActForm
from apps.console.rights import actor_of
from apps.console.site import console_page
from apps.console.views.requests import request_id
from apps.domain.errors import DomainError

_SCOPE_WORDS = {
    "read:quotes": "read quotes and candles",
    "read:account": "read accounts, positions and orders",
    "orders:place": "place orders",
    "orders:cancel": "cancel orders",
    "orders:repeat": "place the same order again at once",
    "kill": "halt trading",
    "connection:control": "connect and disconnect the broker",
    "webhooks:manage": "manage webhooks",
    "metrics:read": "read metrics",
    "sim:control": "steer the simulator",
}


class KeyForm(forms.Form):
    """What a new key may do, for whose accounts, from where and how long."""

    label = forms.CharField(max_length=80, strip=True)
    scopes = forms.MultipleChoiceField(choices=[(word, word) for word in SCOPES])
    accounts = forms.MultipleChoiceField(required=False)
    addresses = forms.CharField(required=False, max_length=400)
    days = forms.IntegerField(min_value=1, max_value=366, initial=90)
    reason = forms.CharField(min_length=5, max_length=200, strip=True)

    def __init__(self, *args: Any, codes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["accounts"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]


@console_page("keys", "GET", "HEAD", "POST")
def new(request: HttpRequest) -> HttpResponse:
    """Issue a key and show its secret in this answer alone."""
    codes = [account.code for account in accounts()]
    form = KeyForm(request.POST or None, codes=codes)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            issued = issue_key(
                label=asked["label"],
                mode=settings.JAXBROKER_MODE,
                scopes=asked["scopes"],
                accounts=asked["accounts"],
                addresses=asked["addresses"].replace(",", " ").split(),
                lifetime=timedelta(days=asked["days"]),
                by=actor_of(request.user),
                reason=asked["reason"],
                request_id=request_id(request),
                ip=str(peer_of(request).address or ""),
            )
        except DomainError as refusal:
            form.add_error(None, f"{refusal.detail or refusal} ({refusal.code})")
        else:
            return render(
                request, "console/key_shown.html", {"issued": issued, "words": _words(issued.key.scopes)}
            )
    picked = request.POST
    context = {
        "form": form,
        "mode": settings.JAXBROKER_MODE.value,
        "scopes": [(word, _SCOPE_WORDS.get(word, word), word in picked.getlist("scopes")) for word in SCOPES],
        "codes": [(code, code in picked.getlist("accounts")) for code in codes],
    }
    return render(request, "console/key_new.html", context, status=400 if form.is_bound else 200)


@console_page("keys", "GET", "HEAD", "POST")
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask for the key's id, then end it for good."""
    key = key_by_id(key_id)
    if key is None:
        raise Http404
    form = ActForm(request.POST or None, word=key.key_id)
    if request.method == "POST" and form.is_valid():
        revoke_key(
            key=key,
            by=actor_of(request.user),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
            ip=str(peer_of(request).address or ""),
        )
        messages.info(request, f"{key.label} ({key.key_id}) is revoked.")
        return redirect("admin:access_apikey_changelist")
    context = {"form": form, "key": key, "words": _words(key.scopes)}
    return render(request, "console/key_revoke.html", context, status=400 if form.is_bound else 200)


def _words(scopes: list[str]) -> str:
    return ", ".join(_SCOPE_WORDS.get(word, word) for word in scopes) or "nothing"
