"""Draw what staff pages share: an icon of our sprite, and a status as word, icon and colour.

The word is always the API's own, so that a page, a log line and an answer compare letter by
letter. Colour is spent on doubt, warning and danger; what is well stays plain.
"""

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

#: word -> (look, icon). Orders, trading states, phases and mode proofs share no word that differs.
_LOOKS: dict[str, tuple[str, str]] = {
    "PENDING_APPROVAL": ("warn", "people"),
    "ACCEPTED": ("", "clock"),
    "IN_FLIGHT": ("doubt", "right"),
    "UNKNOWN": ("doubt", "question"),
    "WORKING": ("acc", "play"),
    "PARTIALLY_FILLED": ("acc", "bars"),
    "PENDING_CANCEL": ("acc", "clock"),
    "FILLED": ("", "check"),
    "CANCELLED": ("", "cross"),
    "DENIED": ("warn", "shield"),
    "REJECTED": ("warn", "warn"),
    "EXPIRED_UNSENT": ("", "clock"),
    "CANCELLED_UNSENT": ("", "cross"),
    "NOT_PLACED": ("warn", "question"),
    "ACTIVE": ("ok", "play"),
    "REDUCING": ("warn", "down"),
    "HALTED": ("bad", "halt"),
    "STOPPED": ("warn", "halt"),
    "DISCONNECTED": ("bad", "cross"),
    "CONNECTING": ("warn", "refresh"),
    "RECONCILING": ("warn", "refresh"),
    "READY": ("ok", "check"),
    "RESET_WINDOW": ("warn", "clock"),
    "AWAITING_LOGIN": ("bad", "lock"),
    "NO GATEWAY": ("bad", "cross"),
    "proven": ("ok", "check"),
    "unproven": ("warn", "question"),
    "contradicted": ("bad", "halt"),
}


def look_of(word: str) -> tuple[str, str]:
    """Return the look and the icon of a status word; a word not known here is plain."""
    return _LOOKS.get(word, ("", ""))


def icon(name: str) -> SafeString:
    """Return one icon of the sprite; it only repeats what the words beside it say."""
    return format_html(
        '<svg class="i" aria-hidden="true"><use href="{}#{}"></use></svg>', static("console/icons.svg"), name
    )


def chip(word: str, look: str = "", icon_name: str = "") -> SafeString:
    """Return a word in a frame with its icon."""
    drawn = icon(icon_name) if icon_name else ""
    return format_html('<span class="chip {}">{}{}</span>', look, drawn, word)


def status_chip(word: str) -> SafeString:
    """Return a status of ours as a chip."""
    return chip(word, *look_of(word))


def agreement(agrees: bool | None) -> SafeString:
    """Return a line of evidence's verdict as an icon with words for those who cannot see it."""
    look, name, words = {
        True: ("ok", "check", "agrees"),
        False: ("bad", "cross", "contradicts"),
        None: ("warn", "question", "not seen yet"),
    }[agrees]
    return format_html(
        '<span class="{}" title="{}">{}<span class="vh">{}</span></span>', look, words, icon(name), words
    )
