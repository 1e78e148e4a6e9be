"""Native routes about orders."""

from django.urls import path

from apps.orders.timeline_api import TimelineView

urlpatterns = [
    path("api/v2/orders/<uuid:uuid>/timeline", TimelineView.as_view()),
]
