"""What a person at a real browser is promised."""

import os
from pathlib import Path

import pytest
from django.utils import timezone

from apps.accounts.models import Connection
from apps.orders.models import Order
from apps.safety.models import TradingState
from tests import factories
from tests.console import scene

PATHS = {
    "index": "/admin/",
    "safety": "/admin/safety/",
    "halt": "/admin/safety/halt/",
    "reduce": "/admin/safety/reduce/",
    "resume": "/admin/safety/resume/",
    "connection": "/admin/connection/",
    "disconnect": "/admin/connection/main/disconnect/",
    "key": "/admin/access/apikey/new/",
    "orders": "/admin/orders/order/",
    "executions": "/admin/orders/execution/",
    "positions": "/admin/positions/position/",
    "accounts": "/admin/accounts/account/",
    "balances": "/admin/accounts/balance/",
    "keys": "/admin/access/apikey/",
    "audit": "/admin/audit/auditevent/",
    "states": "/admin/safety/tradingstate/",
    "incidents": "/admin/safety/incident/",
    "recoveries": "/admin/gateway/recovery/",
    "differences": "/admin/gateway/difference/",
    "resolutions": "/admin/orders/resolution/",
    "people": "/admin/auth/user/add/",
}


def save(window, folder: Path, name: str) -> None:
    """Keep a picture for whoever wants to look: in SCREENSHOT_DIR, else in the test's own folder."""
    kept = Path(os.environ.get("SCREENSHOT_DIR", folder))
    kept.mkdir(parents=True, exist_ok=True)
    window.page.screenshot(path=kept / f"{name}.png", full_page=True)


class TestSignIn:
    def test_brings_a_person_to_the_overview(self, desk, window):
        tab = window()

        tab.sign_in("tara")

        assert tab.page.url.endswith("/admin/")
        assert tab.page.get_by_text("Newest orders").is_visible()


class TestEveryPage:
    @pytest.mark.parametrize(
        ("width", "theme"), [(1600, "light"), (1600, "dark"), (1280, "light"), (390, "dark")]
    )
    def test_has_no_violation_no_foreign_request_and_no_sideways_scroll(
        self, desk, window, tmp_path, theme, width
    ):
        tab = window(width=width, theme=theme)
        order = Order.objects.get(client_order_id="rb-2211-07")
        open_order = Order.objects.get(client_order_id="rb-2211-01")
        doubted = Order.objects.get(client_order_id="rb-2211-02")
        Order.objects.filter(pk=doubted.pk).update(broker_status="Submitted")
        told, report = scene.make_story(desk), scene.make_recovery(desk, differences_left=2)
        scene.make_trouble(desk)
        paths = PATHS | {
            "order": f"/admin/orders/order/{order.pk}/change/",
            "story": f"/admin/orders/order/{told.pk}/change/",
            "resolve": f"/admin/orders/order/{doubted.uuid}/resolve/",
            "recovery": f"/admin/gateway/recovery/{report.pk}/change/",
            "cancel": f"/admin/orders/order/{open_order.uuid}/cancel/",
        }
        tab.open("/admin/login/")
        save(tab, tmp_path, f"login-{theme}-{width}")
        tab.sign_in("root")

        wide = {}
        for name, path in paths.items():
            Connection.objects.update(heartbeat_at=timezone.now())
            tab.open(path)
            wide[name] = tab.overflow()
            save(tab, tmp_path, f"{name}-{theme}-{width}")

        assert {name: pixels for name, pixels in wide.items() if pixels > 0} == {}

    @pytest.mark.parametrize(
        ("theme", "ground"), [("light", "rgb(244, 245, 247)"), ("dark", "rgb(11, 14, 19)")]
    )
    @pytest.mark.parametrize("path", ["/admin/safety/", "/admin/orders/order/"])
    def test_follows_the_system_on_custom_and_stock_pages(self, desk, window, theme, ground, path):
        tab = window(theme=theme)
        tab.sign_in("tara")

        tab.open(path)

        shown = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert shown == ground


class TestHalt:
    def test_by_the_typed_word_is_in_the_rows_and_on_the_page(self, desk, window):
        tab = window()
        tab.sign_in("tara")

        tab.open("/admin/safety/")
        tab.page.locator("body").press("Shift+H")
        tab.page.wait_for_url("**/safety/halt/")
        tab.page.get_by_label("Type HALT").fill("HALT")
        tab.page.get_by_label("Type HALT").press("Enter")

        tab.page.get_by_text("Trading is HALTED").wait_for()
        assert TradingState.objects.get(scope="*").state == "HALTED"
        assert tab.page.get_by_text("Report of the halt").is_visible()

    def test_works_without_script(self, chromium, live_server, desk):
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{live_server.url}/admin/safety/halt/")
        page.get_by_label("User name").fill("rita")
        page.get_by_label("Password").fill("correct horse battery staple")
        page.get_by_role("button", name="Sign in").click()

        page.get_by_label("Type HALT").fill("halt")
        page.get_by_role("button", name="Halt and cancel").click()

        assert page.get_by_text("Trading is HALTED").is_visible()
        context.close()

    def test_is_within_reach_on_a_phone(self, desk, window):
        tab = window(width=390)
        tab.sign_in("tara")
        tab.open("/admin/orders/order/")

        button = tab.page.locator(".status .halt")
        box = button.bounding_box()

        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 844
        button.click()
        tab.page.wait_for_url("**/safety/halt/")


class TestResolve:
    def test_by_hand_is_in_the_rows_and_in_the_story(self, desk, window):
        Order.objects.filter(client_order_id="rb-2211-02").update(broker_status="Submitted")
        order = Order.objects.get(client_order_id="rb-2211-02")
        tab = window()
        tab.sign_in("rita")

        tab.open(f"/admin/orders/order/{order.pk}/change/")
        tab.page.get_by_role("link", name="Resolve by hand").click()
        tab.page.get_by_label("CANCELLED, with the fills below").check()
        tab.page.get_by_label("Evidence").fill("Statement of 20 Nov, page 2")
        tab.page.get_by_label(f"Type {order.order_ref}").fill(order.order_ref)
        tab.page.get_by_label("Your password").fill(factories.PASSWORD)
        tab.page.get_by_role("button", name="Resolve by hand").click()

        tab.page.get_by_text("CANCELLED: resolved by hand").wait_for()
        order.refresh_from_db()
        assert order.status == "CANCELLED"


class TestViewer:
    def test_sees_who_may_and_no_action(self, desk, window):
        tab = window()
        tab.sign_in("vera")

        tab.open("/admin/safety/")

        main = tab.page.locator("main")
        assert main.get_by_role("button").count() == 0
        assert main.locator("form").count() == 0
        assert main.get_by_text("You can look. Resuming is for: rita, root.").is_visible()
        assert tab.page.locator(".status .halt").get_attribute("href") == "/admin/safety/"


class TestLiveBar:
    def test_changes_by_itself_when_trading_is_halted(self, desk, window):
        tab = window()
        tab.sign_in("tara")
        tab.open("/admin/orders/order/")

        TradingState.objects.filter(scope="*").update(state="HALTED", halt_epoch=1)

        tab.page.locator(".seg.trading", has_text="HALTING").wait_for(timeout=9000)
        assert tab.page.title().startswith("PAPER · HALTING · 1 in doubt")

    def test_says_so_when_the_console_is_gone(self, desk, window):
        tab = window()
        tab.page.clock.install()
        tab.sign_in("tara")
        tab.open("/admin/safety/")

        tab.page.route("**/admin/bar/", lambda route: route.abort())
        for _ in range(5):
            with tab.page.expect_event("requestfailed"):
                tab.page.clock.run_for(5000)

        tab.page.get_by_text("This page cannot reach JaxBroker since").wait_for()
        assert tab.page.get_by_text("Halt by: manage.py kill").is_visible()
        tab.faults.clear()  # the browser reports each request that we cut
