"""The page finds itself: what every view is called, how it is reached, on a phone, by keyboard, and by who is new."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.serving import Server
from tests.dashboard.conftest import House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process

PHONE: Any = {"width": 360, "height": 740}
NAMES = {
    "live": ("Live", "En direct"),
    "calls": ("Calls", "Appels"),
    "webhooks": ("Webhooks", "Webhooks"),
    "contacts": ("Contacts", "Contacts"),
    "lines": ("Numbers and lines", "Numéros et lignes"),
    "keys": ("Keys", "Clés"),
    "settings": ("Settings", "Réglages"),
    "system": ("System", "Système"),
}
# What stands in each view once it has read what it shows.
SIGNS = {
    "live": ".events > li",
    "calls": ".calls > li",
    "webhooks": ".plot",
    "contacts": ".people > li",
    "lines": ".empty",
    "keys": ".rows > li",
    "settings": "table",
    "system": "table",
}


def in_language(browser: Browser, house: House, language: str, **options: Any) -> Page:
    page = opened(browser, house, locale={"en": "en-GB", "fr": "fr-FR"}[language], **options)
    page.goto(f"{house.server.url}/dashboard")
    page.locator("input[name=key]").fill(house.server.key)
    page.locator("button[type=submit]").click()
    page.get_by_role("navigation").wait_for()
    return page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_phone_shows_every_view_whole_and_leads_to_it(
    browser: Browser, house: House, language: str
) -> None:
    person = {"name": "Jean-Baptiste-Amadeus", "last_name": "de-la-Rochefoucauld-Saint-Étienne" * 3}
    asked = person | {"numbers": ["+33612000001"], "allow_duplicate_number": True}
    known = house.server.call("POST", "/v2/api/crm/people", asked)["data"]["id"]
    page = in_language(browser, house, language, viewport=PHONE)
    wide = {}
    for name, spoken in NAMES.items():
        title = spoken[language == "fr"]
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
        expect(page).to_have_title(f"{title} · Switchhook")
        expect(page.get_by_role("button", name="Menu")).to_have_attribute("aria-expanded", "false")
        wide[name] = beyond(page, SIGNS[name])
    for place, sign in (
        (f"webhooks/{house.bad}", ".deliveries > li"),
        ("calls/cll-drawn", ".waves"),
        (f"contacts/{known}", ".facts"),
    ):
        goto(page, house, place)
        wide[place] = beyond(page, sign)
    page.context.close()
    assert {name: by for name, by in wide.items() if by > 0} == {}


def beyond(page: Page, sign: str) -> int:
    """By how many pixels the page is wider than the window, once it shows `sign`."""
    expect(page.locator(sign).first).to_be_visible()
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found


def test_titles_addresses_and_the_way_back_go_together(page: Page, house: House) -> None:
    bar = page.get_by_role("navigation")
    assert bar.get_by_role("link").all_inner_texts() == [english for english, _ in NAMES.values()]
    for name, (title, _) in NAMES.items():
        bar.get_by_role("link", name=title, exact=True).click()
        expect(page).to_have_url(re.compile(rf"#/{name}$"))
        expect(page).to_have_title(f"{title} · Switchhook")
        expect(bar.locator("[aria-current=page]")).to_have_text(title)
    page.go_back()
    expect(page).to_have_title("Settings · Switchhook")
    page.go_back()
    expect(page).to_have_title("Keys · Switchhook")
    page.reload()
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()


def test_a_few_letters_lead_anywhere(page: Page, house: House) -> None:
    asked = {
        "name": "Zoé",
        "last_name": "Quince",
        "numbers": ["+33612000002"],
        "allow_duplicate_number": True,
    }
    known = house.server.call("POST", "/v2/api/crm/people", asked)["data"]["id"]
    found, field = (page.get_by_role("dialog").get_by_role(role) for role in ("option", "combobox"))
    page.keyboard.press("/")
    expect(field).to_be_focused()
    expect(found).to_have_count(len(NAMES) + 3)
    page.keyboard.type("syst")
    expect(found).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_title("System · Switchhook")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.type("quince")
    expect(found.filter(has_text="Zoé Quince")).to_be_visible()
    expect(found.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/contacts/{known}$"))

    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("e")
    expect(found.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", "found-1")
    field.fill("nothing is like this")
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_use_the_menu_and_the_search(browser: Browser, house: House, scheme: Any) -> None:
    page = opened(browser, house, color_scheme=scheme, viewport=PHONE, bypass_csp=True)
    sign_in(page, house)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    found = {"menu": judged(page)}
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    page.get_by_role("button", name="Go to…").click()
    expect(page.get_by_role("dialog").get_by_role("option").first).to_be_visible()
    found["search"] = judged(page)
    page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_times_are_told_as_they_are_grasped(page: Page) -> None:
    told = page.evaluate(
        """async () => {
          const { when } = await import(new URL("dashboard/format.js", location.href).href);
          const ago = (seconds) => when(new Date(Date.now() - seconds * 1000).toISOString());
          return [ago(5), ago(90), ago(3540), ago(400 * 86400), when(null)];
        }"""
    )
    assert told[:3] == ["now", "1 min ago", "59 min ago"]
    assert re.fullmatch(r"\d{1,2} \w+ \d{2}, \d{2}:\d{2}", told[3])
    assert told[4] == "–"


def test_who_is_new_is_led_to_the_first_webhook(browser: Browser, house: House, tmp_path: Path) -> None:
    server = Server(tmp_path / "new")
    try:
        page = browser.new_context(locale="en-GB", viewport=PHONE, bypass_csp=True).new_page()
        page.goto(f"{server.url}/dashboard")
        page.get_by_label("API key").fill(server.key)
        page.get_by_role("button", name="Sign in").click()
        steps = page.locator(".steps > li")
        expect(steps).to_have_count(3)
        assert judged(page) == []
        expect(steps.nth(1).get_by_role("button", name="Send test")).to_be_disabled()
        expect(steps.nth(2).get_by_role("link", name="Numbers and lines")).to_be_visible()
        steps.first.get_by_role("button", name="New webhook").click()
        page.get_by_role("dialog").get_by_label("URL").fill(f"{house.receiver}/good")
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.get_by_label("Signing secret")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Live", exact=True).click()
        expect(steps.first).to_have_class("done")
        steps.nth(1).get_by_role("button", name="Send test").click()
        expect(page.locator(".deliveries > li", has_text="call.received")).to_be_visible()
        page.context.close()
    finally:
        server.stop()
