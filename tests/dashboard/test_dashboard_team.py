"""Numbers and users on the page: added, changed, let go; and what the settings say of them. In a real browser."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.conftest import HOSTILE, House, opened, sign_in
from tests.dashboard.judge import goto, judged
from tests.dashboard.test_dashboard_away import AWAY, killed

pytestmark = pytest.mark.process

DESK, HARBOUR, ANNA = "+33123456789", "HARBOUR", "anna@harbour.example"


@pytest.fixture(scope="module")
def settings() -> str:
    return f"""
[[users]]
email = "{ANNA}"
name = "Anna"

[[numbers]]
number = "{DESK}"
name = "Front desk"
users = ["{ANNA}"]
ring_seconds = 12
"""


def add_rules(route: Route) -> None:
    """What the API says of a number that has rules, too: those want a SIP line."""
    answer = route.fetch()
    told = answer.json()
    told["data"]["plan"] |= {
        "hours": {"zone": "Europe/Paris", "open": ["mon-fri 09:00-18:00"], "holidays": ["12-25"]},
        "answer": ["menu desk", HOSTILE],
        "ring": "in turn",
    }
    route.fulfill(response=answer, json=told)


def numbers(house: House) -> dict[str, Any]:
    found = house.server.call("GET", "/v2/api/numbers")["data"]
    return {one["number"] or one["sender_id"]: one for one in found}


def test_a_user_is_added_changed_and_blocked(page: Page, house: House) -> None:
    goto(page, house, "lines")
    page.get_by_role("button", name="New user").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Email").fill(ANNA.upper())
    form.get_by_label("Name").fill(HOSTILE)
    form.get_by_label("Role").select_option("MANAGER")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("is a user already")
    form.get_by_label("Email").fill("ben@harbour.example")
    form.get_by_role("button", name="Save").click()
    row = page.locator(".rows > li", has_text="ben@harbour.example")
    expect(row).to_contain_text(HOSTILE)
    expect(row).to_contain_text("manager")
    expect(page.get_by_text("User saved")).to_be_visible()
    row.get_by_role("button", name="Edit").press("Enter")
    expect(form.get_by_label("Name")).to_be_focused()
    form.get_by_label("Status").select_option("BLOCKED")
    page.keyboard.press("Tab")
    form.get_by_role("button", name="Save").press("Enter")
    expect(row.get_by_text("blocked", exact=True)).to_be_visible()
    (ben,) = house.server.call("GET", "/v2/api/users?status=BLOCKED")["data"]
    assert (ben["email"], ben["role"], ben["name"]) == ("ben@harbour.example", "MANAGER", HOSTILE)
    assert page.locator("img[src=x], main script").count() == 0


def test_a_number_and_a_sender_name_are_added_changed_and_let_go(page: Page, house: House) -> None:
    goto(page, house, "lines")
    page.get_by_role("button", name="New number").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Number", exact=True).fill("12")
    form.get_by_role("textbox", name="Name").fill("Sales")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("no telephone number")
    form.get_by_label("Number", exact=True).fill("01 23 45 67 80")
    form.get_by_label("SMS").check()
    form.get_by_label("Who is rung").fill("nobody@x.example")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("no user")
    form.get_by_label("Who is rung").fill("")
    form.get_by_role("button", name="Add Anna").click()
    form.get_by_role("button", name="Save").click()
    row = page.locator(".rows > li", has_text="+33123456780")
    expect(row).to_contain_text("Sales")
    expect(row).to_contain_text("Anna")
    expect(page.get_by_text("calls within seconds")).to_be_visible()
    assert numbers(house)["+33123456780"]["capabilities"] == ["VOICE", "SMS"]
    row.get_by_text("What becomes of its calls").click()
    expect(row.get_by_text("does not name this number")).to_be_visible()

    row.get_by_role("button", name="Edit").click()
    form.get_by_role("textbox", name="Name").fill("Sales France")
    with killed(house):
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_contain_text(AWAY)
        expect(form.get_by_role("textbox", name="Name")).to_have_value("Sales France")
    form.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Sales France")

    page.get_by_role("button", name="New number").click()
    form.get_by_label("Number", exact=True).fill(HARBOUR)
    form.get_by_label("Kind").select_option("SENDER_ID")
    form.get_by_role("button", name="Save").click()
    named = page.locator(f'.rows > li[data-id="{HARBOUR}"]')
    expect(named).to_contain_text("SMS")
    named.get_by_role("button", name="Let go").click()
    form.get_by_role("button", name="Let go").click()
    expect(named).to_have_count(0)
    assert HARBOUR not in numbers(house)


def test_what_the_settings_say_is_shown_and_said_to_hold_again(page: Page, house: House) -> None:
    goto(page, house, "lines")
    row = page.locator(f'.rows > li[data-id="{DESK}"]')
    expect(row.get_by_text("in the settings", exact=True)).to_be_visible()
    page.route("**/v2/api/numbers/*", add_rules)
    row.get_by_text("What becomes of its calls").click()
    for said in (
        "mon-fri 09:00-18:00 · Europe/Paris · closed on 12-25",
        "menu desk → <img",
        "12 s",
        "in turn",
    ):
        expect(row.locator("dd", has_text=said)).to_be_visible()
    expect(row.get_by_text("changed there, with a restart")).to_be_visible()
    row.get_by_role("button", name="Edit").click()
    expect(page.get_by_role("dialog")).to_contain_text("change it there as well")
    page.keyboard.press("Escape")
    user = page.locator(".rows > li", has_text=ANNA)
    expect(user.get_by_text("in the settings", exact=True)).to_be_visible()


def test_who_may_only_read_sees_no_button(browser: Browser, house: House, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "switchhook", "keys", "create"]
    command += ["--scopes", "PHONE_NUMBERS_READ,USERS_READ", "--data", str(house.data)]
    key = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
    page = opened(browser, house)
    sign_in(page, house, key)
    expect(page.locator(f'.rows > li[data-id="{DESK}"]')).to_be_visible()
    expect(page.locator(".rows > li", has_text=ANNA)).to_be_visible()
    assert page.get_by_role("main").get_by_role("button").count() == 0
    page.context.close()


@pytest.mark.parametrize(("scheme", "language"), [("light", "FR"), ("dark", "EN")])
def test_anybody_can_set_up_numbers_and_users(
    browser: Browser, house: House, scheme: Any, language: str
) -> None:
    phone = {"width": 390, "height": 800}
    page = opened(browser, house, color_scheme=scheme, viewport=phone, bypass_csp=True)
    sign_in(page, house)
    if language == "FR":
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("button", name="FR").click()
    goto(page, house, "lines")
    row = page.locator(f'.rows > li[data-id="{DESK}"]')
    row.locator("summary").click()
    expect(row.locator("dd").first).to_be_visible()
    found = {"lines": judged(page)}
    words = {"FR": ("Nouveau numéro", "Nouvel utilisateur"), "EN": ("New number", "New user")}
    for name in words[language]:
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found[name] = judged(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}
