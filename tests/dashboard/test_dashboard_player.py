"""The player in a real browser: waveforms, keys, the transcript's places, and what a refusal does to it."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.conftest import House, opened, sign_in
from tests.dashboard.judge import goto, judged

pytestmark = pytest.mark.process

AT = "audio => audio.currentTime"


def test_both_sides_are_drawn_and_can_be_pointed_at(page: Page, house: House) -> None:
    goto(page, house, "calls/cll-drawn")
    place = page.get_by_role("slider", name="Place in the recording")
    expect(place).to_have_attribute("aria-valuetext", "0:00 / 0:20")
    drawn = [place.locator(f"path.{side}").get_attribute("d") or "" for side in ("theirs", "ours")]
    assert [path.count("M") for path in drawn] == [240, 240]
    ys = [float(path.split("M")[200].split("v")[0].split()[1]) for path in drawn]
    assert ys[0] < 30 < ys[1], "the caller is above"
    sound = page.locator("audio")
    expect(sound).not_to_have_js_property("readyState", 0)
    box = place.bounding_box()
    assert box is not None
    place.click(position={"x": box["width"] / 2, "y": 10})
    expect(place).to_have_attribute("aria-valuenow", "10")
    assert 9.5 < sound.evaluate(AT) < 10.5
    played = place.locator("rect.played")
    assert 110 < float(played.get_attribute("width") or 0) < 130


def test_keys_move_it_and_stop_it(page: Page, house: House) -> None:
    goto(page, house, "calls/cll-drawn")
    place = page.get_by_role("slider")
    sound = page.locator("audio")
    expect(sound).not_to_have_js_property("readyState", 0)
    place.focus()
    for pressed, second in (("ArrowRight", "5"), ("ArrowRight", "10"), ("ArrowLeft", "5"), ("End", "20")):
        page.keyboard.press(pressed)
        expect(place).to_have_attribute("aria-valuenow", second)
    page.keyboard.press("Home")
    expect(place).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("Space")
    expect(sound).to_have_js_property("paused", False)
    expect(place).not_to_have_attribute("aria-valuenow", "0")  # it plays
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(sound).to_have_js_property("paused", True)
    page.get_by_role("button", name="Play from 0:12").click()
    expect(sound).to_have_js_property("paused", False)
    assert sound.evaluate(AT) >= 12


def test_sound_that_was_refused_is_asked_for_again(page: Page, house: House) -> None:
    refused: list[str] = []

    def refuse_twice(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=429, headers={"retry-after": "1"}, json={"code": "RATE_LIMIT_EXCEEDED"})
        else:
            route.continue_()

    page.route("**/rec_drawn.mp3*", refuse_twice)
    goto(page, house, "calls/cll-drawn")
    page.get_by_role("button", name="Play from 0:12").click()  # before there is anything to play
    sound = page.locator("audio")
    expect(sound).not_to_have_js_property("readyState", 0)
    expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0")
    assert sound.evaluate(AT) >= 12
    assert len(refused) == 2


def test_sound_that_never_comes_is_said_so(page: Page, house: House) -> None:
    page.clock.install()
    page.route("**/rec_drawn.mp3*", lambda route: route.fulfill(status=500, body="no"))
    goto(page, house, "calls/cll-drawn")
    for _ in range(6):
        expect(page.locator("audio")).not_to_have_js_property("error", None)
        page.clock.run_for(10_000)
    expect(page.get_by_role("alert")).to_contain_text("cannot be played")


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-GB"), ("dark", "fr-FR")])
def test_anybody_can_use_the_player(browser: Browser, house: House, scheme: Any, locale: str) -> None:
    phone = {"width": 390, "height": 800}
    page = opened(browser, house, color_scheme=scheme, viewport=phone, bypass_csp=True)
    sign_in(page, house)
    if locale == "fr-FR":
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("button", name="FR").click()
    goto(page, house, "calls/cll-drawn")
    words = {"en-GB": "Place in the recording", "fr-FR": "Position dans l’enregistrement"}
    expect(page.get_by_role("slider", name=words[locale])).to_be_visible()
    assert judged(page) == []
    page.context.close()
