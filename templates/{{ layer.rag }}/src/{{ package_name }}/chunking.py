"""Cuts documents into passages: along headings first, then along paragraphs and sentences. `chunk.py` uses it."""

import re
from collections.abc import Iterable, Iterator

from .documents import Chunk, Document, Section

# Where a passage may be cut: at a blank line, at the end of a sentence, before an indented line (code) or an item of a
# list. Other ends of lines say nothing: many texts are wrapped.
BREAK = re.compile(r"\n\s*\n|(?<=[.!?])\s+(?=[A-Z\"'(`])|\n(?=[ \t]|[-*+•] |\d+[.)] )")
WORD = re.compile(r"\S+")


def chunks_of(document: Document, words: int, overlap: int, hidden: bool = False) -> list[Chunk]:
    """Cut a document.

    Args:
        document: With its sections: no passage reaches into two of them.
        words: Of a passage, at most.
        overlap: How many words of the passage before a passage begins with, at most; whole sentences.
        hidden: Whether headings with a question mark are kept from the search, because they are test questions.
    """
    chunks: list[Chunk] = []
    for section in document.sections:
        for start, end in spans(document.text, section.start, section.end, words, overlap):
            context = context_of(document, section, hidden)
            chunks.append(
                Chunk(
                    document=document.name,
                    title=document.title,
                    section=section.path,
                    position=len(chunks),
                    start=start,
                    end=end,
                    text=document.text[start:end],
                    context=context,
                )
            )
    return chunks


def context_of(document: Document, section: Section, hidden: bool) -> str:
    """Return the headings that are searched along with a passage."""
    path = [each for each in section.path if not (hidden and is_question(each))]
    if document.title not in path and not (hidden and is_question(document.title)):
        path.insert(0, document.title)
    return " > ".join(path)


def is_question(heading: str) -> bool:
    """Tell whether a heading asks."""
    return heading.rstrip().endswith("?")


def spans(text: str, start: int, end: int, words: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield where the passages of a section begin and end."""
    units = [part for unit in pieces(text, start, end) for part in no_longer_than(text, *unit, words)]
    first = 0
    while first < len(units):
        last, size = first, 0
        while last < len(units) and (last == first or size + words_in(text, *units[last]) <= words):
            size += words_in(text, *units[last])
            last += 1
        yield units[first][0], units[last - 1][1]
        if last == len(units):
            return
        # The next passage begins with the last sentences of this one, as far as they fit.
        again, shared = last, 0
        while again - 1 > first and (shared := shared + words_in(text, *units[again - 1])) <= overlap:
            again -= 1
        # A repetition that leaves no room for the next sentence would repeat for ever.
        room = words - sum(words_in(text, *unit) for unit in units[again:last])
        first = again if words_in(text, *units[last]) <= room else last


def pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences and lines between two places, without the space around them."""
    place = start
    for found in [*BREAK.finditer(text, start, end), None]:
        stop = end if found is None else found.start()
        piece = text[place:stop]
        if piece.strip():
            yield place + len(piece) - len(piece.lstrip("\n")), place + len(piece.rstrip())
        if found is not None:
            # Spaces at the beginning of a line are part of it: code is not to lose its indentation.
            place = found.end() - len(found[0].rpartition("\n")[2]) if "\n" in found[0] else found.end()


def no_longer_than(text: str, start: int, end: int, words: int) -> Iterator[tuple[int, int]]:
    """Cut what is too long for a passage between two words."""
    found = [(match.start(), match.end()) for match in WORD.finditer(text, start, end)]
    if len(found) <= words:
        yield start, end
        return
    for first in range(0, len(found), words):
        part = found[first : first + words]
        yield part[0][0], part[-1][1]


def words_in(text: str, start: int, end: int) -> int:
    """Count words."""
    return sum(1 for _ in WORD.finditer(text, start, end))


def all_chunks(documents: Iterable[Document], words: int, overlap: int, hidden: set[str]) -> list[Chunk]:
    """Cut documents; `hidden` names those whose questioning headings are not searched."""
    return [chunk for each in documents for chunk in chunks_of(each, words, overlap, each.name in hidden)]
