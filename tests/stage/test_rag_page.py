"""The demo page of the knowledge base in a real browser: a chat whose citations open the passage."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .pages import barriers, watched_page
from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages("rag")]

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def quoting(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that answers without a language model, and takes documents."""
    copy = trained.copy_to(tmp_path_factory.mktemp("quoting") / "project")
    with copy.serve(LLM="none", API_KEY="secret") as running:
        yield running


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The demo with its first answer."""
    with watched_page(browser, service) as opened:
        expect(opened.locator(".turn .detail")).to_contain_text("first sentence", timeout=PATIENCE_MS)
        yield opened


def question(page: Page, text: str) -> None:
    """Ask, and wait for the end of the answer."""
    page.get_by_label("Question").fill(text)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".turn").last.locator(".asked")).to_have_text(text)
    expect(page.locator(".turn").last.locator(".detail")).to_contain_text("first sentence", timeout=PATIENCE_MS)


def test_a_citation_opens_the_passage_and_marks_what_supports_it(page: Page) -> None:
    question(page, "How do I sort a list?")
    turn = page.locator(".turn").last
    turn.locator("button.citation").first.click()
    opened = page.locator("#passages details[open]")
    expect(opened).to_have_count(1)
    expect(opened.locator("mark")).to_be_visible()
    number = turn.locator("button.citation").first.inner_text()
    assert opened.get_attribute("id") == f"passage-{number}"
    assert opened.locator("mark").inner_text() in opened.locator(".text").inner_text()
    assert barriers(page) == []


def test_what_the_documents_do_not_answer_is_said(page: Page) -> None:
    question(page, "What is the capital of France?")
    expect(page.locator(".turn .answer").last).to_have_text("The documents do not answer this question.")
    assert page.locator(".turn").last.locator("button.citation").count() == 0


def test_a_conversation_goes_on_and_can_begin_anew(page: Page) -> None:
    question(page, "What is a list comprehension?")
    question(page, "When are they useful?")
    expect(page.locator("#searched")).to_contain_text("list comprehension")
    page.get_by_role("button", name="New conversation").click()
    assert page.locator(".turn").count() == 0
    question(page, "What is a generator expression good for?")
    expect(page.locator("#searched")).not_to_contain_text("list comprehension")


def test_the_keyboard_asks(page: Page) -> None:
    page.get_by_label("Question").fill("What is the capital of France?")
    page.get_by_label("Question").press("Enter")
    expect(page.locator(".turn")).to_have_count(2)


def test_an_empty_question_is_said(page: Page) -> None:
    page.get_by_label("Question").fill("   ")
    page.get_by_label("Question").press("Enter")
    expect(page.locator("#message")).to_contain_text("Write a question")


def test_a_document_is_added_and_answers(browser: Browser, quoting: Service, tmp_path: Path) -> None:
    file = tmp_path / "frogs.md"
    file.write_text("# Frogs\n\nFrogs sleep under <b>wet</b> leaves <script>alert(1)</script> near ponds.\n", "utf-8")
    page = browser.new_page()
    page.goto(quoting.url)
    page.get_by_label("API key").fill("secret")
    page.get_by_label("API key").press("Tab")
    expect(page.locator(".turn .detail").last).to_contain_text("first sentence", timeout=PATIENCE_MS)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#added")).to_contain_text("frogs.md: 1 passages")
    question(page, "Where do frogs sleep?")
    page.locator(".turn").last.locator("button.citation").first.click()
    # What is in a document is shown as text.
    expect(page.locator("#passages details[open] .text")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#passages script, #passages b").count() == 0
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"no pdf")
    page.get_by_label("File").set_input_files(broken)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#message")).to_contain_text("no readable PDF")
    page.close()
