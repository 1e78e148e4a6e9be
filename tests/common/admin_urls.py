"""An admin with one action on a row, for the tests of what all such actions share."""

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import path

from apps.common.admin import ActionAdmin, reasoned_action
from apps.domain.errors import DomainError
from jaxbroker.urls import urlpatterns as product_urls

site = AdminSite(name="floor")
done: list[tuple[str, str, str]] = []


class NotNow(DomainError):
    """It cannot be closed now."""

    code = "NOT_MODIFIABLE"


class GroupAdmin(ActionAdmin):
    """Groups that can be closed."""

    actions_detail = ("close",)

    @reasoned_action(title="Close", permission="auth.change_group")
    def close(self, request: HttpRequest, group: Group, reason: str) -> str:
        """Remember who closed what and why."""
        if reason == "not now":
            raise NotNow
        done.append((request.user.get_username(), group.name, reason))
        return f"{group} is closed"


site.register(Group, GroupAdmin)

urlpatterns = [path("floor/", site.urls), *product_urls]
