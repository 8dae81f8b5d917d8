"""Pipeline stage `prepare`: read the texts, divide them into training, validation and test, and cut them into tokens.

Reads the raw texts and params.yaml (`data`, `split`, `tokenizer`, `model.pretrained`); writes data/prepared/ with
{train,validation,test}.{json,npz} and tokenizer.json, and the notes on data quality in reports/. Run by `dvc repro`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from .config import PREPARED, REPORTS
from .copies import position, related_groups, without_copies
from .dataset import PARTS, TOKENIZER, Document, Part, save_part
from .memorisation import Overlap, TrainingTexts
from .params import Params, SplitSection, load_params
from .reading import DataError, read_raw
from .tokenizer import encode_document, end_token, token_bytes, train_tokenizer

PRETRAINED_TOKENIZER = PREPARED.parent / "pretrained" / "tokenizer.json"

Documents = dict[str, list[Document]]


def some_of(documents: Sequence[Document], count: int | None, salt: str) -> list[Document]:
    """Keep at most so many documents, drawn by their hash."""
    if count is None:
        return list(documents)
    drawn = {id(document) for document in sorted(documents, key=lambda each: position(each, salt))[:count]}
    return [document for document in documents if id(document) in drawn]


def divide(documents: Sequence[Document], groups: Sequence[Sequence[int]], params: SplitSection) -> Documents:
    """Divide documents in the order of a hash of their text; a new one moves no more than a few at the borders.

    Args:
        documents: All of them.
        groups: Places of documents that must share a part.
        params: Shares and seed.

    Raises:
        DataError: If a part remains without a document.
    """
    if params.validation + params.test >= 1:
        raise DataError("params.yaml: 'split': validation and test leave no document for training")
    if len(groups) < len(PARTS):
        raise DataError(
            f"nearly all of the {len(documents)} documents share long passages with each other, so that none can be "
            "held back for testing: remove what they have in common, or bring others"
        )
    salt = f"split {params.seed}"
    waiting = sorted((min(position(documents[each], salt) for each in group), list(group)) for group in groups)
    chosen: dict[str, list[int]] = {name: [] for name in PARTS}
    # By rank, not by the hash itself: of 237 documents a tenth of the hashes held 13 in one case and 49 in another.
    for name, share, others in (("test", params.test, 2), ("validation", params.validation, 1)):
        while len(waiting) > others and len(chosen[name]) < max(1, round(share * len(documents))):
            chosen[name] += waiting.pop(0)[1]
    chosen["train"] = [each for _, group in waiting for each in group]
    return {name: [documents[each] for each in sorted(chosen[name])] for name in PARTS}


def tokenizer_for(train: Sequence[Document], params: Params) -> Tokenizer:
    """Train a tokenizer on the training part, or take the one of the pretrained model.

    Raises:
        DataError: If the pretrained model's cannot be used.
    """
    if params.model.pretrained is None:
        return train_tokenizer((document.text for document in train), params.tokenizer.vocabulary)
    if not PRETRAINED_TOKENIZER.exists():
        raise DataError(f"{PRETRAINED_TOKENIZER} is not there: the stage `pretrained` writes it (dvc repro)")
    tokenizer = Tokenizer.from_file(str(PRETRAINED_TOKENIZER))
    try:
        end_token(tokenizer)
        token_bytes(tokenizer)
    except ValueError as error:
        raise DataError(f"params.yaml: 'model.pretrained': {params.model.pretrained}: {error}") from error
    return tokenizer


def longest_shared(train: Sequence[Document], test: Sequence[Document]) -> tuple[Document, Overlap]:
    """Find the longest passage that is in the test part and in the training part, and the test document that has it."""
    known = TrainingTexts(train)
    return max(((each, known.longest_overlap(each.text)) for each in test), key=lambda found: found[1].characters)


def described(part: Part) -> dict[str, Any]:
    """Count what is in a part."""
    characters = sum(len(document.text) for document in part.documents)
    tokens = sum(len(each) - 2 for each in part.tokens)  # without those that begin and end a document
    return {
        "documents": len(part.documents),
        "characters": characters,
        "tokens": tokens,
        "characters_per_token": round(characters / tokens, 3),
    }


def prepare(params: Params) -> tuple[dict[str, Part], Tokenizer, dict[str, Any]]:
    """Read, pick, divide and cut into tokens; returns the parts, the tokenizer, and the notes about the data.

    Raises:
        DataError: If the texts are not what they must be.
    """
    raw = read_raw(Path(params.data.path))
    documents, copies = without_copies(raw.documents)
    documents = some_of(documents, params.data.documents, f"pick {params.split.seed}")
    groups = related_groups(documents)
    texts = divide(documents, groups, params.split)
    tokenizer = tokenizer_for(texts["train"], params)
    parts = {
        name: Part(texts[name], [encode_document(tokenizer, document.text) for document in texts[name]])
        for name in PARTS
    }
    test_document, overlap = longest_shared(texts["train"], texts["test"])
    notes = {
        "documents": len(documents),
        "characters": sum(len(document.text) for document in documents),
        "division": raw.division,
        "split": {name: described(part) for name, part in parts.items()},
        "vocabulary": tokenizer.get_vocab_size(),
        "copies_dropped": copies,
        "related_documents": [[documents[each].title for each in group] for group in groups if len(group) > 1],
        "longest_passage_of_test_in_training": asdict(overlap) | {"test_title": test_document.title},
        "ignored": raw.ignored[:20],
    }
    return parts, tokenizer, notes


def main() -> None:
    """Read, divide and write."""
    try:
        parts, tokenizer, notes = prepare(load_params())
    except DataError as error:
        raise SystemExit(f"error: {error}") from error
    PREPARED.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        save_part(name, part)
    tokenizer.save(str(TOKENIZER))
    REPORTS.mkdir(exist_ok=True)
    text = json.dumps(notes, indent=2, ensure_ascii=False) + "\n"
    (REPORTS / "data_quality.json").write_text(text, encoding="utf-8", newline="\n")
    counts = ", ".join(f"{len(part.documents)} {name}" for name, part in parts.items())
    print(f"{notes['documents']} documents: {counts}; a vocabulary of {notes['vocabulary']} tokens")


if __name__ == "__main__":
    main()
