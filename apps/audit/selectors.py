"""Read the chain."""

from django.db.models import QuerySet

from apps.audit.models import AuditEvent


def events_of_object(name: str) -> QuerySet[AuditEvent]:
    """Return what was done to an object, newest first."""
    return AuditEvent.objects.filter(object=name)


def events_of_actor(actor: str) -> QuerySet[AuditEvent]:
    """Return what somebody did, newest first."""
    return AuditEvent.objects.filter(actor=actor)
