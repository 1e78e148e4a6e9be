"""Keys, to read and to revoke. The secret is not here: nobody has it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.access.models import ApiKey, FailedTry
from apps.access.services import revoke_key
from apps.common.admin import ActionAdmin, ActionVariant, ReadOnlyAdmin, reasoned_action


class StateFilter(admin.SimpleListFilter):
    """Alive, expired, revoked or leaked."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(word, word) for word in ("alive", "expired", "revoked", "leaked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Return the keys of the chosen state."""
        now = timezone.now()
        match self.value():
            case "alive":
                return queryset.filter(revoked_at=None, expires_at__gt=now)
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=now)
            case "revoked":
                return queryset.exclude(revoked_at=None)
            case "leaked":
                return queryset.exclude(leaked_at=None)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ActionAdmin):
    """Who has a key, what it may do, when it was used last."""

    list_display = ("label", "key_id", "mode", "state", "scopes", "accounts", "expires_at", "last_used_at")
    list_filter = (StateFilter, "mode")
    search_fields = ("label", "=key_id", "created_by")
    search_help_text = "Label, exact id, or who issued it"
    date_hierarchy = "created_at"
    exclude = ("secret_hash",)
    actions_row = actions_detail = ("revoke",)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        """Return one word, the gravest first."""
        if key.revoked_at:
            return "revoked"
        if key.leaked_at:
            return "leaked"
        return "expired" if key.expires_at <= timezone.now() else "alive"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show every field but the hash."""
        return [name for name in super().get_readonly_fields(request, obj) if name != "secret_hash"]

    @reasoned_action(title="Revoke", permission="access.revoke_apikey", variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, key: ApiKey, reason: str) -> str:
        """End a key for good."""
        revoke_key(key=key, by=f"user:{request.user.get_username()}", reason=reason)
        return f"{key} is revoked"


@admin.register(FailedTry)
class FailedTryAdmin(ReadOnlyAdmin):
    """Where wrong credentials come from."""

    list_display = ("address", "key_id", "count", "last_at")
    search_fields = ("=address", "=key_id")
    ordering = ("-last_at",)
