"""The website of a user's projects: its own checks, and trained projects on it in a real browser."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import new_project
from .pages import SCREENS, barriers, watched_page
from .project import Project

pytestmark = pytest.mark.slow

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "rag.png"
# What the projects that are made up here say about themselves.
RECORD: dict[str, Any] = {
    "title": "Docs <b>Assistant</b> & more",
    "summary": 'Answers "questions" from a collection of documents.',
    "stage": "rag",
    "author": "Ada",
    "repository": "https://github.com/ada/docs-assistant",
    "demo": "https://ada.example.com/",
    "picture": "docs/demo.png",
    "stack": ["FastAPI", "ONNX Runtime"],
    "mine": True,
    "results": [
        {
            "name": "nDCG@10",
            "value": 0.7361,
            "low": 0.671,
            "high": 0.797,
            "baseline": "BM25",
            "baseline_value": 0.498,
            "unit": None,
            "higher_is_better": True,
        }
    ],
    "trained": {"date": "2026-11-26", "version": "ab12cd", "rows": 1723},
}
UNTRAINED = RECORD | {"title": "Texts", "demo": None, "picture": None, "results": [], "trained": None}


@pytest.fixture(scope="session")
def fresh_site(template: Path, uv: str, variables: dict[str, str], shared: Path) -> Project:
    """A new website with its packages installed. Do not change it."""
    return new_project(template, "portfolio_site", uv, variables, shared)


@pytest.fixture
def site(fresh_site: Project, tmp_path: Path) -> Project:
    """A copy of the new website, to change at will."""
    return fresh_site.copy_to(tmp_path / "site")


def made_up(folder: Path, record: dict[str, Any]) -> Path:
    """Write a project that has nothing but what the website reads."""
    (folder / "docs").mkdir(parents=True)
    (folder / "project.yml").write_text(yaml.safe_dump(record), encoding="utf-8")
    shutil.copyfile(PICTURE, folder / "docs" / "demo.png")
    return folder


def show(site: Project, *projects: Path) -> None:
    """Make these the website's projects."""
    text = yaml.safe_dump({"projects": [str(project) for project in projects]})
    (site.path / "projects.yaml").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Website:
    """The built website, served: what a watched page needs of a service."""

    url: str


@pytest.fixture
def website(site: Project) -> Iterator[Website]:
    """Where the website will be, once it is built."""
    handler = partial(SimpleHTTPRequestHandler, directory=site.path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Website(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_a_new_website_passes_its_own_checks(site: Project) -> None:
    printed = site.run("poe", "check").stdout
    assert "No projects yet" in printed
    assert " passed" in printed


def test_cards_pictures_and_links_in_a_browser(
    site: Project, tmp_path: Path, browser: Browser, website: Website
) -> None:
    show(site, made_up(tmp_path / "docs-assistant", RECORD), made_up(tmp_path / "texts", UNTRAINED))
    site.run("poe", "build")
    with watched_page(browser, website) as page:
        cards = page.locator(".projects > ul > li")
        expect(cards).to_have_count(2)
        expect(cards.first).to_contain_text("0.7361 nDCG@10 (0.671 to 0.797); better than BM25, 0.498")
        expect(cards.first).to_contain_text("ONNX Runtime")
        expect(cards.last).to_contain_text("Not trained yet.")
        assert cards.last.get_by_role("img").count() == 0
        wait_for_picture(page, cards.first)
        links = cards.first.locator(".links a").evaluate_all("links => links.map(link => link.href)")
        assert links == [RECORD["repository"], f"{RECORD['repository']}#readme", RECORD["demo"]]
        cards.first.get_by_role("link", name=RECORD["title"], exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(RECORD["title"])
        expect(page).to_have_title(f"{RECORD['title']} - My Projects")
        expect(page.get_by_role("row").last).to_contain_text("better than BM25, 0.498")
        wait_for_picture(page, page.get_by_role("main"))
        page.get_by_role("link", name="All projects").click()
        expect(cards).to_have_count(2)
        page.get_by_role("link", name="About").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("About")


def wait_for_picture(page: Page, place: Locator) -> None:
    """Wait until the picture in a place is there, and not only its frame."""
    picture = place.get_by_role("img", name=RECORD["summary"])
    picture.scroll_into_view_if_needed()
    page.wait_for_function("picture => picture.complete && picture.naturalWidth > 100", arg=picture.element_handle())


def test_it_is_for_everyone_on_a_phone_and_on_a_desk_in_light_and_dark(
    site: Project, tmp_path: Path, browser: Browser, website: Website
) -> None:
    show(site, made_up(tmp_path / "docs-assistant", RECORD))
    site.run("poe", "build")
    for screen, options in SCREENS.items():
        with watched_page(browser, website, **options) as page:
            for path in ("/", "/projects/docs-assistant/", "/about/"):
                page.goto(f"{website.url}{path}")
                where = f"{path} on {screen}"
                assert page.evaluate("(page => page.scrollWidth <= page.clientWidth)(document.documentElement)"), where
                assert barriers(page) == [], where
            colour = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
            brightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
            assert (brightness < 128) == ("dark" in screen), colour


@pytest.mark.stages("tabular_regression", "monitored_service")
def test_a_trained_project_gets_a_card_with_its_result(
    site: Project, trained: Project, browser: Browser, website: Website
) -> None:
    """From the project.yml that its report has filled."""
    show(site, trained.path)
    site.run("python", "-m", f"{site.package}.gather", "--strict")
    site.run("poe", "build")
    record = trained.read_yaml("project.yml")
    with watched_page(browser, website) as page:
        expect(page.locator(".projects h2")).to_have_text(record["title"])
        expect(page.locator(".projects .result")).to_contain_text(record["results"][0]["name"])
        shown = re.sub("[^0-9.]", "", page.locator(".projects .result strong").inner_text())
        assert float(shown) == pytest.approx(record["results"][0]["value"], rel=1e-3)
