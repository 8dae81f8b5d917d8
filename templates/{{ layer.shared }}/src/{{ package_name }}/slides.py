"""Make the talk in slides.md: `uv run poe slides` writes build/slides/index.html, and slides.pdf with a browser.

A line `---` between empty lines begins the next slide, as in Marp and reveal.js. The page is one file that holds its
pictures and needs no network; `slides.html` has its look. Chrome, Edge or Chromium prints it to the PDF.
"""

import base64
import html
import mimetypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

SOURCE = Path("slides.md")
FOLDER = Path("build/slides")
PAGE = Path(__file__).with_name("slides.html")
# Where a browser is, if it is not on PATH.
PROGRAMS = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "chrome",
    "msedge",
)
MACOS = ("Google Chrome", "Microsoft Edge", "Chromium")
WINDOWS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
# A browser that starts for the first time takes some seconds.
PATIENCE_SECONDS = 120


def slides_of(tokens: list[Token]) -> Iterator[list[Token]]:
    """Divide a document at its lines; comments, such as the markers of results, are left out."""
    slide: list[Token] = []
    for token in tokens:
        if token.type == "hr" and token.level == 0:
            yield slide
            slide = []
        elif not (token.type == "html_block" and token.content.lstrip().startswith("<!--")):
            slide.append(token)
    yield slide


def embed_pictures(tokens: list[Token], folder: Path) -> None:
    """Put the pictures of a slide into it; in place of one that the pipeline has not drawn yet the slide says so."""
    for token in (child for parent in tokens for child in parent.children or []):
        if token.type != "image":
            continue
        source = unquote(str(token.attrs["src"]))
        path = folder / source
        if path.is_file():
            kind = mimetypes.guess_type(source)[0] or "image/png"
            token.attrs["src"] = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        elif "://" not in source:
            token.type, token.content = "text", f"{source} is not there yet: run `uv run poe demo`."


def page(text: str, folder: Path) -> str:
    """Return the deck as one HTML page.

    Args:
        text: The Markdown.
        folder: Where the paths of its pictures begin.
    """
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    titles = [after.children or [] for before, after in pairwise(tokens) if before.tag == "h1"]
    title = "".join(part.content for part in titles[0]) if titles else "Slides"
    sections = []
    slides = [slide for slide in slides_of(tokens) if slide]
    for place, slide in enumerate(slides, start=1):
        embed_pictures(slide, folder)
        body = markdown.renderer.render(slide, markdown.options, {})
        sections.append(f'<section id="{place}" data-place="{place} / {len(slides)}">\n{body}</section>')
    template = Template(PAGE.read_text(encoding="utf-8"))
    return template.substitute(title=html.escape(title), slides="\n".join(sections))


def find_browser(environment: Mapping[str, str]) -> str | None:
    """Return the path of a browser that prints pages: CHROME_PATH, one on PATH, or one in its usual place."""
    folders = [environment[name] for name in WINDOWS_FOLDERS if name in environment]
    places = [Path("/Applications", f"{name}.app", "Contents", "MacOS", name) for name in MACOS]
    places += [Path(folder, program) for folder in folders for program in WINDOWS]
    on_path = (shutil.which(name, path=environment.get("PATH")) for name in PROGRAMS)
    found = [environment.get("CHROME_PATH"), *on_path, *(str(place) for place in places if place.exists())]
    return next((path for path in found if path), None)


def print_pdf(browser: str, deck: Path, pdf: Path) -> None:
    """Let a browser print a page.

    Raises:
        SystemExit: If there is no PDF afterwards; the message is what the browser said.
    """
    pdf.unlink(missing_ok=True)
    options = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-pdf-header-footer"]
    if sys.platform != "win32" and os.geteuid() == 0:  # in a container; Chromium refuses its sandbox to root
        options.append("--no-sandbox")
    said = ""
    # With a profile of its own it does not hand the work to a window that is open.
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        files = [f"--user-data-dir={profile}", f"--print-to-pdf={pdf.resolve()}", deck.resolve().as_uri()]
        try:
            done = subprocess.run(  # noqa: S603
                [browser, *options, *files], capture_output=True, timeout=PATIENCE_SECONDS, check=False
            )
            said = done.stderr.decode("utf-8", "replace")
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
    if not pdf.exists():
        raise SystemExit(f"error: {browser} wrote no PDF; {deck} is there. It said:\n{said[-1000:]}")


def main() -> None:
    """Write the page, and print it where there is a browser."""
    if not SOURCE.exists():
        raise SystemExit(f"error: there is no {SOURCE}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    deck, pdf = FOLDER / "index.html", FOLDER / "slides.pdf"
    deck.write_text(page(SOURCE.read_text(encoding="utf-8"), Path()), encoding="utf-8", newline="\n")
    browser = find_browser(os.environ)
    if browser is None:
        print(f"Written: {deck}. For a PDF install Chrome, Edge or Chromium, or set CHROME_PATH to one.")
        return
    print_pdf(browser, deck, pdf)
    print(f"Written: {deck}, {pdf}")


if __name__ == "__main__":
    main()
