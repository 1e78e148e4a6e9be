"""The body of every error as the published descriptions show it (RFC 9457)."""

from typing import Any

from rest_framework import serializers as s


class FieldErrorOut(s.Serializer[Any]):
    """One error of one field of a body."""

    field = s.CharField()
    code = s.CharField()
    detail = s.CharField()


class ReasonOut(s.Serializer[Any]):
    """One control that refused an order."""

    code = s.CharField()
    detail = s.CharField(required=False)
    limit = s.CharField(required=False)
    observed = s.CharField(required=False)
    limits_version = s.IntegerField(required=False)


class ProblemOut(s.Serializer[Any]):
    """The body of every error (RFC 9457); `code` is the contract, texts are not."""

    type = s.CharField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    instance = s.CharField()
    code = s.CharField()
    request_id = s.CharField()
    hint = s.CharField(required=False)
    reasons = ReasonOut(many=True, required=False)
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]  # RFC name
    ib_code = s.IntegerField(required=False)
    ib_message = s.CharField(required=False)
    phase = s.CharField(required=False)
    retry_after_s = s.FloatField(required=False)
    order_id = s.IntegerField(required=False)
    order_uuid = s.UUIDField(required=False)
    error = s.CharField(help_text="The same as detail, for old callers.")
    message = s.CharField(help_text="The same as detail, for old callers.")
    success = s.BooleanField(help_text="Always false.")
