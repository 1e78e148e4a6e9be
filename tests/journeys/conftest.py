"""The gateway's house, and a desk that trades through services."""

from tests.gateway.conftest import gateway, simulator

__all__ = ["gateway", "simulator"]
