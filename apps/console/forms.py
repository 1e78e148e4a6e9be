"""The forms of acts: a reason, and where it matters a word to type."""

from typing import Any

from django import forms


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
