"""From a file to a document: Markdown, reStructuredText, HTML, PDF, plain text. `load.py` and the service use it.

Every format ends as the same thing: a text with sections, so that the rest of the pipeline need not know where it came
from. What is inside of a document is data; nothing in it is ever executed or fetched.
"""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import pypdf
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from .documents import Document, Section
from .restructured import Block, blocks_of_restructured_text

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
TEXTS = ("p", "pre", "li", "dt", "dd", "td", "th", "blockquote", "figcaption")
NO_CONTENT = ("script", "style", "template", "noscript", "nav", "header", "footer", "head")


class ReadingError(ValueError):
    """The file cannot be read as a document; the message says why."""


@dataclass(frozen=True)
class Format:
    """How files of one kind are read."""

    name: str
    blocks: Callable[[bytes], list[Block]]


def text_of(content: bytes) -> str:
    """Decode a text file.

    Raises:
        ReadingError: If it is no UTF-8 text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadingError(f"it is no UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise ReadingError("it is no text: it holds zero bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def blocks_of_text(content: bytes) -> list[Block]:
    """Read plain text, which has no headings."""
    return [Block(0, "", text_of(content))]


def blocks_of_markdown(content: bytes) -> list[Block]:
    """Read Markdown: cut it at its headings, and leave the rest as it is written."""
    text = text_of(content)
    lines = text.split("\n")
    blocks, level, heading, start = [], 0, "", 0
    tokens = MarkdownIt().parse(text)
    for place, token in enumerate(tokens):
        if token.type != "heading_open" or token.map is None or token.level > 0:
            continue
        first, after = token.map
        blocks.append(Block(level, heading, "\n".join(lines[start:first])))
        level, heading, start = int(token.tag[1]), plain(tokens[place + 1].content), after
    return [*blocks, Block(level, heading, "\n".join(lines[start:]))]


def plain(heading: str) -> str:
    """Return a heading of Markdown without marks and addresses."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").strip()


def blocks_of_rst(content: bytes) -> list[Block]:
    """Read reStructuredText."""
    return blocks_of_restructured_text(text_of(content))


def blocks_of_html(content: bytes) -> list[Block]:
    """Read a web page: headings, paragraphs, lists, tables and code; menus and scripts are left out."""
    soup = BeautifulSoup(content, "html.parser")
    for tag in soup.find_all(NO_CONTENT):
        tag.decompose()
    for tag in soup.find_all([*TEXTS, "br", "div"]):
        tag.insert_before("\n")  # words of two paragraphs are two words
    blocks, level, heading = [], 0, ""
    texts: list[str] = []
    for tag in soup.find_all([*HEADINGS, *TEXTS]):
        if tag.find_parent(TEXTS) is not None:  # its text is part of that one's
            continue
        text = tag.get_text() if tag.name == "pre" else re.sub(r"\s+", " ", tag.get_text()).strip()
        if tag.name in HEADINGS:
            blocks.append(Block(level, heading, "\n\n".join(texts)))
            level, heading, texts = int(tag.name[1]), text.rstrip("¶# "), []
        elif text:
            texts.append(text)
    found = [*blocks, Block(level, heading, "\n\n".join(texts))]
    if any(block.text or block.heading for block in found):
        return found
    return [Block(0, "", soup.get_text("\n"))]


def blocks_of_pdf(content: bytes) -> list[Block]:
    """Read a PDF; each page is a section.

    Raises:
        ReadingError: If it is damaged, needs a password, or holds pictures of text only.
    """
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # a damaged file makes pypdf raise nearly anything
        raise ReadingError(f"it is no readable PDF: {error}") from error
    if not any(page.strip() for page in pages):
        raise ReadingError("it holds no text (is it a scan?)")
    return [Block(1, f"Page {number}", page) for number, page in enumerate(pages, 1)]


FORMATS = {
    ".md": Format("Markdown", blocks_of_markdown),
    ".markdown": Format("Markdown", blocks_of_markdown),
    ".rst": Format("reStructuredText", blocks_of_rst),
    ".rst.txt": Format("reStructuredText", blocks_of_rst),  # as Sphinx publishes its sources
    ".txt": Format("text", blocks_of_text),
    ".html": Format("HTML", blocks_of_html),
    ".htm": Format("HTML", blocks_of_html),
    ".pdf": Format("PDF", blocks_of_pdf),
}


def format_of(name: str) -> Format | None:
    """Return the format that a file's name says, or None for an unknown one."""
    fitting = [suffix for suffix in FORMATS if name.lower().endswith(suffix)]
    return FORMATS[max(fitting, key=len)] if fitting else None


def read_document(name: str, content: bytes) -> Document:
    """Read a file.

    Args:
        name: Its path below the folder of documents, with slashes; its end says the format.
        content: The bytes of the file.

    Raises:
        ReadingError: If the format is unknown, or the content is empty or not of this format.
    """
    kind = format_of(name)
    if kind is None:
        raise ReadingError(f"its name must end with one of {', '.join(FORMATS)}")
    document = assembled(name, kind.blocks(content))
    if not document.text:
        raise ReadingError("it is empty")
    return document


def assembled(name: str, blocks: Iterable[Block]) -> Document:
    """Put sections together to a document; each gets the path of headings that leads to it."""
    text, sections, above = "", [], list[Block]()
    for block in blocks:
        body = "\n".join(line.rstrip() for line in block.text.strip("\n").split("\n")).strip()
        if not body and not block.heading:
            continue
        if block.heading:
            above = [*(each for each in above if each.level < block.level), block]
            text += ("\n\n" if text else "") + block.heading
        start = len(text) + (2 if text and body else 0)
        text += ("\n\n" if text and body else "") + body
        path = [each.heading for each in above] if block.heading else []
        sections.append(Section(path=path, start=start, end=start + len(body)))
    title = next((section.path[0] for section in sections if section.path), PurePosixPath(name).name)
    return Document(name=name, title=title, text=text, sections=sections)
