"""Keys, people and wrong tries, to read; keys are issued and revoked on pages of their own.

People and their roles are edited here by superusers only, and each change is an audit line.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.access.models import ApiKey, FailedTry
from apps.audit.services import record
from apps.common import columns, marks
from apps.common.admin import ReadOnlyAdmin


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


@admin.display(description="State")
def state(key: ApiKey) -> SafeString:
    """Return one word, the gravest first."""
    if key.revoked_at:
        return marks.chip("revoked", "", "cross")
    if key.leaked_at:
        return marks.chip("leaked", "bad", "warn")
    if key.expires_at <= timezone.now():
        return marks.chip("expired", "", "clock")
    return marks.chip("alive", "ok", "check")


@admin.display(description="Accounts")
def reach(key: ApiKey) -> str:
    """Return whose accounts a key reaches."""
    return "all" if key.all_accounts else ", ".join(key.accounts) or "none"


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Who has a key, what it may do, when it was used last; the secret is not here, nobody has it."""

    list_display = (
        "label",
        "key_id",
        state,
        "mode",
        reach,
        columns.joined("scopes", "May", none="nothing"),
        columns.moment("expires_at", "Expires, New York"),
        columns.moment("last_used_at", "Last used, New York"),
        columns.text("last_used_address", "From"),
    )
    list_display_links = ("label",)
    list_filter = (StateFilter, "mode")
    search_fields = ("label", "=key_id", "created_by")
    search_help_text = "Label, exact id, or who issued it"
    date_hierarchy = "created_at"
    exclude = ("secret_hash",)
    list_before_template = "console/parts/keys.html"
    change_form_outer_before_template = "console/parts/key.html"


@admin.register(FailedTry)
class FailedTryAdmin(ReadOnlyAdmin):
    """Where wrong credentials come from."""

    list_display = ("address", "key_id", "count", columns.moment("last_at", "Last, New York"))
    list_display_links = ("address",)
    search_fields = ("=address", "=key_id")
    ordering = ("-last_at",)


class SuperusersOnly:
    """Rights over people are a superuser's; staff with a role may look."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Hide it from everybody else."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers look."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted: their name stands in records. Switch them off instead."""
        return False


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(SuperusersOnly, UserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # unfold has no types
    """People and their roles."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    actions = None
    list_display = ("username", "first_name", "last_name", "roles", "is_active", "is_staff", "is_superuser")
    list_filter = ("is_active", "is_staff", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    filter_horizontal = ()

    @admin.display(description="Roles")
    def roles(self, person: User) -> str:
        """Return the roles in words."""
        return ", ".join(sorted(group.name for group in person.groups.all())) or "none"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Read people with their roles."""
        found: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Store the roles, then write down what this person may do from now on."""
        super().save_related(request, form, formsets, change)
        person = form.instance
        record(
            kind="user.changed" if change else "user.added",
            actor=f"user:{request.user.get_username()}",
            object=f"user:{person.get_username()}",
            after={
                "active": person.is_active,
                "staff": person.is_staff,
                "superuser": person.is_superuser,
                "roles": sorted(person.groups.values_list("name", flat=True)),
                "fields": sorted(form.changed_data),
            },
        )


@admin.register(Group)
class RoleAdmin(SuperusersOnly, GroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The roles, to read: what each may do is code."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A role without code behind it would promise something."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Names of roles are fixed."""
        return False
