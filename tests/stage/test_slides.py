"""The talk: `uv run poe slides` makes a page and a PDF of slides.md, with the figures of the run.

Each stage has one deck here, made in a copy of its trained project whose slides somebody has begun to write.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from .pages import SCREENSHOTS
from .project import Project

pytestmark = pytest.mark.slow

# The metric in the first column of the result.
SHOWN = {
    "tabular_regression": "rmse",
    "feature_classification": "roc_auc",
    "image_classifier": "accuracy",
    "text_generation": "bits_per_character",
    "rag": "ndcg_at_10",
    "monitored_service": "roc_auc",
}
TOPICS = ("Problem", "Data", "Method", "Result", "Where it is wrong", "Deployment", "Lessons")
PROMPT, LESSON = "_What would you do with two more weeks?_", r"I would collect \1 more *labels*."
# The smallest text of a slide, as a share of the usual size.
READABLE = 0.7
FIGURE = re.compile(r"-?\d[\d,]*\.?\d*")


@dataclass(frozen=True)
class Talk:
    """A deck, and what was seen while it was made.

    Attributes:
        project: Where it was made.
        check: What the check of the report said before.
        printed: What the command printed.
    """

    project: Project
    check: str
    printed: str

    @property
    def address(self) -> str:
        """Address of the page."""
        return (self.project.path / "build/slides/index.html").as_uri()


@pytest.fixture(scope="session")
def talk(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """A lesson is written, and a figure of the result is not that of the run; then the slides are made."""
    project = trained.copy_to(tmp_path_factory.mktemp("talk") / "project")
    source = project.path / "slides.md"
    text = source.read_text(encoding="utf-8")
    assert PROMPT in text
    begin = "<!-- slide-result:begin -->\n"
    source.write_text(text.replace(PROMPT, LESSON).replace(begin, f"{begin}\n99.9% right\n"), encoding="utf-8")
    check = project.run("python", "-m", f"{project.package}.report", "--check", check=False)
    assert check.returncode != 0
    return Talk(project, check.stderr, project.run("poe", "slides").stdout)


@pytest.fixture(scope="session")
def page(browser: Browser, talk: Talk) -> Iterator[Page]:
    """The deck in a window; it asks for nothing but itself, and nothing fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    opened = context.new_page()
    outside: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda call: outside.append(call.url))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(talk.address)
    yield opened
    context.close()
    assert [url for url in outside if url != talk.address and not url.startswith("data:")] == []
    assert complaints == []


def headings(page: Page) -> list[str]:
    """Title of each slide."""
    return page.locator("section").evaluate_all("all => all.map(each => each.querySelector('h1, h2').textContent)")


def test_what_a_person_wrote_stays_and_figures_are_renewed(talk: Talk) -> None:
    assert "slides.md" in talk.check
    text = (talk.project.path / "slides.md").read_text(encoding="utf-8")
    assert LESSON in text
    assert "99.9% right" not in text
    assert "build/slides" not in talk.project.run("git", "status", "--porcelain").stdout


def test_the_pdf_has_every_slide(talk: Talk, page: Page) -> None:
    assert "slides.pdf" in talk.printed
    pages = PdfReader(talk.project.path / "build/slides/slides.pdf").pages
    # Fonts join letters into one sign ("fi"); NFKC divides them.
    texts = [" ".join(unicodedata.normalize("NFKC", each.extract_text()).split()) for each in pages]
    titles = headings(page)
    assert len(pages) == len(titles) >= len(TOPICS)
    assert all(text.startswith(title) for text, title in zip(texts, titles, strict=True))
    shapes = [float(each.mediabox.width / each.mediabox.height) for each in pages]
    assert shapes == pytest.approx([16 / 9] * len(pages), rel=1e-2)
    assert r"I would collect \1 more labels." in texts[-1]


def test_the_deck_tells_the_whole_story(talk: Talk, page: Page) -> None:
    """Every topic is there, in this order; nothing waits for a run, but the replay, which has not been played."""
    topics = [next((topic for topic in TOPICS if title.startswith(topic)), None) for title in headings(page)]
    assert list(dict.fromkeys(topic for topic in topics if topic)) == list(TOPICS)
    text = page.locator("body").inner_text()
    assert "No results yet" not in text
    assert "is not there yet" not in text
    assert ("Not played yet" in text) == (talk.project.stage == "monitored_service")


@pytest.mark.parametrize("medium", ["screen", "print"])
def test_every_slide_fits(talk: Talk, page: Page, medium: Any) -> None:
    page.emulate_media(media=medium)
    slides = page.locator("section")
    room = "all => all.map(each => [each.scrollHeight - each.clientHeight, each.scrollWidth - each.clientWidth])"
    assert slides.evaluate_all(room) == [[0, 0]] * slides.count()
    sizes = slides.evaluate_all("all => all.map(each => Number(each.style.getPropertyValue('--fit') || 1))")
    assert min(sizes) >= READABLE
    pictures = page.locator("img").evaluate_all("all => all.map(each => each.naturalWidth && each.clientHeight)")
    assert pictures
    assert min(pictures) >= 200
    if medium == "screen":
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        result = slides.filter(has=page.locator("h2", has_text=re.compile("^Result"))).first
        result.screenshot(path=SCREENSHOTS / f"{talk.project.stage}, slide.png")


def test_the_result_is_that_of_the_run(page: Page, report: Any, stage: str) -> None:
    table = page.locator("section", has=page.locator("h2", has_text=re.compile("^Result"))).first.locator("table")
    cells = table.locator("tbody td:nth-child(2)").all_inner_texts()
    shown = [[float(number.replace(",", "")) for number in FIGURE.findall(cell)] for cell in cells]
    scale = 100 if "%" in cells[0] else 1
    for found in [report["model"], *report["baselines"].values()]:
        metric = found[SHOWN[stage]]
        expected = [scale * metric[name] for name in ("value", "low", "high")]
        assert any(each == pytest.approx(expected, rel=5e-3, abs=1e-3) for each in shown), expected
    assert str(report["rows"]) in page.locator("body").inner_text().replace(",", "")


def test_keys_turn_the_slides(page: Page) -> None:
    page.emulate_media(media="screen")
    page.keyboard.press("Home")
    slides = page.locator("section")
    expect(slides.first).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("ArrowRight")
    expect(slides.nth(1)).to_be_in_viewport(ratio=0.9)
    expect(slides.first).not_to_be_in_viewport(ratio=0.1)
    page.keyboard.press("End")
    expect(slides.last).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("PageUp")
    expect(slides.nth(slides.count() - 2)).to_be_in_viewport(ratio=0.9)
