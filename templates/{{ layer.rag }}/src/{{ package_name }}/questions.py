"""The questions that search and answers are judged by: headings, and your own file. `chunk.py` collects them."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from .chunking import is_question
from .config import Section
from .documents import Document, Question


class OwnQuestion(Section):
    """A question in the user's file; without `document` nothing in the documents answers it."""

    question: str
    document: str | None = None
    section: list[str] = Field(default_factory=list)


class OwnQuestions(Section):
    """The file."""

    questions: list[OwnQuestion] = Field(default_factory=list)
    unanswerable: list[str] = Field(default_factory=list)


def collect(documents: Iterable[Document], hidden: set[str]) -> list[Question]:
    """Make questions of the headings that ask, where something stands below them.

    Args:
        documents: All documents.
        hidden: The names of those whose headings are taken, and are therefore not searched.
    """
    found: dict[str, Question] = {}
    for document in documents:
        if document.name not in hidden:
            continue
        for section in document.sections:
            if section.path and is_question(section.path[-1]) and section.end > section.start:
                text = section.path[-1]
                found.setdefault(text, Question(text=text, document=document.name, section=section.path))
    return list(found.values())


def read_own(path: Path, documents: Sequence[Document]) -> list[Question]:
    """Read the user's questions.

    Raises:
        ValueError: If the file is not valid, or names a document or a section that is not there.
    """
    try:
        own = OwnQuestions.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error
    by_name = {document.name: document for document in documents}
    questions = []
    for each in own.questions:
        if each.document is not None:
            if each.document not in by_name:
                raise ValueError(f"{path}: '{each.question}': there is no document {each.document}")
            paths = [section.path[: len(each.section)] for section in by_name[each.document].sections]
            if each.section not in paths:
                raise ValueError(f"{path}: '{each.question}': {each.document} has no section {each.section}")
        questions.append(Question(text=each.question, document=each.document, section=each.section))
    return questions + [Question(text=text) for text in own.unanswerable]


def divide(questions: Sequence[Question], test: float, seed: int) -> list[Question]:
    """Divide the questions into those that settings are chosen by (`dev`) and those for the report (`test`).

    A question's part depends on its own text: new questions do not move old ones. Answerable and unanswerable ones are
    divided alike.
    """

    def place(question: Question) -> float:
        checksum = hashlib.sha256(f"{seed} {question.text}".encode()).digest()
        return int.from_bytes(checksum[:8]) / 2**64

    return [each.model_copy(update={"part": "test" if place(each) < test else "dev"}) for each in questions]
