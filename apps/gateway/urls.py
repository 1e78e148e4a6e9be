"""Routes of the probes and of the gateway's reports."""

from django.urls import path

from apps.gateway.api import LivezView, MetricsView, ReadyzView
from apps.gateway.reports_api import ReconciliationView, RecoveriesView, RecoveryView

urlpatterns = [
    path("livez", LivezView.as_view(), name="livez"),
    path("readyz", ReadyzView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("api/v2/recoveries", RecoveriesView.as_view()),
    path("api/v2/recoveries/<uuid:uuid>", RecoveryView.as_view()),
    path("api/v2/reconciliation", ReconciliationView.as_view()),
]
