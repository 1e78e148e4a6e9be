"""Admin pages that show facts.

Rows are never added, changed or deleted here, whoever asks: every write goes through a
service, which checks rights and leaves an audit line. Superusers do not pass by.
"""

from typing import Any

from django.contrib.admin.checks import ModelAdminChecks
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.common.columns import detail
from apps.common.people import may_look


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
