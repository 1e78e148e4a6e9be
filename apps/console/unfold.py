"""What the admin's skin is told: our name, and none of its own extras.

Imported by the settings, so it imports nothing of Django.
"""

from typing import Any


def stock_context(request: Any) -> dict[str, Any]:
    """Take the skin's inline colours out of its pages: they come from our style sheet."""
    return {"colors": None, "is_nav_sidebar_enabled": False}


UNFOLD_SETTINGS: dict[str, Any] = {
    "SITE_TITLE": "JaxBroker",
    "SITE_HEADER": "JaxBroker",
    "SITE_URL": "/admin/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "GLOBAL_CALLBACK": "apps.console.unfold.stock_context",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": []},
}
