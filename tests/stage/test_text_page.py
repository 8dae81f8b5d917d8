"""The demo page of the text generator in a real browser: it streams, can be stopped, and shows what could come next."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .pages import barriers, watched_page
from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages("text_generation")]


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The demo with the first look ahead."""
    with watched_page(browser, service) as opened:
        expect(opened.locator("#next > li").first).to_be_visible()
        yield opened


def write(page: Page, tokens: int) -> None:
    """Ask for a text, and wait for its end."""
    page.get_by_label("Tokens, at most").fill(str(tokens))
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#start")).to_be_enabled(timeout=60_000)


def test_it_begins_with_a_prompt_and_what_the_service_finds_probable(
    page: Page, service: Service, trained: Project
) -> None:
    prompt = trained.read_json("models/champion/model.json")["prompts"][0]
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    assert page.locator("#next > li").count() == 10
    with service.client() as client:
        body = {"prompt": prompt, "max_tokens": 1, "alternatives": 10, "seed": 0}
        alternatives = client.post("/generate", json=body).json()["tokens"][0]["alternatives"]
    shown = page.locator("#next code").all_inner_texts()
    assert shown == [each["text"].replace("\n", "⏎").replace(" ", "␣") or "(the end)" for each in alternatives]
    shares = [float(text.rstrip("%")) for text in page.locator("#next button > span:not(.bar)").all_inner_texts()]
    assert shares == pytest.approx([100 * each["probability"] for each in alternatives], abs=0.5)


def test_it_streams_what_the_service_writes(page: Page, service: Service) -> None:
    page.get_by_label("Prompt").fill("Fellow citizens")
    write(page, 30)
    with service.client() as client:
        body = {"prompt": "Fellow citizens", "max_tokens": 30, "temperature": 0.8, "top_p": 0.95, "seed": 0}
        expected = client.post("/generate", json=body).json()
    assert page.locator("#prediction").evaluate("each => each.textContent") == "Fellow citizens" + expected["text"]
    expect(page.locator("#detail")).to_contain_text(f"{expected['usage']['completion_tokens']} tokens")


def test_words_and_lines_are_not_broken(page: Page) -> None:
    """Every token is part of the flow of the text: none is a box of its own."""
    write(page, 20)
    displays = page.locator("#prediction .token").evaluate_all("all => all.map(each => getComputedStyle(each).display)")
    assert len(displays) >= 2
    assert set(displays) == {"inline"}


# A small model writes a text in less time than a click from outside takes: the page itself clicks, as soon as it shows
# the third token.
STOP_EARLY = """() => new Promise((resolve) => {
    const written = document.getElementById("prediction");
    new MutationObserver((_, observer) => {
        if (written.querySelectorAll(".token").length < 3) return;
        observer.disconnect();
        document.getElementById("stop").click();
        resolve();
    }).observe(written, { childList: true });
    document.getElementById("start").click();
})"""


def test_a_long_text_can_be_stopped(page: Page, service: Service) -> None:
    page.get_by_label("Tokens, at most").fill("200")
    page.get_by_label("Temperature").fill("5")
    page.evaluate(STOP_EARLY)
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    expect(page.locator("#message")).to_be_hidden()
    with service.client() as client:
        for _ in range(200):
            if re.search(r"^generation_active 0", client.get("/metrics").text, re.MULTILINE):
                break
            page.wait_for_timeout(50)
        else:
            pytest.fail("the text is still being written")
    assert page.locator("#prediction .token").count() == 3  # what came later is not shown


def test_a_click_on_a_token_shows_what_else_could_stand_there(page: Page) -> None:
    write(page, 10)
    second = page.locator("#prediction .token").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#place")).to_contain_text("In the place of")
    first = page.locator("#prediction .token").nth(0)
    first.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "true")
    expect(second).to_have_attribute("aria-pressed", "false")
    assert barriers(page) == []


def test_the_arrow_keys_go_from_token_to_token(page: Page) -> None:
    """All tokens are one stop of the Tab key: nobody has to pass by two hundred of them."""
    write(page, 10)
    tokens = page.locator("#prediction .token")
    tokens.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tokens.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#next button").first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(tokens.nth(1)).to_be_focused()


def test_the_text_is_read_aloud_once(page: Page) -> None:
    assert page.locator("#prediction").get_attribute("aria-live") is None
    write(page, 10)
    expect(page.get_by_role("status")).to_have_text(page.locator("#prediction").evaluate("each => each.textContent"))


def test_a_click_on_what_could_come_next_goes_on_with_it(page: Page) -> None:
    before = page.get_by_label("Prompt").input_value()
    chosen = page.locator("#next button").nth(2)
    text = chosen.locator("code").inner_text().replace("␣", " ").replace("⏎", "\n")
    chosen.click()
    expect(page.get_by_label("Prompt")).to_have_value(before + ("" if text == "(the end)" else text))


def test_a_wrong_setting_is_said(page: Page) -> None:
    page.get_by_label("Temperature").fill("-1")
    expect(page.locator("#message")).to_contain_text("greater than or equal to 0")
    page.get_by_label("Temperature").fill("1")
    expect(page.locator("#message")).to_be_hidden()
