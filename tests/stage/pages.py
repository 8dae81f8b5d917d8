"""A demo page in a real browser: opened, watched for requests to elsewhere and errors, measured, used by keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import TEMPLATE
from .service import Service

SCREENSHOTS = TEMPLATE / "build" / "screenshots"
# What the pictures in the documents show.
WINDOW: Any = {"width": 1280, "height": 800}
SCREENS: dict[str, dict[str, Any]] = {
    "phone, light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    "desktop, light": {"viewport": WINDOW, "color_scheme": "light"},
    "desktop, dark": {"viewport": WINDOW, "color_scheme": "dark"},
}
# What axe checks by itself, and that what is touched is not smaller than 24 pixels.
AXE_OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# Whether the focus has an outline. Nothing has it between the last element and the first, and where a button was that
# has just been switched off.
FOCUS_IS_SEEN = """() => {
  const focus = document.querySelector("*:focus");
  return focus === null || getComputedStyle(focus).outlineStyle === "solid";
}"""
# More presses of the Tab key than any page has stops before what a test is about.
MOST_STOPS = 120


@contextmanager
def watched_page(browser: Browser, service: Service, path: str = "/", **options: Any) -> Iterator[Page]:
    """Open a page in a window of 1280 x 800, or as the options say; requests to anywhere else and errors fail."""
    context = browser.new_context(**{"viewport": WINDOW, **options})
    page = context.new_page()
    outside: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda call: outside.append(call.url) if not is_inside(call.url, service) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(service.url + path)
    yield page
    context.close()
    assert outside == []
    assert complaints == []


def is_inside(url: str, service: Service) -> bool:
    """Tell whether an address is the service's own (or no address at all)."""
    return url.startswith((f"{service.url}/", "data:", "blob:"))


def barriers(page: Page) -> list[str]:
    """What axe finds on the page as it is now: what keeps people from using it, one line for each rule."""
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    return [f"{each['impact']}: {each['id']} at {[node['target'] for node in each['nodes']]}" for each in found]


def tab_to(page: Page, wanted: Locator) -> None:
    """Press the Tab key until an element has the focus; wherever the focus is on the way, it can be seen."""
    for _ in range(MOST_STOPS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS_IS_SEEN)
    raise AssertionError(f"the Tab key does not reach {wanted}")


# An answer may take a while where a language model writes it.
PATIENCE_MS = 60_000


def take_picture(page: Page, stage: str) -> Path:
    """Take the picture that the documents show: the page with an answer. `show-pictures` takes it of the examples."""
    first = {
        "image_classifier": "#classes > li",
        "text_generation": "#next > li",
        "rag": ".turn .citation",
        "monitored_service": "#drivers > li, #auc polyline",
    }
    expect(page.locator(first.get(stage, "#drivers > li")).first).to_be_visible(timeout=PATIENCE_MS)
    if stage == "text_generation":
        page.get_by_role("button", name="Generate").click()
        expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=PATIENCE_MS)
    if stage == "rag":
        expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=PATIENCE_MS)
        page.locator(".turn .citation").first.click()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = SCREENSHOTS / f"{stage}.png"
    page.screenshot(path=picture)
    return picture
