"""Pipeline stage `chunk`: cut the documents into passages, and collect the questions that the search is judged by.

Reads data/prepared/documents.jsonl, questions.yaml and params.yaml (`chunk`, `questions`); writes
data/prepared/chunks.jsonl and questions.jsonl. Run by `dvc repro`.
"""

from pathlib import Path

from .chunking import all_chunks
from .documents import CHUNKS, DOCUMENTS, QUESTIONS, Document, read_rows, write_rows
from .load import is_included
from .params import load_params
from .questions import collect, divide, read_own


def main() -> None:
    """Cut and collect."""
    params = load_params()
    documents = read_rows(DOCUMENTS, Document)
    hidden = {each.name for each in documents if is_included(each.name, params.questions.headings_of)}
    chunks = all_chunks(documents, params.chunk.words, params.chunk.overlap, hidden)
    try:
        own = read_own(Path(params.questions.file), documents)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
    questions = divide([*collect(documents, hidden), *own], params.questions.test, params.questions.seed)
    write_rows(CHUNKS, chunks)
    write_rows(QUESTIONS, questions)
    answered = sum(1 for each in questions if each.document is not None)
    print(f"{len(chunks)} passages; {answered} questions with a known answer, {len(questions) - answered} without one")


if __name__ == "__main__":
    main()
