"""Pictures of the page, in Chromium, over the day that `office.py` makes.

    python -m bench.page                  those of the documentation, into docs/img
    python -m bench.page --all FOLDER     every view and dialog: desktop and phone, light and dark, French

They are looked at, not compared: what they show is the day before now.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.page.office import Office

DOCS = Path(__file__).resolve().parents[2] / "docs" / "img"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True}
STYLES: dict[str, dict[str, Any]] = {
    "light": DESKTOP,
    "dark": DESKTOP | {"color_scheme": "dark"},
    "french": DESKTOP | {"locale": "fr-FR"},
    "phone": PHONE,
    "phone-dark": PHONE | {"color_scheme": "dark"},
    "phone-french": PHONE | {"locale": "fr-FR"},
}
SHOWN = {
    "live": "light",
    "calls": "light",
    "call": "dark",
    "webhooks": "light",
    "webhook-failing": "light",
    "contact": "light",
    "lines": "light",
    "keys": "light",
    "system": "dark",
    "find": "light",
    "menu": "phone",
}

Step = Callable[[Page], object]


def nothing(page: Page) -> None:
    """The view as it is when it opens."""


def first(selector: str) -> Step:
    """A click on the first of them."""
    return lambda page: page.locator(selector).first.click()


def typed(text: str) -> Step:
    """Keys pressed where the focus is."""

    def step(page: Page) -> None:
        page.keyboard.press("/")
        page.keyboard.type(text)

    return step


def unfolded(page: Page) -> None:
    """The menu that a phone has at the bottom."""
    if page.locator(".more").is_visible():
        page.locator(".more").click()


def views(office: Office) -> dict[str, tuple[str, str, Step]]:
    """By name: the place, what must be there before the picture, and what is done first."""
    hooks = office.hooks
    healthy, flaky, failing, paused, _, gone = (f"webhooks/{id_}" for id_ in hooks)
    row = ".deliveries > li"
    return {
        "live": ("live", ".events > li", nothing),
        "event": ("live", ".events > li", first(".events summary")),
        "calls": ("calls", ".calls > li", nothing),
        "call": (f"calls/{office.call}", ".waves", nothing),
        "webhooks": ("webhooks", ".plot", nothing),
        "webhook": (flaky, row, nothing),
        "webhook-failing": (failing, row, first(".deliveries summary")),
        "webhook-paused": (paused, row, nothing),
        "webhook-disabled": (gone, row, nothing),
        "webhook-new": ("webhooks", ".plot", first(".head button.first")),
        "webhook-test": (healthy, row, first(".actions button:nth-child(2)")),
        "webhook-recover": (healthy, row, first(".actions button:nth-child(3)")),
        "webhook-secret": (healthy, row, first(".actions button:nth-child(6)")),
        "contacts": ("contacts", ".people > li", nothing),
        "contacts-import": ("contacts", ".people > li", first(".actions button:nth-child(2)")),
        "contact": (f"contacts/{office.people[1]}", ".bubble", nothing),
        "contact-edit": (f"contacts/{office.people[3]}", ".bubble", first(".head button.first")),
        "lines": ("lines", ".rows > li", nothing),
        "keys": ("keys", ".rows > li", nothing),
        "key-new": ("keys", ".rows > li", first(".head button.first")),
        "settings": ("settings", "table", nothing),
        "system": ("system", "table", nothing),
        "help": ("live", ".events > li", lambda page: page.keyboard.press("?")),
        "find": ("calls", ".calls > li", typed("mir")),
        "menu": ("calls", ".calls > li", unfolded),
    }


def take(browser: Browser, office: Office, style: str, chosen: dict[str, Path]) -> None:
    """Each of the chosen views in one style, into its file."""
    context = browser.new_context(**{"locale": "en-GB", **STYLES[style]})
    page = context.new_page()
    page.goto(f"{office.server.url}/dashboard")
    page.locator("input[name=key]").wait_for()
    if "signin" in chosen:
        page.screenshot(path=chosen["signin"])
    page.locator("input[name=key]").fill(office.server.key)
    page.locator("button[type=submit]").click()
    page.locator("nav").wait_for()
    for name, (place, sign, step) in views(office).items():
        if name not in chosen:
            continue
        page.goto(f"{office.server.url}/dashboard#/{place}")
        page.reload()
        page.locator(sign).first.wait_for()
        step(page)
        page.wait_for_timeout(900)  # plots are drawn, and dialogs have come
        page.screenshot(path=chosen[name])
        print(chosen[name], flush=True)
    context.close()


def main() -> None:
    """Make the office, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every view, into this directory")
    parser.add_argument("--styles", default=",".join(STYLES), help="of --all only these, with commas between")
    parser.add_argument("--views", default="", help="of --all only these, with commas between")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))  # before Playwright, whose loop runs in this thread
        try:
            if asked.all:
                asked.all.mkdir(parents=True, exist_ok=True)
                names = asked.views.split(",") if asked.views else ["signin", *views(office)]
                wanted = {s: {n: asked.all / f"{s}-{n}.png" for n in names} for s in asked.styles.split(",")}
            else:
                wanted = {s: {n: DOCS / f"{n}.png" for n in SHOWN if SHOWN[n] == s} for s in STYLES}
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
                )
                for style, chosen in wanted.items():
                    if chosen:
                        take(browser, office, style, chosen)
                browser.close()
        finally:
            office.stop()


if __name__ == "__main__":
    main()
