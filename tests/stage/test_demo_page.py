"""The demo page in a real browser: it predicts, follows the person's changes, says what is wrong, fits a phone."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .conftest import TEMPLATE
from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="tabular")]

# Headless, as root in a container, and without the browser's own connections to the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = TEMPLATE / "build" / "screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; CI must have it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        message = "no Chromium on PATH (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, service: Service, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of 1280 x 800, or as the test wants it, at the demo; requests to anywhere else fail the test."""
    options = {"viewport": {"width": 1280, "height": 800}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    opened = context.new_page()
    outside: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda call: outside.append(call.url) if not is_inside(call.url, service) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(service.url)
    expect(opened.locator("#prediction")).to_contain_text(re.compile(r"\d"))
    yield opened
    context.close()
    assert outside == []
    assert complaints == []


def is_inside(url: str, service: Service) -> bool:
    """Tell whether an address is the service's own (or no address at all)."""
    return url.startswith((f"{service.url}/", "data:", "blob:"))


def number_field(trained: Project) -> str:
    """Name of the feature that matters most, which is a number."""
    numbers = [c["name"] for c in trained.read_yaml("schema.yaml")["columns"] if c["kind"] == "number"]
    ranking = (trained.path / "reports" / "importance.csv").read_text(encoding="utf-8").splitlines()[1:]
    return next(name for name in (line.split(",")[0] for line in ranking) if name in numbers)


def shown_number(page: Page) -> float:
    """The prediction that the page shows."""
    text = page.locator("#prediction").inner_text()
    return float("".join(sign for sign in text if sign in "0123456789.-"))


def test_it_shows_what_the_service_predicts(page: Page, service: Service, trained: Project) -> None:
    with service.client() as client:
        (answer,) = client.post("/predict", json=trained.example()).json()["predictions"]
    shown = 100 * answer["probability"] if "probability" in answer else answer["prediction"]
    assert shown_number(page) == pytest.approx(shown, rel=1e-2)
    assert page.locator("#detail").inner_text()
    assert page.locator("#drivers > li").count() >= 3
    columns = {column["name"] for column in trained.read_yaml("schema.yaml")["columns"]}
    named = page.locator("#form [name]").evaluate_all("fields => fields.map(field => field.name)")
    assert set(named) == columns


def test_a_change_changes_the_prediction(page: Page, trained: Project) -> None:
    before = page.locator("#prediction").inner_text()
    field = page.locator(f'#form [name="{number_field(trained)}"]')
    original = field.input_value()
    field.fill(str(float(original) * 2 + 1))
    expect(page.locator("#prediction")).not_to_have_text(before)
    field.fill(original)
    expect(page.locator("#prediction")).to_have_text(before)


def test_an_error_is_said_and_goes_away(page: Page, trained: Project) -> None:
    name = number_field(trained)
    field = page.locator(f'#form [name="{name}"]')
    original = field.input_value()
    message = page.locator("#message")
    assert message.get_attribute("role") == "alert"
    expect(message).to_be_hidden()
    field.fill("-5")
    expect(message).to_be_visible()
    expect(message).to_contain_text(name)
    field.fill(original)
    expect(message).to_be_hidden()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}, id="phone, light"),
        pytest.param({"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}, id="phone, dark"),
        pytest.param({"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}, id="desktop, dark"),
    ],
    indirect=True,
)
def test_it_fits_the_screen_and_follows_the_colour_scheme(page: Page) -> None:
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


def test_every_field_has_a_label(page: Page) -> None:
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('input, select')].filter(field => !field.labels.length).map(field => field.name)"
    )
    assert unlabelled == []


def test_a_screenshot_for_the_documents(page: Page, stage: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = SCREENSHOTS / f"{stage}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000


def test_without_a_model_the_page_says_so(browser: Browser, owned: Project) -> None:
    shutil.rmtree(owned.champion)
    with owned.serve() as empty:
        page = browser.new_page()
        page.goto(empty.url)
        expect(page.locator("#message")).to_contain_text("No model")
        page.close()


def test_with_a_key_the_page_asks_for_it(browser: Browser, owned: Project) -> None:
    with owned.serve(API_KEY="secret") as keyed:
        page = browser.new_page()
        page.goto(keyed.url)
        expect(page.locator("#message")).to_be_visible()
        page.get_by_label("API key").fill("secret")
        page.get_by_label("API key").press("Tab")
        expect(page.locator("#message")).to_be_hidden()
        expect(page.locator("#drivers > li").first).to_be_visible()
        page.close()
