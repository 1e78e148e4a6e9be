"""A real Chromium against a real server: every page is watched while a test uses it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections
from playwright.sync_api import Browser, Page, sync_playwright

from tests import factories
from tests.console import scene

CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Playwright's loop runs in this thread; Django must not take the tests for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and let each meet rows that the server's threads see."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """One browser for all tests.

    Once Playwright's loop runs, Django opens a second connection for this thread. It gets the
    rows of the migrations that the first one remembers, or later tests would begin without.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's chromium")
    rows_of_migrations = connection._test_serialized_contents
    with sync_playwright() as playwright:
        connection._test_serialized_contents = rows_of_migrations
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


class Window:
    """One window of one person, which remembers everything that went wrong in it."""

    def __init__(self, browser: Browser, origin: str, *, width: int = 1600, theme: str = "light") -> None:
        self.origin = origin
        self.faults: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 1000 if width > 700 else 844}, color_scheme=theme
        )
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._see)

    def _hear(self, message) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text}")

    def _see(self, request) -> None:
        if not request.url.startswith((self.origin, "data:")):
            self.faults.append(f"foreign: {request.url}")

    def sign_in(self, name: str) -> None:
        """Come in through the door, as people do."""
        self.open("/admin/login/")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(factories.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def open(self, path: str) -> None:
        """Go to a page and wait until it has loaded."""
        self.page.goto(self.origin + path, wait_until="load")

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )


@pytest.fixture
def window(chromium, live_server, request) -> Iterator:
    """Return a function that opens windows; their faults fail the test at its end."""
    opened: list[Window] = []

    def open_window(**options) -> Window:
        opened.append(Window(chromium, live_server.url, **options))
        return opened[-1]

    yield open_window
    faults = [fault for each in opened for fault in each.faults]
    for each in opened:
        each.context.close()
    connections.close_all()
    assert faults == []


@pytest.fixture
def desk(transactional_db):
    """A desk with orders in every mood, and the people around it."""
    account = scene.make_desk()
    for name, role in (("tara", "trader"), ("rita", "risk-1"), ("vera", "viewer")):
        factories.make_person(name, role=role)
    factories.make_person("root", is_superuser=True)
    return account
