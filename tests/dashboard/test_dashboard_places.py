"""The page's views of who runs the place: lines, keys, system. In a real browser."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import HOSTILE, House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process


def test_a_key_is_made_shown_once_and_revoked(page: Page, house: House, browser: Browser) -> None:
    goto(page, house, "keys")
    page.get_by_role("button", name="New key").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill(HOSTILE)
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("at least one scope")
    form.get_by_label("Other scopes").fill("TAG_READ")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("did you mean TAGS_READ?")
    form.get_by_label("Other scopes").fill("NOTES_READ")
    form.get_by_label("CONVERSATIONS_READ").check()
    form.get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog").get_by_label("API key")
    expect(shown).to_have_value(re.compile("^ak_live_"))
    key = shown.input_value()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert key not in page.content()
    row = page.locator(".rows > li", has_text=HOSTILE)
    expect(row).to_contain_text("NOTES_READ")

    other = opened(browser, house)
    sign_in(other, house, key)
    expect(other.get_by_role("navigation").get_by_role("link")).to_have_text(["Calls"])
    row.get_by_role("button", name="Revoke").click()
    form.get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked")).to_be_visible()
    other.wait_for_timeout(1_100)  # how long a process may still take it
    other.reload()
    expect(other.get_by_label("API key")).to_be_visible()
    other.context.close()
    assert "broken" not in page.title()


def test_the_last_key_that_may_do_everything_is_not_revoked_by_accident(page: Page, house: House) -> None:
    goto(page, house, "keys")
    row = page.locator(".rows > li", has_text="this session")
    row.get_by_role("button", name="Revoke").click()
    form = page.get_by_role("dialog")
    expect(form).to_contain_text("will be signed out")
    form.get_by_role("button", name="Revoke").click()
    expect(form.get_by_role("alert")).to_contain_text("last key in force")
    page.keyboard.press("Escape")
    expect(row).to_be_visible()


def test_somebody_with_few_scopes_is_offered_no_more(browser: Browser, house: House, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "switchhook", "keys", "create", "--scopes", "KEYS_READ_WRITE,TAGS_READ"]
    command += ["--data", str(house.data)]
    key = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
    page = opened(browser, house)
    sign_in(page, house, key)
    page.get_by_role("button", name="New key").click()
    offered = page.get_by_role("dialog").get_by_role("checkbox")
    expect(offered).to_have_count(2)
    assert set(offered.evaluate_all("all => all.map(one => one.name)")) == {"KEYS_READ_WRITE", "TAGS_READ"}
    page.context.close()


def test_lines_numbers_and_what_to_do_without_any(page: Page, house: House) -> None:
    page.keyboard.press("5")
    expect(page.get_by_role("heading", name="Numbers and lines", exact=True)).to_be_visible()
    expect(page.get_by_text("--sip-listen")).to_be_visible()
    expect(page.get_by_text("switchhook numbers add")).to_be_visible()


def test_what_lines_say_of_themselves_is_text(page: Page, house: House) -> None:
    told = {
        "status": "not ready",
        "problems": [HOSTILE],
        "telephony": {
            "sip": "up",
            "asterisk": {"state": HOSTILE, "calls": 3, "more": [HOSTILE]},
            HOSTILE: None,
        },
        "version": "x",
    }
    page.route("**/readyz", lambda route: route.fulfill(json=told))
    numbers = [{"number": "+33123456789", "name": HOSTILE, "users": [], "capabilities": ["VOICE", "SMS"]}]
    page.route("**/v2/api/numbers", lambda route: route.fulfill(json={"data": numbers}))
    goto(page, house, "lines")
    expect(page.get_by_text("calls: 3")).to_be_visible()
    expect(page.get_by_text("SIP line")).to_be_visible()
    expect(page.get_by_text("+33123456789")).to_be_visible()
    assert page.locator("img[src=x], main script").count() == 0
    assert "broken" not in page.title()


def test_a_line_says_since_when_and_what_to_do(page: Page, house: House) -> None:
    told = {
        "status": "not ready",
        "problems": ["disk: 3 MB are left"],
        "telephony": {
            "sip": "up",
            "sip_telephones": "4",
            "sip_trunk": "403 Forbidden",
            "asterisk": "refused: Authentication failed",
            "texts": "lost: connection refused",
            "freeswitch": "standby",
            "twilio": "connecting",
        },
        "telephony_since": {"sip": "2025-01-02T03:04:05Z", "asterisk": "2025-01-02T03:04:05Z"},
        "version": "x",
    }
    page.route("**/readyz", lambda route: route.fulfill(status=503, json=told))
    goto(page, house, "lines")
    expect(page.get_by_text("disk: 3 MB are left")).to_be_visible()
    for name, said in {
        "sip": "since",
        "asterisk": "manager.conf",
        "sip_trunk": "sip_password",
        "texts": "tried again by itself",
        "freeswitch": "takes over",
        "twilio": "goes on by itself",
    }.items():
        row = page.locator(f'[data-line="{name}"]')
        expect(row).to_contain_text(said, ignore_case=True)
        expect(row.locator(".todo")).to_have_count(0 if name == "sip" else 1)
    began = page.locator('[data-line="sip"] time')
    expect(began).to_have_attribute("datetime", "2025-01-02T03:04:05Z")
    expect(page.locator('[data-line="sip_telephones"] .state')).to_have_count(0)


def test_how_the_server_does(page: Page, house: House) -> None:
    page.keyboard.press("8")
    expect(page.get_by_text("Deliveries waiting", exact=True)).to_be_visible()
    expect(page.get_by_text("SQLite")).to_be_visible()


def test_the_settings_that_matter(page: Page, house: House) -> None:
    page.keyboard.press("7")
    expect(page.get_by_role("row", name="retry_schedule")).to_contain_text("0 s")
    expect(page.get_by_role("row", name="retry_schedule")).to_contain_text("SWITCHHOOK_RETRY_SCHEDULE")
    expect(page.get_by_text("password")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_use_these(browser: Browser, house: House, scheme: Any) -> None:
    page = opened(
        browser, house, color_scheme=scheme, viewport={"width": 390, "height": 800}, bypass_csp=True
    )
    sign_in(page, house)
    found = {}
    for place, sign in (
        ("lines", ".empty"),
        ("keys", ".rows > li"),
        ("settings", "table"),
        ("system", "table"),
    ):
        goto(page, house, place)
        expect(page.locator(sign).first).to_be_visible()
        found[place] = judged(page)
    goto(page, house, "keys")
    page.get_by_role("button", name="New key").click()
    found["new key"] = judged(page)
    page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}
