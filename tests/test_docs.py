"""The site of the documentation: it is built without a warning, shows every stage, and no link inside leads nowhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from contract import ROOT, SERVICES, STAGES

ADDRESS = "https://org.github.io/ai-roadmap-templates/"


class Page(HTMLParser):
    """What a page refers to, the names in it that can be referred to, its pictures and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.pictures: dict[str, str] = {}
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note where a tag leads to, and what it is called."""
        found = dict(attrs)
        self.links += [found[name] for name in ("href", "src") if found.get(name)]
        self.names |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "img":
            self.pictures[found["src"]] = found["alt"]

    def handle_data(self, data):
        """Note a piece of text."""
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built from this work tree."""
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, ROOT / "docs" / "site.py", folder / "pages"], check=True)
    settings = (ROOT / "zensical.toml").read_text("utf-8").replace('"build/docs"', '"pages"')
    (folder / "zensical.toml").write_text(settings.replace('"build/site"', '"site"'), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def gallery(site) -> Page:
    """The page with the gallery."""
    return Page(site / "index.html")


def target(page: Path, link: str, site: Path) -> Path | None:
    """The file that a link leads to, unless it leads away from the site."""
    parts = urlsplit(link.replace(ADDRESS, "/") if link.startswith(ADDRESS) else link)
    if parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    found = page if not path else site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return found / "index.html" if found.is_dir() else found


def test_no_link_inside_of_the_site_leads_nowhere(site):
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > len(STAGES)
    lost = []
    for path, page in pages.items():
        for link in page.links:
            found = target(path, link, site)
            fragment = urlsplit(link).fragment
            names = pages[found.resolve()].names if found and found.resolve() in pages else {fragment}
            if found and (not found.exists() or (fragment and fragment not in names)):
                lost.append((path.name, link))
    assert lost == []


@pytest.mark.parametrize("stage", STAGES)
def test_the_gallery_shows_the_stage(stage, gallery):
    assert STAGES[stage]["title"] in gallery.text
    assert gallery.pictures[f"images/{stage}.png"]
    assert f"stage={stage}" in gallery.text


def test_the_figures_of_the_gallery_stand_in_the_readme_or_in_the_benchmarks(gallery):
    cards = re.findall(r"Result\.(.*?)\n.*?Time\.(.*?)\n", gallery.text, re.DOTALL)
    assert len(cards) == len(SERVICES)
    known = (ROOT / "README.md").read_text("utf-8") + (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    for card in cards:
        figures = re.findall(r"\d[\d.,]*\d", " ".join(card))
        assert figures or "three minutes" in card[1]
        assert [figure for figure in figures if figure not in known] == []


def test_every_example_in_the_gallery_is_published_under_its_name(gallery):
    names = {link.rsplit("/", 1)[1] for link in gallery.links if re.fullmatch(r"https://github\.com/org/[\w-]+", link)}
    names.discard("ai-roadmap-templates")
    answers = {name: yaml.safe_load((ROOT / "examples" / f"{name}.yml").read_text("utf-8")) for name in names}
    assert {each["stage"] for each in answers.values()} == set(SERVICES)


def test_every_decision_is_listed(site):
    listed = Page(site / "decisions" / "index.html").text
    for path in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert path.read_text("utf-8").splitlines()[0].removeprefix("# ").replace("`", "") in listed
