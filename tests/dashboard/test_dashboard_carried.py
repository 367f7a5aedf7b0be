"""What other versions and other kinds bring to the page: webhooks of version 1, and files that came with texts."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def first(house: House) -> str:
    """A webhook of the first version."""
    asked = {
        "allo_number": "+33123456789",
        "url": f"{house.receiver}/good",
        "topics": ["CALL_RECEIVED", "SMS_RECEIVED"],
    }
    made: str = house.server.call("POST", "/v1/api/webhooks", asked)["data"]["id"]
    return made


@pytest.fixture(scope="module")
def sender(house: House) -> str:
    """Who sent the text with files."""
    found = house.server.call("GET", "/v2/api/conversations/items/msg-files")["data"]["contact_number"]
    made: str = house.server.call("POST", "/v2/api/crm/people", {"numbers": [found], "name": "Ada"})["data"][
        "id"
    ]
    return made


def test_a_webhook_of_version_1_stands_among_the_others(page: Page, house: House, first: str) -> None:
    goto(page, house, "webhooks")
    card = page.locator(".card", has_text="+33123456789")
    expect(card.get_by_text("v1", exact=True)).to_be_visible()
    expect(card).to_contain_text("+33123456789")
    card.get_by_role("link").click()
    expect(page.get_by_text("unsigned")).to_be_visible()
    for name in ("Show secret", "Rotate secret"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("button", name="Send test").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Topic").select_option("PING")
    form.get_by_role("button", name="Send test").click()
    row = page.locator(".deliveries > li", has_text="PING")
    expect(row.get_by_text("succeeded")).to_be_visible()
    row.locator("summary").first.click()
    expect(row.locator(".attempt")).to_contain_text("200")


def test_a_webhook_of_version_1_is_changed_paused_and_deleted(page: Page, house: House, first: str) -> None:
    goto(page, house, f"webhooks/{first}")
    page.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("CALL_RECEIVED")).to_be_checked()
    form.get_by_label("SMS_RECEIVED").uncheck()
    form.get_by_label("CONTACT_CREATED").check()
    form.get_by_label("Description").fill("Old one")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Old one")).to_be_visible()
    (kept,) = house.server.call("GET", "/v1/api/webhooks")["data"]
    assert kept["topics"] == ["CALL_RECEIVED", "CONTACT_CREATED"]
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    goto(page, house, "webhooks")
    expect(page.locator(".card", has_text="+33123456789").get_by_text("paused")).to_be_visible()
    goto(page, house, f"webhooks/{first}")
    page.get_by_role("button", name="Delete").click()
    form.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted")).to_be_visible()
    assert house.server.call("GET", "/v1/api/webhooks")["data"] == []


def test_files_of_a_text_are_drawn_played_and_saved(page: Page, house: House, sender: str) -> None:
    goto(page, house, f"contacts/{sender}")
    text = page.locator(".bubble", has_text="See here")
    image = text.get_by_role("img", name="Picture, image/png")
    expect(image).to_have_js_property("naturalWidth", 40)
    expect(text.get_by_role("link", name="The picture cannot be shown")).to_contain_text("image/jpeg")
    sound = text.get_by_label("Sound")
    sound.evaluate("sound => sound.load()")
    expect(sound).to_have_js_property("error", None)
    expect(text.get_by_text("application/pdf · not here yet")).to_be_visible()
    with page.expect_download() as download:
        text.get_by_role("link", name="text/vcard").click()
    assert download.value.path().read_bytes() == b"BEGIN:VCARD"
    with page.context.expect_page() as shown:
        text.get_by_role("link", name="Picture, image/png").click()
    assert "signature=" in shown.value.url
    assert page.evaluate("fetch(document.querySelector('.files img').src).then(one => one.status)") == 200


def test_a_file_that_lies_elsewhere_is_not_asked_for(page: Page, house: House, sender: str) -> None:
    found = house.server.call("GET", "/v2/api/conversations/items/msg-files")
    item = found["data"]
    item["files"] = [
        {"id": "fil_x", "url": url, "content_type": "image/png", "size": 5}
        for url in ("https://elsewhere.example/x.png", "javascript:alert(1)")
    ]
    answer = {"data": [item], "pagination": {"page": 1, "size": 50, "total_count": 1, "total_pages": 1}}
    page.route("**/items/search", lambda route: route.fulfill(json=answer))
    goto(page, house, f"contacts/{sender}")
    expect(page.get_by_text("lies with another service")).to_have_count(2)
    assert page.locator(".files img, .files a").count() == 0


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "fr")])
def test_anybody_can_use_files(
    browser: Browser, house: House, scheme: Any, language: str, sender: str
) -> None:
    page = opened(
        browser, house, color_scheme=scheme, viewport={"width": 390, "height": 800}, bypass_csp=True
    )
    sign_in(page, house)
    if language == "fr":
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("button", name="FR").click()
    goto(page, house, f"contacts/{sender}")
    image = {"en": "Picture", "fr": "Image"}[language]
    expect(page.get_by_role("img", name=f"{image}, image/png")).to_have_js_property("naturalWidth", 40)
    assert judged(page) == []
    page.context.close()


def test_a_call_says_which_way_it_went(page: Page, house: House) -> None:
    goto(page, house, "calls/cll-ours")
    facts = page.locator("dl.facts")
    for said in ("9 Again → 1 <img", "Anna", "+33611111111", "A-4711"):
        expect(facts.locator("dd", has_text=said)).to_be_visible()
    facts.get_by_role("link", name="Open").click()
    expect(page.get_by_role("slider")).to_be_visible()
    expect(page.locator("dt", has_text="Passed on to")).to_have_count(0)
    assert page.locator("img[src=x], main script").count() == 0
