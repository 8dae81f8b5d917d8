"""What the demo page of every stage does in a real browser: it fits a phone, needs no mouse, says what goes wrong."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .pages import SCREENS, barriers, tab_to, take_picture, watched_page
from .project import Project
from .service import Service

pytestmark = pytest.mark.slow

# Part of an answer, by stage: it is there when the first prediction is.
ANSWER = {
    "tabular_regression": "#drivers > li",
    "feature_classification": "#drivers > li",
    "monitored_service": "#drivers > li",
    "image_classifier": "#classes > li",
    "text_generation": "#next > li",
    "rag": "#passages > details",
}
# Where an answer can be seen to be another one, where that is not the place of the prediction.
CHANGES = {"image_classifier": "#classes", "rag": "#searched"}
# What a proxy answers while the service behind it is away.
AWAY = "<!doctype html><title>Bad gateway</title>"


def change_numbers(page: Page) -> None:
    """Type other values of the numbers that matter most; trees give the same answer to many values of one alone."""
    numbers = page.locator('#fields input[type="number"]')
    for place in range(min(3, numbers.count())):
        field = numbers.nth(place)
        tab_to(page, field)
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(str(float(field.input_value() or 0) * 2 + 1))


def empty_the_picture(page: Page) -> None:
    """Press the button that clears the picture."""
    tab_to(page, page.get_by_role("button", name="Clear"))
    page.keyboard.press("Enter")


def write_a_text(page: Page) -> None:
    """Press the button that generates."""
    tab_to(page, page.get_by_role("button", name="Generate"))
    page.keyboard.press("Enter")


def ask_a_question(page: Page) -> None:
    """Write a question, and send it."""
    tab_to(page, page.get_by_label("Question"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("What is the capital of France?")
    page.keyboard.press("Enter")


# What the page is for, done by keyboard alone.
MAIN_ACTION: dict[str, Callable[[Page], None]] = {
    "tabular_regression": change_numbers,
    "feature_classification": change_numbers,
    "monitored_service": change_numbers,
    "image_classifier": empty_the_picture,
    "text_generation": write_a_text,
    "rag": ask_a_question,
}


@pytest.fixture
def page(browser: Browser, service: Service, trained: Project, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The demo with its first prediction, in a window as the test wants it."""
    with watched_page(browser, service, **getattr(request, "param", {})) as opened:
        expect(opened.locator(ANSWER[trained.stage]).first).to_be_visible()
        yield opened


@pytest.mark.parametrize("page", SCREENS.values(), ids=SCREENS, indirect=True)
def test_it_fits_the_screen_and_has_no_barriers(page: Page, stage: str) -> None:
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    assert_it_fits(page)
    assert barriers(page) == []
    page.route("**/*", lambda call: call.abort())
    MAIN_ACTION[stage](page)
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    assert_it_fits(page)
    assert barriers(page) == []


def assert_it_fits(page: Page) -> None:
    """Nothing is wider than the screen or moves; the text is brighter than its ground if the person wants it dark."""
    assert page.evaluate("document.getAnimations().length") == 0
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


def test_the_keyboard_is_enough(page: Page, stage: str) -> None:
    result = page.locator(CHANGES.get(stage, "#prediction"))
    before = result.inner_text()
    MAIN_ACTION[stage](page)
    expect(result).not_to_have_text(before)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_service_that_is_away_is_said_and_its_return_too(page: Page, stage: str) -> None:
    message = page.get_by_role("alert")
    for fails, words in (
        (lambda call: call.abort(), "does not answer"),
        (lambda call: call.fulfill(status=502, body=AWAY), "error 502"),
    ):
        page.route("**/*", fails)
        MAIN_ACTION[stage](page)
        expect(message).to_contain_text(words)
        page.unroute("**/*")
        with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok):
            MAIN_ACTION[stage](page)
        expect(message).to_be_hidden()


def test_a_screenshot_for_the_documents(page: Page, stage: str) -> None:
    assert take_picture(page, stage).stat().st_size > 10_000


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
