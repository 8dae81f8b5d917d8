"""What the demo page of every stage does in a real browser: it fits a phone, can be heard, and says what is missing."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .pages import SCREENS, SCREENSHOTS, watched_page
from .project import Project
from .service import Service

pytestmark = pytest.mark.slow

# Part of an answer, by stage: it is there when the first prediction is.
ANSWER = {
    "tabular_regression": "#drivers > li",
    "feature_classification": "#drivers > li",
    "image_classifier": "#classes > li",
    "text_generation": "#next > li",
    "rag": "#passages > details",
}


@pytest.fixture
def page(browser: Browser, service: Service, trained: Project, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The demo with its first prediction, in a window as the test wants it."""
    with watched_page(browser, service, **getattr(request, "param", {})) as opened:
        expect(opened.locator(ANSWER[trained.stage]).first).to_be_visible()
        yield opened


@pytest.mark.parametrize("page", SCREENS.values(), ids=SCREENS, indirect=True)
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
        "[...document.querySelectorAll('input, select, textarea')]"
        ".filter(field => !field.labels.length).map(field => field.name)"
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
        expect(page.locator(ANSWER[owned.stage]).first).to_be_visible()
        page.close()
