"""Reading the raw texts: a folder of text files, or one file that is divided into documents. `prepare.py` calls it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .dataset import Document

SUFFIXES = {".txt", ".md"}
SEPARATOR = re.compile(r"^[ \t]*(?:-{3,}|\*{3,})[ \t]*$", re.MULTILINE)
# One for each part.
FEWEST_DOCUMENTS = 3
# Fewer documents in a single file are too few to hold some back; its paragraphs are grouped then.
FEWEST_IN_A_FILE = 10
# Enough that a tenth of them are several documents, few enough that each is longer than what a network sees at once.
GROUPS = 40
TITLE_WORDS = 6
TITLE_CHARACTERS = 60


class DataError(ValueError):
    """The texts are not what they must be; the message names the file."""


@dataclass
class RawTexts:
    """Everything that was read.

    Attributes:
        documents: None of them is empty.
        division: What became a document.
        ignored: Files that are hidden or no texts, and documents without text.
    """

    documents: list[Document]
    division: str
    ignored: list[str] = field(default_factory=list)


def read_raw(place: Path) -> RawTexts:
    """Read a text file or all text files of a folder and of folders inside of it.

    Raises:
        DataError: If there is no text, a file is no UTF-8 text, or there are too few documents.
    """
    if not place.exists():
        raise DataError(f"{place} is not there")
    raw = read_folder(place) if place.is_dir() else divided(read_text(place))
    filled = [document for document in raw.documents if document.text]
    raw.ignored += [f"{document.title} (empty)" for document in raw.documents if not document.text]
    if len(filled) < FEWEST_DOCUMENTS:
        raise DataError(
            f"{place} holds {len(filled)} documents: there must be at least {FEWEST_DOCUMENTS}, one each for training, "
            "validation and test"
        )
    return RawTexts(filled, raw.division, raw.ignored)


def read_folder(folder: Path) -> RawTexts:
    """Make a document of each text file; a single one is divided.

    Raises:
        DataError: If there is no text file, or one is no UTF-8 text.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder) for path in files}
    hidden = {path for path, name in names.items() if any(part.startswith(".") for part in name.parts)}
    texts = [path for path in files if path not in hidden and path.suffix.lower() in SUFFIXES]
    ignored = [names[path].as_posix() for path in files if path not in texts]
    if not texts:
        raise DataError(f"{folder} holds no text file (.txt or .md)")
    if len(texts) == 1:
        raw = divided(read_text(texts[0]))
        return RawTexts(raw.documents, raw.division, ignored)
    documents = [Document(names[path].with_suffix("").as_posix(), read_text(path)) for path in texts]
    return RawTexts(documents, "each file is a document", ignored)


def read_text(path: Path) -> str:
    r"""Read a file: UTF-8 with or without a byte order mark, any line ends; they become "\n".

    Raises:
        DataError: If it is something else.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: this is no UTF-8 text (byte {error.start}): save it as UTF-8") from error
    if "\0" in text:
        raise DataError(f"{path}: this is no UTF-8 text (it holds zero bytes, as UTF-16 does): save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def divided(text: str) -> RawTexts:
    """Divide a text at its separating lines, or into groups of paragraphs where there are few of these lines."""
    sections = [section.strip() for section in SEPARATOR.split(text)]
    if sum(map(bool, sections)) >= FEWEST_IN_A_FILE:
        return titled(sections, "one file, divided at lines of dashes or stars")
    whole = "\n\n".join(sections)
    paragraphs, between, kind = re.split(r"\n\s*\n", whole), "\n\n", "paragraphs"
    if len(paragraphs) < GROUPS:
        paragraphs, between, kind = whole.split("\n"), "\n", "lines"
    division = f"one file, whose {kind} are grouped: neighbouring {kind} may lie in two parts"
    return titled([between.join(group) for group in groups_of(paragraphs)], division)


def groups_of(paragraphs: Sequence[str]) -> list[list[str]]:
    """Put neighbours together, in about `GROUPS` groups of similar size."""
    share = sum(map(len, paragraphs)) / GROUPS
    groups: list[list[str]] = [[]]
    done = 0
    for paragraph in paragraphs:
        if done >= len(groups) * share:
            groups.append([])
        groups[-1].append(paragraph)
        done += len(paragraph)
    return groups


def titled(sections: Sequence[str], division: str) -> RawTexts:
    """Make documents of sections; their first words are their titles."""
    documents = []
    for number, section in enumerate(sections, start=1):
        title = " ".join(section.split()[:TITLE_WORDS])[:TITLE_CHARACTERS]
        documents.append(Document(title or f"section {number}", section.strip()))
    return RawTexts(documents, division)
