"""The page in a real browser: each view, each action, and what must never happen on it."""

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

ROOT = Path(__file__).parents[2]


def test_signing_in_and_out(browser: Browser, house: House) -> None:
    page = opened(browser, house)
    page.goto(house.server.url)
    page.get_by_label("API key").fill("ak_live_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    sign_in(page, house)
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert house.server.key not in str(page.context.storage_state())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()
    page.context.close()


def test_a_link_of_the_command_line_signs_in_once(browser: Browser, house: House, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "switchhook", "dashboard-link", "--data", str(house.data)]
    command += ["--port", str(house.server.port)]
    link = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
    for welcome in (True, False):
        page = opened(browser, house)
        page.goto(link)
        if welcome:
            page.get_by_role("navigation").wait_for()
            assert "link=" not in page.url
        else:
            expect(page.get_by_role("alert")).to_contain_text("has been used")
        page.context.close()


def test_events_come_live_and_open_to_payload_and_deliveries(page: Page, house: House) -> None:
    expect(page.locator(".link.good")).to_be_visible()
    page.get_by_label("Show").select_option("call.")
    house.publish("call.received", from_number="+33699000001")
    row = page.locator(".events > li", has_text="+33699000001")
    expect(row).to_be_visible()
    row.locator("summary").first.click()
    expect(row.get_by_text("Deliveries")).to_be_visible()
    expect(row.locator("pre").first).to_contain_text('"topic": "call.received"')
    page.get_by_role("button", name="Pause").click()
    house.publish("call.received", from_number="+33699000002")
    house.publish("sms.received", id="msg_hidden", content="not shown")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".events > li", has_text="+33699000002")).to_be_visible()
    expect(page.get_by_text("not shown")).to_be_hidden()


def test_a_webhook_is_made_changed_and_deleted(page: Page, house: House) -> None:
    page.keyboard.press("3")
    page.get_by_role("button", name="New webhook").click()
    form = page.get_by_role("dialog")
    form.get_by_label("URL").fill("https://127.0.0.2")
    form.get_by_label("URL").fill("ftp://x.example")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("http")
    form.get_by_label("URL").fill(f"{house.receiver}/good")
    form.get_by_label("Description").fill("Made here")
    form.get_by_text("Options").click()
    form.get_by_label("Headers").fill("X-Team: desk: one")
    form.get_by_label("In order, one at a time").check()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Signing secret")).to_have_value(re.compile("^whsec_"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Made here")).to_be_visible()
    id_ = page.url.rpartition("/")[2]
    made = house.server.call("GET", f"/v2/api/webhooks/{id_}")["data"]
    assert (made["headers"], made["ordered"]) == ({"X-Team": "desk: one"}, True)
    assert made["signing_secret"] not in page.content()

    page.get_by_role("button", name="Edit").click()
    form.get_by_label("Description").fill("Changed here")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Changed here")).to_be_visible()
    kept = house.server.call("GET", f"/v2/api/webhooks/{id_}")["data"]
    assert {**kept, "description": made["description"]} == made

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head").get_by_text("paused", exact=True)).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head").get_by_text("enabled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Rotate secret").click()
    form.get_by_role("button", name="Rotate secret").click()
    expect(page.get_by_label("Signing secret")).not_to_have_value(made["signing_secret"])
    page.keyboard.press("Escape")
    house.server.call("PUT", f"/v2/api/webhooks/{id_}", {"enabled": False})
    page.reload()
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    form.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="New webhook")).to_be_visible()
    assert id_ not in {one["id"] for one in house.server.call("GET", "/v2/api/webhooks")["data"]}


def test_deliveries_tell_what_went_wrong_and_are_sent_again(page: Page, house: House) -> None:
    goto(page, house, f"webhooks/{house.bad}")
    page.get_by_role("button", name="Send test").click()
    page.get_by_role("dialog").get_by_label("Topic").select_option("tag.added")
    page.get_by_role("dialog").get_by_role("button", name="Send test").click()
    row = page.locator(".deliveries > li", has_text="tag.added").first
    expect(row.get_by_text("failed")).to_be_visible()
    page.get_by_role("button", name="failed", exact=True).click()
    row.locator("summary").first.click()
    expect(row.get_by_text("failed with status 500")).to_be_visible()
    row.get_by_text("Response").click()
    expect(row.get_by_text(HOSTILE)).to_be_visible()
    row.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again now.")).to_be_visible()
    expect(page.locator(".deliveries > li", has_text="2×")).to_have_count(1)

    for name in ("Retry failed", "Recover"):
        page.get_by_role("button", name=name, exact=True).first.click()
        page.get_by_role("dialog").get_by_role("button", name=name).click()
        expect(page.locator("li.row", has_text=name).get_by_text("completed")).to_be_visible()


def test_a_call_opens_to_its_recording_transcript_and_summary(page: Page, house: House) -> None:
    page.keyboard.press("2")
    expect(page.locator(".calls > li").nth(1)).to_be_visible()
    page.get_by_label("Search calls").fill("nothing-like-it")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No call is like this.")).to_be_visible()
    goto(page, house, "calls/cll-ours")
    expect(page.get_by_text("billing issue")).to_be_visible()
    sound = page.locator("audio")
    expect(sound).not_to_have_js_property("readyState", 0)
    page.get_by_role("button", name="Play from 0:12").click()
    assert sound.evaluate("audio => audio.currentTime") >= 12


def test_what_others_wrote_is_text(page: Page, house: House) -> None:
    expect(page.locator(".events > li", has_text=HOSTILE).first).to_be_visible()
    for place in ("webhooks", f"webhooks/{house.bad}", "calls/cll-theirs"):
        goto(page, house, place)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert page.locator("img[src=x], main script, [href^=javascript], audio").count() == 0
    assert "broken" not in page.title()
    refused = "() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } }"
    assert page.evaluate(refused), "trusted types are not enforced"


def test_a_long_history_is_shown_a_page_at_a_time(page: Page, house: House) -> None:
    tag = {"call_id": "cll_1", "tag_key": "vip", "tag_name": "VIP", "user_email": None}
    hook = {"url": f"{house.receiver}/good", "topics": ["tag.removed"], "paused": True}
    id_ = house.server.call("POST", "/v2/api/webhooks", hook)["data"]["id"]
    for first in range(0, 10_000, 1_000):
        events = [
            {"topic": "tag.removed", "data": tag, "dedupe_key": f"long-{first + n}"} for n in range(1_000)
        ]
        house.server.call("POST", "/v2/api/events/batch", {"events": events})
    goto(page, house, f"webhooks/{id_}")
    expect(page.locator(".pager")).to_contain_text("10,000")
    assert page.locator(".deliveries > li").count() == 50
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".pager")).to_contain_text("2 / 200")
    assert page.evaluate("document.querySelectorAll('*').length") < 1_500
    page.keyboard.press("1")
    expect(page.locator(".events > li").first).to_be_visible()
    assert page.locator(".events > li").count() <= 200
    house.server.call("DELETE", f"/v2/api/webhooks/{id_}")


def test_french_dark_and_keys(browser: Browser, house: House) -> None:
    page = opened(browser, house, locale="fr-FR", color_scheme="dark")
    page.goto(f"{house.server.url}/dashboard")
    page.get_by_label("Clé d’API").fill(house.server.key)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", name="En direct")).to_be_visible()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.keyboard.press("t")
    page.wait_for_function(f"before => {ground} != before", arg=dark)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    page.context.close()


def test_a_key_sees_what_its_scopes_open(browser: Browser, house: House, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "switchhook", "keys", "create", "--scopes", "CONVERSATIONS_READ"]
    command += ["--data", str(house.data)]
    key = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
    page = opened(browser, house)
    sign_in(page, house, key)
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Calls"])
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_use_it(browser: Browser, house: House, scheme: Any) -> None:
    page = opened(
        browser, house, color_scheme=scheme, viewport={"width": 390, "height": 800}, bypass_csp=True
    )
    found = {}

    def judge(name: str) -> None:
        if faults := judged(page):
            found[name] = faults

    page.goto(f"{house.server.url}/dashboard")
    expect(page.get_by_label("API key")).to_be_visible()
    judge("sign in")
    sign_in(page, house)
    page.locator(".events summary").first.click()
    expect(page.locator(".events pre").first).to_be_visible()
    judge("live")
    goto(page, house, "calls")
    expect(page.locator(".calls > li").first).to_be_visible()
    judge("calls")
    goto(page, house, "calls/cll-ours")
    expect(page.locator("audio")).to_be_visible()
    judge("call")
    goto(page, house, "webhooks")
    expect(page.locator(".plot").first).to_be_visible()
    judge("webhooks")
    goto(page, house, f"webhooks/{house.bad}")
    page.locator(".deliveries summary").first.click()
    expect(page.locator(".attempt").first).to_be_visible()
    expect(page.locator(".plot").first).to_be_visible()
    judge("webhook")
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    judge("form")
    page.context.close()
    assert found == {}


def test_every_word_the_page_says_is_there_in_both_languages() -> None:
    folder = ROOT / "src" / "switchhook" / "dashboard" / "static"
    words = (folder / "words.js").read_text()
    pairs = dict(re.findall(r'^  "([^"]+)": (\[".*"\]),$', words, re.MULTILINE))
    assert len(pairs) > 100
    for key, pair in pairs.items():
        assert len(re.findall(r'"(?:[^"\\]|\\.)+"', pair)) == 2, key
    said = {
        key
        for file in folder.glob("*.js")
        if file.name != "words.js"
        for key in re.findall(r'\bt\("([^"]+)"', file.read_text())
    }
    assert said - pairs.keys() == set()
