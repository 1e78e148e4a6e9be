"""The base of every refusal of ours.

A refusal is an exception with one stable code; status, title and hint of the code stand
in codes.py. Expected outcomes are values, and bugs are ordinary exceptions.
"""

from typing import ClassVar


class DomainError(Exception):
    """A refusal with a stable code and a sentence for the caller.

    `members` are further members of the problem body, such as `reasons` or
    `retry_after_s`; their values must be what JSON can carry, or Decimal.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, detail: str = "", **members: object) -> None:
        self.detail = detail or first_sentence(type(self).__doc__ or "")
        self.members: dict[str, object] = members
        super().__init__(self.detail)


def first_sentence(text: str) -> str:
    """Return the first line of a docstring without its full stop."""
    return text.strip().split("\n", 1)[0].rstrip(".")
