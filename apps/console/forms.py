"""The forms of acts: a reason, and where it matters a word to type."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from apps.common.figures import EXCHANGE_ZONE
from apps.orders.services.resolution import OUTCOMES, EnteredFill


class ActForm(forms.Form):
    """An act that changes something: why, and the typed word that proves it was meant.

    With `word` the person has to type it; `any_case` forgives capitals, which only the
    stricter acts do.
    """

    reason = forms.CharField(
        min_length=5,
        max_length=200,
        error_messages={
            "required": "Give a reason, 5 characters or more.",
            "min_length": "Give a reason, 5 characters or more.",
        },
    )
    word = forms.CharField(required=False, strip=True, max_length=128)

    def __init__(self, *args: Any, word: str = "", any_case: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = word
        self.any_case = any_case

    def clean_word(self) -> str:
        """Return the word if it is the expected one."""
        typed = str(self.cleaned_data["word"])
        same = typed.upper() == self.expected.upper() if self.any_case else typed == self.expected
        if self.expected and not same:
            raise forms.ValidationError(f"Type {self.expected} to confirm.")
        return typed


class ProvenForm(ActForm):
    """An act that cannot be taken back: with the password of whoever signed in."""

    password = forms.CharField(required=False, strip=False, max_length=4096)


#: How many fills one form takes; more are rare enough to be entered as their average.
FILL_ROWS = 4

_NUMBER = r"^[0-9]{1,8}(\.[0-9]{1,8})?$"
_WHEN = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")


class ResolveForm(ProvenForm):
    """What became of an order, the fills read off the broker's statement, and on what evidence.

    Rows of fills are all or nothing each; times are New York's.
    """

    outcome = forms.ChoiceField(
        choices=[(outcome.value, outcome.value) for outcome in OUTCOMES],
        error_messages={
            "required": "Choose what became of it.",
            "invalid_choice": "Choose one of three.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(FILL_ROWS):
            for name in ("quantity", "price"):
                self.fields[f"{name}_{number}"] = forms.RegexField(
                    _NUMBER,
                    required=False,
                    error_messages={"invalid": f"{name.capitalize()} is a plain number such as 227.40."},
                )
            self.fields[f"at_{number}"] = forms.CharField(required=False, max_length=19)

    def rows(self) -> list[list[Any]]:
        """Return the fields of each row of fills, for the page."""
        return [[self[f"{name}_{n}"] for name in ("quantity", "price", "at")] for n in range(FILL_ROWS)]

    def fills(self) -> list[EnteredFill]:
        """Return the entered fills of a valid form."""
        found = (self._fill(number) for number in range(FILL_ROWS))
        return [fill for fill in found if fill is not None]

    def clean(self) -> dict[str, Any]:
        """Demand each row whole, with a time that can be read."""
        for number in range(FILL_ROWS):
            self._fill(number)
        return self.cleaned_data

    def _fill(self, number: int) -> EnteredFill | None:
        texts = [self.cleaned_data.get(f"{name}_{number}", "") for name in ("quantity", "price", "at")]
        if not any(texts):
            return None
        if not all(texts):
            raise forms.ValidationError(f"Fill {number + 1} needs quantity, price and time.")
        return EnteredFill(Decimal(texts[0]), Decimal(texts[1]), _new_york(texts[2]))


def _new_york(text: str) -> datetime:
    for form in _WHEN:
        try:
            return timezone.make_aware(datetime.strptime(text, form), EXCHANGE_ZONE)  # noqa: DTZ007
        except ValueError:
            continue
    raise forms.ValidationError("Write the time as 2026-11-20 10:46:28, New York.")
