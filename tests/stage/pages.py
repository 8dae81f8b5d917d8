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
