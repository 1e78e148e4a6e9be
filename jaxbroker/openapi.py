"""How strict fields and API keys describe themselves; imported by urls.py for its effect.

Settings of the description stand in settings.py, what it says of a route beside the route.
"""

# mypy: disable-error-code="no-untyped-call"
# (drf-spectacular registers a subclass in an untyped hook)

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
    OpenApiViewExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view

from apps.common import strict

Schema = dict[str, Any]


class KeyScheme(OpenApiAuthenticationExtension):
    """The three carriers of a key."""

    target_class = "apps.access.authentication.KeyAuthentication"
    match_subclasses = True
    name = ["bearer", "apiKey", "basic"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        """Return one scheme for each carrier."""
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "jb_<mode>_<id>_<secret>"},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            {"type": "http", "scheme": "basic", "description": "User is the id, password the secret."},
        ]


class _StrictField(OpenApiSerializerFieldExtension):
    """What all strict fields share: they describe themselves by one small schema."""

    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field."""
        return self.schema()

    def schema(self) -> Schema:
        """Return the schema of the field."""
        raise NotImplementedError


class IntegerField(_StrictField):
    """A whole number within its bounds."""

    target_class = strict.StrictIntegerField

    def schema(self) -> Schema:
        """Return type and bounds."""
        return {"type": "integer", "minimum": self.target.min_value, "maximum": self.target.max_value}


class DecimalField(_StrictField):
    """A number, or the same as text."""

    target_class = strict.StrictDecimalField

    def schema(self) -> Schema:
        """Return both forms."""
        bounds = {
            word: float(value)
            for word, value in (("minimum", self.target.min_value), ("maximum", self.target.max_value))
            if value is not None
        }
        return {"oneOf": [{"type": "number", **bounds}, {"type": "string", "format": "decimal"}]}


class BooleanField(_StrictField):
    """true or false."""

    target_class = strict.StrictBooleanField

    def schema(self) -> Schema:
        """Return the type."""
        return {"type": "boolean"}


class ChoiceField(_StrictField):
    """One of some words."""

    target_class = strict.StrictChoiceField

    def schema(self) -> Schema:
        """Return the words."""
        return {"type": "string", "enum": list(self.target.choices)}


class TextField(_StrictField):
    """Visible text of a bounded length."""

    target_class = strict.StrictTextField

    def schema(self) -> Schema:
        """Return length and form."""
        form = {"pattern": f"^{self.target.pattern.pattern}$"} if self.target.pattern else {}
        return {
            "type": "string",
            "minLength": self.target.min_length,
            "maxLength": self.target.max_length,
            **form,
        }


class SymbolField(_StrictField):
    """A symbol in any spelling."""

    target_class = strict.SymbolField

    def schema(self) -> Schema:
        """Return the type."""
        return {"type": "string", "minLength": 1, "maxLength": 21}


PROBES = "Probes"


class _Probe(OpenApiViewExtension):
    """A probe answers a small object or text that no serializer describes."""

    answer: Any = OpenApiTypes.OBJECT
    statuses: tuple[int, ...] = (200,)

    def view_replacement(self) -> type[Any]:
        """Return the view with its description."""
        described = extend_schema(tags=[PROBES], responses=dict.fromkeys(self.statuses, self.answer), auth=[])
        probe: Any = self.target_class  # the class itself, once its name was resolved
        replaced: type[Any] = extend_schema_view(get=described)(type(probe.__name__, (probe,), {}))
        return replaced


class Livez(_Probe):
    """Whether the process serves."""

    target_class = "apps.gateway.api.LivezView"


class Readyz(_Probe):
    """Whether orders can be taken."""

    target_class = "apps.gateway.api.ReadyzView"
    statuses = (200, 503)


class Metrics(_Probe):
    """Gauges for Prometheus."""

    target_class = "apps.gateway.api.MetricsView"
    answer = OpenApiTypes.STR
