"""Who may do what: deny, unless the view names a scope for the method and the caller has it."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.access.callers import Caller
from apps.access.knock import Unauthenticated
from apps.domain.errors import DomainError

if TYPE_CHECKING:  # the framework imports this module while it builds its view
    from rest_framework.views import APIView


class MissingScope(DomainError):
    """The key has not the scope that this needs."""

    code = "MISSING_SCOPE"


class AccountNotAllowed(DomainError):
    """The account is not one of this key's."""

    code = "ACCOUNT_NOT_ALLOWED"


class HasScope(BasePermission):
    """Lets a caller pass who has `view.required_scopes[method]`; without an entry nobody."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return True or raise Unauthenticated or MissingScope."""
        caller = known_caller(request)
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method.lower() not in view.http_method_names or not hasattr(view, method.lower()):
            return True  # and the view answers 405
        scope = getattr(view, "required_scopes", {}).get(method)
        if scope is None:
            raise MissingScope("Nobody may do this")
        demand_scope(caller, scope)
        return True


class Anyone(BasePermission):
    """Lets everybody pass; for health and what else is said to say little to strangers."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return True."""
        return True


def known_caller(request: Request) -> Caller:
    """Return the caller of a request, or raise Unauthenticated."""
    caller: object = request.user
    if not isinstance(caller, Caller):
        raise Unauthenticated
    return caller


def demand_scope(caller: Caller, scope: str) -> None:
    """Raise MissingScope unless the caller has the scope."""
    if not caller.has(scope):
        raise MissingScope(f"{scope} is needed")


def demand_account(caller: Caller, account_code: str) -> None:
    """Raise AccountNotAllowed unless the account is one of the caller's."""
    if not caller.may_see(account_code):
        raise AccountNotAllowed
