"""Admin pages that show facts, and actions that ask for a reason and call one service.

Rows are never added, changed or deleted here, whoever asks: every write goes through a
service, which checks rights and leaves an audit line. Superusers do not pass by.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.checks import ModelAdminChecks
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.common.columns import detail
from apps.common.people import may_look
from apps.domain.errors import DomainError

__all__ = ["ActionAdmin", "ActionVariant", "ReadOnlyAdmin", "ReasonForm", "reasoned_action"]

Row = TypeVar("Row", bound=Model)

ReasonedMethod = Callable[[Any, HttpRequest, Any, str], str]


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A list and a detail page to read, for staff with any role."""

    checks_class = ModelAdminChecks  # unfold's own ask the database, which may have no tables yet
    actions = None
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    list_display_links: tuple[Any, ...] | None = None
    save_as = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever may look sees the list of lists."""
        return may_look(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Staff without a role see nothing."""
        return may_look(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes rows here."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Every field is there to read, written as lists write it; what is in `exclude` is not."""
        hidden = set(self.exclude or ())
        shown = list(super().get_readonly_fields(request, obj))
        rest = [field for field in self.opts.fields if field.name not in hidden | set(shown)]
        return shown + [detail(field) for field in rest]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Return the same fields; there is no form behind the page."""
        return self.get_readonly_fields(request, obj)


class ReasonForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """Why something is done, in words that stand in the audit."""

    reason = forms.CharField(
        min_length=3, max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class ActionAdmin(ReadOnlyAdmin):
    """A read-only admin with actions made by `reasoned_action`.

    Name them in `actions_row` or `actions_detail`.
    """


def reasoned_action(
    *, title: str, permission: str, description: str = "", variant: ActionVariant = ActionVariant.DEFAULT
) -> Callable[[ReasonedMethod], Any]:
    """Turn a method into an admin action on one row, behind a dialog that asks for a reason.

    The method gets the request, the row and the reason, calls one service and returns the
    sentence to show. `permission` is an `app_label.codename`. A DomainError becomes a
    message; the action answers POST only.
    """

    def decorate(method: ReasonedMethod) -> Any:
        @action(  # type: ignore[untyped-decorator]  # unfold has no types
            description=title,
            permissions=[permission],
            variant=variant,
            dialog={
                "title": title,
                "description": description or "This is written to the audit with your name.",
                "form_class": ReasonForm,
                "form_submit_text": title,
            },
        )
        @wraps(method)
        def act(self: ModelAdmin, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
            row = self.get_object(request, object_id)
            if row is None or not self.has_view_permission(request, row):
                raise PermissionDenied
            try:
                messages.success(request, method(self, request, row, form.cleaned_data["reason"]))
            except DomainError as refusal:
                messages.error(request, f"{refusal.detail} ({refusal.code})")
            return _back_to_list(self, request)

        return act

    return decorate


def _back_to_list(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    opts = model_admin.opts
    url = reverse(f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_changelist")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
