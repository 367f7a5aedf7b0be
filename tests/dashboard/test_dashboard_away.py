"""What the page does when the server is killed, away or refuses: it says so, and nothing typed or done is lost or done
twice. In a real browser, with a server that is really killed."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bench.serving import Server
from tests.dashboard.conftest import House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process

AWAY = "The server does not answer"


@contextmanager
def killed(house: House) -> Iterator[None]:
    """The server is gone, and comes back where it was."""
    house.server.kill()
    with socket.socket() as kept:  # nobody else may take its port meanwhile
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(house.server.place)
        try:
            yield
        finally:
            house.server = Server(house.data, port=house.server.port, retry_schedule="0")


FORMS = {
    "webhooks": ("New webhook", {"URL": "{receiver}/good", "Description": "Typed"}, "Save"),
    "contacts": ("New contact", {"First name": "Typed", "Numbers": "+33699000091"}, "Save"),
    "keys": ("New key", {"Name": "Typed", "Other scopes": "TAGS_READ"}, "Create"),
}
LISTS = {
    "webhooks": ("GET", "/v2/api/webhooks", "description"),
    "contacts": ("POST", "/v2/api/crm/people/search", "name"),
    "keys": ("GET", "/v2/api/keys", "name"),
}


def made(house: House, place: str) -> int:
    """How many things there are that the forms have made."""
    method, path, field = LISTS[place]
    found = house.server.call(method, path, {} if method == "POST" else None)["data"]
    return [one.get(field) for one in found].count("Typed")


@pytest.mark.parametrize("place", FORMS)
def test_what_was_typed_is_there_when_the_server_is_back(page: Page, house: House, place: str) -> None:
    opener, fields, send = FORMS[place]
    goto(page, house, place)
    page.get_by_role("button", name=opener).first.click()
    form = page.get_by_role("dialog")
    for label, text in fields.items():
        form.get_by_label(label).first.fill(text.format(receiver=house.receiver))
    page.mouse.click(3, 3)  # beside it
    with killed(house):
        form.get_by_role("button", name=send).click()
        expect(form.get_by_role("alert")).to_contain_text(AWAY)
        for label, text in fields.items():
            expect(form.get_by_label(label).first).to_have_value(text.format(receiver=house.receiver))
    form.get_by_role("button", name=send).click()
    expect(form.get_by_role("button", name=send)).to_have_count(0)
    assert made(house, place) == 1


@pytest.mark.parametrize("place", ["webhooks", "contacts"])
def test_what_was_done_and_not_answered_is_not_done_again(page: Page, house: House, place: str) -> None:
    opener, fields, send = FORMS[place]
    before = made(house, place)
    lost: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST" or route.request.url.endswith("search") or lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route("**/v2/api/**", lose_the_first_answer)
    goto(page, house, place)
    page.get_by_role("button", name=opener).first.click()
    form = page.get_by_role("dialog")
    for label, text in fields.items():
        given = text.replace("91", "92").format(receiver=house.receiver)
        form.get_by_label(label).first.fill(given)
    form.get_by_role("button", name=send).click()
    expect(form.get_by_role("alert")).to_contain_text(AWAY)
    assert made(house, place) == before + 1
    form.get_by_role("button", name=send).click()
    expect(form.get_by_role("button", name=send)).to_have_count(0)
    assert made(house, place) == before + 1
    page.unroute("**/v2/api/**")


def test_every_button_of_a_webhook_says_that_the_server_is_away(page: Page, house: House) -> None:
    goto(page, house, f"webhooks/{house.good}")
    expect(page.locator(".deliveries > li").first).to_be_visible()
    names = (
        "Pause",
        "Send test",
        "Retry failed",
        "Edit",
        "Show secret",
        "Recover",
        "Rotate secret",
        "Delete",
    )
    with killed(house):
        for name in names:
            page.get_by_role("button", name=name, exact=True).first.click()
            form = page.get_by_role("dialog")
            if name in ("Recover", "Rotate secret", "Delete"):
                form.get_by_role("button", name=name).click()
                expect(form.get_by_role("alert")).to_contain_text(AWAY)
                page.keyboard.press("Escape")
                expect(form).to_have_count(0)
            else:
                toast = page.locator(".toast.bad", has_text=AWAY).last
                expect(toast).to_be_visible()
                page.locator(".toast").evaluate_all("all => all.forEach(one => one.remove())")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_focused()


def test_a_page_of_a_list_that_does_not_come_is_asked_for_again(page: Page, house: House) -> None:
    tag = {"call_id": "cll_1", "tag_key": "vip", "tag_name": "VIP", "user_email": None}
    hook = {"url": f"{house.receiver}/good", "topics": ["tag.removed"], "paused": True}
    id_ = house.server.call("POST", "/v2/api/webhooks", hook)["data"]["id"]
    events = [{"topic": "tag.removed", "data": tag, "dedupe_key": f"page-{n}"} for n in range(150)]
    house.server.call("POST", "/v2/api/events/batch", {"events": events})
    goto(page, house, f"webhooks/{id_}")
    expect(page.locator(".pager")).to_contain_text("1 / 3")
    with killed(house):
        page.get_by_role("button", name="Next page").click()
        expect(page.locator(".deliveries")).to_contain_text(AWAY)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".pager")).to_contain_text("2 / 3")
    house.server.call("DELETE", f"/v2/api/webhooks/{id_}")


def test_a_session_that_ends_while_somebody_types_takes_nothing_away(browser: Browser, house: House) -> None:
    page = opened(browser, house, bypass_csp=True)
    sign_in(page, house)
    goto(page, house, "contacts")
    page.get_by_role("button", name="New contact").click()
    page.get_by_label("First name").fill("Still here")
    page.get_by_label("Numbers").fill("+33699000093")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    again = page.get_by_role("dialog", name="Your session is over.")
    again.get_by_label("API key").fill("ak_live_wrong")
    again.get_by_role("button", name="Sign in").click()
    expect(again.get_by_role("alert")).to_contain_text("not known")
    assert judged(page) == []
    again.get_by_label("API key").fill(house.server.key)
    page.keyboard.press("Enter")
    expect(again).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Still here")).to_be_visible()
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()
    page.context.close()


def test_signing_out_that_did_not_happen_is_not_shown_as_done(page: Page, house: House) -> None:
    expect(page.locator(".link.good")).to_be_visible()
    with killed(house):
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator(".toast.bad")).to_contain_text(AWAY)
        expect(page.get_by_role("navigation")).to_be_visible()
        expect(page.locator(".link.bad")).to_be_visible()
        expect(page.locator(".ringing .fault")).to_contain_text(AWAY)
    expect(page.locator(".link.good")).to_be_visible()


def test_a_stream_that_is_refused_is_asked_for_again(page: Page, house: House) -> None:
    seen: list[str] = []

    def refuse_until_seen(route: Route) -> None:
        if seen:
            route.continue_()
        else:
            route.fulfill(status=502, body="a proxy")

    page.route("**/v2/api/events/stream*", refuse_until_seen)
    page.reload()
    expect(page.locator(".link.bad")).to_be_visible()
    seen.append("bad")
    expect(page.locator(".link.good")).to_be_visible()
    house.publish("call.received", from_number="+33699000094")
    expect(page.locator(".events > li", has_text="+33699000094")).to_be_visible()


def test_thousands_of_events_leave_two_hundred_rows_and_few_questions(page: Page, house: House) -> None:
    many = 5_000
    told = {"topic": "call.received", "created_at": "2025-01-01T00:00:00.000Z", "payload": {"data": {}}}
    lines = [f"event: event\ndata: {json.dumps({**told, 'id': f'msg_{n}'})}\n\n" for n in range(many)]
    stream = "retry: 3600000\n\n" + "".join(lines)
    page.route(
        "**/v2/api/events/stream*", lambda route: route.fulfill(body=stream, content_type="text/event-stream")
    )
    house.asked.clear()
    page.reload()
    expect(page.locator(f'.events > li[data-id="msg_{many - 1}"]')).to_be_visible()
    expect(page.locator(".events > li")).to_have_count(200)
    looks = [one for one in house.asked if one.endswith("/calls/active")]
    assert len(looks) < many / 10
