"""A demo page in a real browser: opened, watched for requests to elsewhere and errors, and measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from .conftest import TEMPLATE
from .service import Service

SCREENSHOTS = TEMPLATE / "build" / "screenshots"
SCREENS: dict[str, dict[str, Any]] = {
    "phone, light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    "desktop, dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
}


@contextmanager
def watched_page(browser: Browser, service: Service, **options: Any) -> Iterator[Page]:
    """Open the demo in a window of 1280 x 800, or as the options say; requests to anywhere else and errors fail."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    page = context.new_page()
    outside: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda call: outside.append(call.url) if not is_inside(call.url, service) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(service.url)
    yield page
    context.close()
    assert outside == []
    assert complaints == []


def is_inside(url: str, service: Service) -> bool:
    """Tell whether an address is the service's own (or no address at all)."""
    return url.startswith((f"{service.url}/", "data:", "blob:"))


def assert_it_fits(page: Page) -> None:
    """The page is no wider than the window, and dark where that is wanted."""
    width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    text = page.evaluate("getComputedStyle(document.body).color")
    wanted_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (brightness(ground) < brightness(text)) is wanted_dark


def brightness(colour: str) -> float:
    """Sum of the channels of a CSS colour as the browser computes it; a transparent ground counts as white."""
    channels = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]
    return 765 if len(channels) == 4 and channels[3] == 0 else sum(channels[:3])


def assert_every_field_has_a_label(page: Page) -> None:
    """Each input can be found by its name, by a person who hears the page too."""
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('input, select')].filter(field => !field.labels.length).map(field => field.name)"
    )
    assert unlabelled == []


def take_screenshot(page: Page, stage: str) -> None:
    """Keep a picture of the page for the documents."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = SCREENSHOTS / f"{stage}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
