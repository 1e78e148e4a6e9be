"""Routes of the probes."""

from django.urls import path

from apps.gateway.api import LivezView, MetricsView, ReadyzView

urlpatterns = [
    path("livez", LivezView.as_view(), name="livez"),
    path("readyz", ReadyzView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
