"""What every view is held to: axe finds nothing serious, and a phone shows it whole."""

from pathlib import Path

from playwright.sync_api import Page

from tests.dashboard.conftest import House

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

# Colours are judged when they are the last ones: what fades in is too pale for a moment.
STILL = """() => Promise.all(
    document.getAnimations()
        .filter(one => one.effect.getComputedTiming().endTime < Infinity)
        .map(one => one.finished.catch(() => null)),
).then(() => null)"""


def goto(page: Page, house: House, place: str) -> None:
    page.goto(f"{house.server.url}/dashboard#/{place}")


def judged(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now. The page's context must have `bypass_csp`."""
    assert AXE.is_file(), "run `npm ci` in the project's root"
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text() + "\n;0")
    page.evaluate(STILL)
    told = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    worst = [one for one in told["violations"] if one["impact"] in ("serious", "critical")]
    faults = [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in worst]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return faults + ([f"{wide} pixels wider than the window"] if wide > 0 else [])
