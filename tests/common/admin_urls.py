"""An admin of one plain model, for the tests of what all our lists share."""

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.urls import path

from apps.common.admin import ReadOnlyAdmin
from jaxbroker.urls import urlpatterns as product_urls

site = AdminSite(name="floor")
site.register(Group, ReadOnlyAdmin)

urlpatterns = [path("floor/", site.urls), *product_urls]
