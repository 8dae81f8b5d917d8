"""Reads reStructuredText as Sphinx projects write it, without Sphinx: what a reader would see, in plain text.

docutils alone does not know Sphinx' directives and roles and would fill the text with error messages. `reading.py` uses
it.
"""

import re
from dataclasses import dataclass

UNDERLINE = re.compile(r"([=\-`:.'\"~^_*+#])\1+\s*")
DIRECTIVE = re.compile(r"(\s*)\.\. +([\w:-]+)::\s*(.*)")
EXPLICIT = re.compile(r"(\s*)\.\.( |$)")
OPTION = re.compile(r"\s+:[\w-]+:.*")
# Directives whose content is for machines; that of all others is text.
DROPPED = {
    "index", "toctree", "contents", "highlight", "module", "currentmodule", "sectionauthor", "moduleauthor", "only",
    "image", "figure", "include", "literalinclude", "raw", "replace", "role", "default-role", "testsetup", "meta",
    "tabularcolumns", "productionlist",
}  # fmt: skip
# What stands behind the colons of these is the beginning of the text.
DESCRIBED = {"function", "class", "method", "data", "attribute", "exception", "option"}
SPOKEN = {"note", "warning", "tip", "seealso", "important", "rubric", "versionadded", "versionchanged", "deprecated"}


@dataclass(frozen=True)
class Block:
    """A heading with what stands under it; level 1 is the outermost, 0 means that there is no heading."""

    level: int
    heading: str
    text: str


def blocks_of_restructured_text(text: str) -> list[Block]:
    """Cut a text at its headings, and take markup out of the rest."""
    lines = text.expandtabs(8).split("\n")
    styles: list[tuple[str, bool]] = []  # in the order of their first use, which is that of their levels
    blocks, level, heading, start = [], 0, "", 0
    place = 0
    while place < len(lines):
        found = heading_at(lines, place)
        if found is None:
            place += 1
            continue
        title, style, length = found
        if style not in styles:
            styles.append(style)
        blocks.append(Block(level, heading, without_markup(lines[start:place])))
        level, heading = styles.index(style) + 1, inline(title)
        place += length
        start = place
    return [*blocks, Block(level, heading, without_markup(lines[start:]))]


def heading_at(lines: list[str], place: int) -> tuple[str, tuple[str, bool], int] | None:
    """Return title, style (character, overlined) and number of lines of a heading, if one begins here."""
    here, *after = [*lines[place : place + 3], "", ""][:3]
    if is_line(here) and after[0].strip() and after[1].rstrip() == here.rstrip():
        return after[0].strip(), (here[0], True), 3
    before = lines[place - 1] if place else ""
    is_title = here.strip() and not here[0].isspace() and not is_line(here) and not before.strip()
    if is_title and is_line(after[0]) and len(after[0].rstrip()) >= len(here.rstrip()):
        return here.strip(), (after[0][0], False), 2
    return None


def is_line(line: str) -> bool:
    """Tell whether a line is drawn with one character, as those above and below headings."""
    return len(line.rstrip()) >= 3 and UNDERLINE.fullmatch(line) is not None


def without_markup(lines: list[str]) -> str:
    """Return the text of a section: comments, targets and directives for machines are left out."""
    kept: list[str] = []
    dropped_below: int | None = None  # lines that are indented deeper belong to something that is left out
    options = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if dropped_below is not None:
            if not line.strip() or indent > dropped_below:
                continue
            dropped_below = None
        if options and OPTION.fullmatch(line):
            continue
        options = False
        if directive := DIRECTIVE.match(line):
            name, argument = directive[2], directive[3]
            if name in DROPPED:
                dropped_below = indent
                continue
            options = True
            if argument and (name in SPOKEN or name in DESCRIBED or ":" in name):
                kept.append(" " * indent + argument)
        elif EXPLICIT.match(line):  # a comment, a target, a footnote or a substitution
            dropped_below = indent
        else:
            kept.append(line)
    text = "\n".join(kept)
    return re.sub(r"\n{3,}", "\n\n", inline(text)).strip("\n")


def inline(text: str) -> str:
    """Replace roles, links and emphasis by what a reader sees."""
    text = re.sub(r":[\w:.+-]+:`!?~(?:[^`<>]*\.)?([^`<>.]+)`", r"\1", text)  # :meth:`~list.sort` is shown as sort
    text = re.sub(r":[\w:.+-]+:`!?([^`<>]+?)\s*<[^`<>]*>`", r"\1", text)
    text = re.sub(r":[\w:.+-]+:`!?([^`]+)`", r"\1", text)
    text = re.sub(r"``(.+?)``", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"(?<!`)`([^`<>]+?)\s*<[^`<>]*>`__?", r"\1", text)
    text = re.sub(r"(?<![`\w])`([^`]+)`__?", r"\1", text)
    text = re.sub(r"(?<![\w*\\])\*\*(\S(?:[^*\n]*\S)?)\*\*(?![\w*])", r"\1", text)
    text = re.sub(r"(?<![\w*\\])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])", r"\1", text)
    text = re.sub(r"(?m)^\s*::$", "", text)
    return re.sub(r"::(?=\s*$)", ":", text, flags=re.MULTILINE)
