"""Pipeline stage `load`: read the files and keep their texts.

Reads params.yaml (`data`) and the folder `data.path`; writes data/prepared/documents.jsonl and
reports/data_quality.json. Run by `dvc repro`.
"""

import hashlib
import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .config import REPORTS
from .documents import DOCUMENTS, Document, write_rows
from .model_folder import write_atomically
from .params import DataSection, load_params
from .reading import ReadingError, format_of, read_document

# A larger file is surely no document: it would hold up everything else.
LARGEST_BYTES = 100_000_000


def is_included(name: str, patterns: list[str]) -> bool:
    """Tell whether a name fits one of the patterns; `**/` also stands for no folder at all."""
    return any(fnmatch(name, each) or fnmatch(name, each.replace("**/", "")) for each in patterns)


def read_folder(params: DataSection) -> tuple[list[Document], dict[str, Any]]:
    """Read all documents of a folder.

    Returns:
        The documents by name, and what is to be known about their quality: how many there are of each format, which
        files were left out and why.

    Raises:
        ValueError: If there is none that can be read.
    """
    folder = Path(params.path)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    documents: list[Document] = []
    formats: dict[str, int] = {}
    left_out: dict[str, str] = {}
    seen: dict[str, str] = {}
    for path in tqdm(paths, desc="read", unit="file", disable=None):
        name = path.relative_to(folder).as_posix()
        if not is_included(name, params.include):
            continue
        try:
            if path.stat().st_size > LARGEST_BYTES:
                raise ReadingError(f"it is larger than {LARGEST_BYTES:,} bytes")
            document = read_document(name, path.read_bytes())
        except ReadingError as error:
            left_out[name] = str(error)
            continue
        checksum = hashlib.sha256(document.text.encode()).hexdigest()
        if checksum in seen:
            left_out[name] = f"its text is that of {seen[checksum]}"
            continue
        seen[checksum] = name
        kind = format_of(name)
        formats[kind.name if kind else ""] = formats.get(kind.name if kind else "", 0) + 1
        documents.append(document)
    if not documents:
        reasons = "".join(f"\n  - {name}: {why}" for name, why in list(left_out.items())[:5])
        raise ValueError(f"{folder} holds no document that can be read and fits data.include{reasons}")
    quality = {
        "documents": len(documents),
        "sections": sum(len(each.sections) for each in documents),
        "words": sum(len(each.text.split()) for each in documents),
        "formats": formats,
        "left_out": left_out,
    }
    return documents, quality


def main() -> None:
    """Read, and say what was left out."""
    try:
        documents, quality = read_folder(load_params().data)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
    write_rows(DOCUMENTS, documents)
    REPORTS.mkdir(exist_ok=True)
    write_atomically(REPORTS / "data_quality.json", json.dumps(quality, indent=2, ensure_ascii=False) + "\n")
    print(f"{quality['documents']} documents, {quality['words']:,} words")
    for name, why in quality["left_out"].items():
        print(f"left out: {name}: {why}")


if __name__ == "__main__":
    main()
