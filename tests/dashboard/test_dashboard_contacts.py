"""The page's contacts, and what belongs to a call: its tags and events. In a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import HOSTILE, House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process

NUMBER = "+33612345678"  # who is at the other end of the calls of the house


@pytest.fixture(scope="module")
def marie(house: House) -> str:
    """Somebody with a company, a deal, a property and something hostile."""
    call = house.server.call
    company = call("POST", "/v2/api/crm/companies", {"name": f"Acme {HOSTILE}"})["data"]["id"]
    call("POST", "/v2/api/crm/deals", {"name": f"Plan {HOSTILE}", "status": "open", "company_id": company})
    call(
        "POST",
        "/v2/api/crm/properties",
        {"key": "tier", "label": "Tier", "type": "choice", "choices": ["gold"]},
    )
    person = {"numbers": [NUMBER], "name": "Marie", "last_name": HOSTILE, "company_id": company}
    made: str = call("POST", "/v2/api/crm/people", person)["data"]["id"]
    return made


@pytest.fixture
def webhook(house: House) -> str:
    asked = {"url": f"{house.receiver}/good", "topics": ["tag.added"], "description": "To be changed"}
    made: str = house.server.call("POST", "/v2/api/webhooks", asked)["data"]["id"]
    return made


def test_somebody_is_made_found_and_changed(page: Page, house: House, marie: str) -> None:
    page.keyboard.press("4")
    page.get_by_role("button", name="New contact").click()
    form = page.get_by_role("dialog")
    form.get_by_label("First name").fill("Ada")
    form.get_by_label("Numbers").fill("nonsense")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).not_to_be_empty()
    form.get_by_label("Numbers").fill(NUMBER)
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("already assigned")
    form.get_by_label("Numbers").fill("06 99 00 00 01\n+33699000002")
    form.get_by_label("Company").fill("Engines Ltd")
    form.get_by_label("Tier").select_option("gold")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    expect(page.get_by_text("Engines Ltd")).to_be_visible()
    id_ = page.url.rpartition("/")[2]
    made = house.server.call("GET", f"/v2/api/crm/people/{id_}")["data"]
    assert (made["numbers"], made["custom_properties"]) == (
        ["+33699000001", "+33699000002"],
        {"tier": "gold"},
    )

    page.get_by_role("button", name="Edit").click()
    form.get_by_label("Emails").fill("ada@engines.example")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("ada@engines.example")).to_be_visible()
    kept = house.server.call("GET", f"/v2/api/crm/people/{id_}")["data"]
    same = {"emails", "updated_at"}
    assert {k: v for k, v in kept.items() if k not in same} == {
        k: v for k, v in made.items() if k not in same
    }

    goto(page, house, "contacts")
    page.get_by_label("Search contacts").fill("engines")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".people > li")).to_have_count(1)
    expect(page.locator(".people > li")).to_contain_text("Ada")
    page.get_by_label("Search contacts").fill("nobody-like-it")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Nobody is like this.")).to_be_visible()


def test_a_form_changes_what_was_typed_and_leaves_what_others_have_changed_meanwhile(
    page: Page, house: House, webhook: str
) -> None:
    call = house.server.call
    call("POST", "/v2/api/crm/properties", {"key": "note", "label": "Note"})
    call("POST", "/v2/api/numbers", {"number": "+33199000099", "name": "Desk"})
    person = {"numbers": ["+33699000031"], "name": "Ida", "custom_properties": {"note": "one\ntwo"}}
    id_ = call("POST", "/v2/api/crm/people", {**person, "address": "1 Quai\n75001 Paris"})["data"]["id"]
    form = page.get_by_role("dialog")

    goto(page, house, f"contacts/{id_}")
    page.get_by_role("button", name="Edit").click()
    form.get_by_label("First name").fill("Ada")
    call("PUT", f"/v2/api/crm/people/{id_}", {"job_title": "Captain"})
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    kept = call("GET", f"/v2/api/crm/people/{id_}")["data"]
    assert (kept["name"], kept["job_title"], kept["address"]) == ("Ada", "Captain", "1 Quai\n75001 Paris")
    assert kept["custom_properties"] == {"note": "one\ntwo"}

    goto(page, house, f"webhooks/{webhook}")
    page.get_by_role("button", name="Edit").click()
    form.get_by_label("Description").fill("Changed here")
    call("PUT", f"/v2/api/webhooks/{webhook}", {"topics": ["tag.removed"]})
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Changed here")).to_be_visible()
    assert call("GET", f"/v2/api/webhooks/{webhook}")["data"]["topics"] == ["tag.removed"]

    goto(page, house, "lines")
    page.get_by_role("button", name="Edit: +33199000099").click()
    form.get_by_label("Country").fill("BE")
    call("PUT", "/v2/api/numbers/+33199000099", {"name": "Front"})
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    number = call("GET", "/v2/api/numbers/+33199000099")["data"]
    assert (number["name"], number["country"]) == ("Front", "BE")


def test_an_address_of_a_view_that_was_broken_off_is_shown_as_a_fault(page: Page, house: House) -> None:
    goto(page, house, "calls/%E0%A4%A")
    expect(page.locator(".fault")).not_to_be_empty()


def test_one_becomes_part_of_another(page: Page, house: House) -> None:
    ids = [
        house.server.call("POST", "/v2/api/crm/people", {"numbers": [number], "name": name})["data"]["id"]
        for name, number in (("Grace", "+33699000011"), ("Gracie", "+33699000012"))
    ]
    goto(page, house, f"contacts/{ids[0]}")
    page.get_by_role("button", name="Merge").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Merge").click()
    expect(form.get_by_role("alert")).to_contain_text("Choose a contact")
    form.get_by_label("Search contacts").fill("Gracie")
    form.get_by_label("+33699000012").check()
    form.get_by_role("button", name="Merge").click()
    expect(page.get_by_text("+33699000012")).to_be_visible()
    assert house.server.call("GET", f"/v2/api/crm/people/{ids[1]}")["data"]["id"] == ids[0]


def test_a_file_is_looked_at_before_it_is_stored(page: Page, house: House, tmp_path: Path) -> None:
    csv, cards = tmp_path / "in.csv", tmp_path / "in.vcf"
    csv.write_text('name,number\nLinus,+33699000021\n"' + HOSTILE.replace('"', '""') + '",12\n')
    cards.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:Edsger\nTEL:+33699000022\nEND:VCARD\n")
    for file, name in ((csv, "Linus"), (cards, "Edsger")):
        goto(page, house, "contacts")
        page.get_by_role("button", name="Import").click()
        form = page.get_by_role("dialog")
        form.get_by_label("File").set_input_files(file)
        expect(form.get_by_text("Nothing is stored yet")).to_be_visible()
        if file is csv:
            expect(form.get_by_role("row").first).to_contain_text("line 3")
        found = house.server.call("POST", "/v2/api/crm/people/search", {"search": name})
        assert found["data"] == []
        form.get_by_role("button", name="Import").click()
        expect(form.get_by_text("This is what happened")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".people > li", has_text=name)).to_be_visible()
        page.reload()


def test_everybody_goes_out_as_a_file(page: Page, house: House, marie: str) -> None:
    goto(page, house, "contacts")
    for name, sign in (("Export CSV", "name"), ("Export vCard", "BEGIN:VCARD")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        text = Path(download.value.path()).read_text()
        assert sign in text
        assert NUMBER in text


def test_what_others_wrote_of_somebody_is_text(page: Page, house: House, marie: str) -> None:
    goto(page, house, f"contacts/{marie}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    expect(page.get_by_text("Plan <img")).to_be_visible()
    expect(page.locator(".bubble").first).to_be_visible()
    goto(page, house, "contacts")
    expect(page.locator(".people > li", has_text=HOSTILE)).to_be_visible()
    assert page.locator("img[src=x], main script").count() == 0
    assert "broken" not in page.title()


def test_a_call_is_tagged_and_shows_its_events(page: Page, house: House) -> None:
    house.server.call("POST", "/v2/api/tags", {"name": "Call back"})
    house.publish("call.completed", id="cll_ours")
    goto(page, house, "calls/cll-ours")
    page.get_by_label("Add tag").select_option("call_back")
    off = page.get_by_role("button", name="Take off call_back")
    expect(off).to_be_visible()
    item = "/v2/api/conversations/items/cll-ours"
    assert "call_back" in house.server.call("GET", item)["data"]["tags"]
    off.click()
    expect(off).to_have_count(0)
    assert "call_back" not in house.server.call("GET", item)["data"]["tags"]
    row = page.locator(".plain > li", has_text="call.completed")
    row.locator("summary").first.click()
    expect(row.locator("pre").first).to_contain_text('"topic": "call.completed"')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_use_contacts(browser: Browser, house: House, scheme: Any, marie: str) -> None:
    page = opened(
        browser, house, color_scheme=scheme, viewport={"width": 390, "height": 800}, bypass_csp=True
    )
    sign_in(page, house)
    found = {}
    for place, sign in (
        ("contacts", ".people > li"),
        (f"contacts/{marie}", ".bubble"),
        ("calls/cll-ours", ".plain > li"),
    ):
        goto(page, house, place)
        expect(page.locator(sign).first).to_be_visible()
        found[place] = judged(page)
    goto(page, house, f"contacts/{marie}")
    for name in ("Edit", "Merge"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found[name] = judged(page)
        page.keyboard.press("Escape")
    page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}
