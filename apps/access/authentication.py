"""DRF's way to the door: from a request to its caller."""

from typing import cast

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.access.callers import Caller
from apps.access.door import caller_at
from apps.access.knock import Knock
from apps.common.request_ids import ids_of


class KeyAuthentication(BaseAuthentication):
    """Makes `request.user` and `request.auth` the Caller; None if nobody is known."""

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        """Return the caller or None; raises a DomainError for a credential we refuse."""
        caller = caller_at(
            Knock.of_request(cast(HttpRequest, request)), request_id=ids_of(request).request_id
        )
        return (caller, caller) if caller else None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401; never Basic, or browsers would open a password box."""
        return "Bearer"
