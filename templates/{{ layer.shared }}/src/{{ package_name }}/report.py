"""Write the newest results into README.md, MODEL_CARD.md and LEARN.md: `uv run poe report`.

Only the text between two markers is replaced, for example

    <!-- results:begin --> ... <!-- results:end -->

so everything that you wrote stays. `--check` changes nothing and fails where a file is out of date.
"""

import re
import sys
from pathlib import Path

from .summary import sections

DOCUMENTS = (Path("README.md"), Path("MODEL_CARD.md"), Path("LEARN.md"))


def fill(text: str, contents: dict[str, str]) -> str:
    """Return `text` with what stands between the markers of each section replaced.

    Raises:
        ValueError: If a section begins and does not end.
    """
    for name, content in contents.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != text.count(end):
            raise ValueError(f"'{begin}' and '{end}' must come in pairs")
        block = f"{begin}\n\n{content.strip()}\n\n{end}"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        # Backslashes in the results must not be read as group references.
        text = pattern.sub(block.replace("\\", "\\\\"), text)
    return text


def main() -> None:
    """Fill the documents, or with `--check` only compare them."""
    contents = sections()
    check = "--check" in sys.argv[1:]
    stale = []
    for document in DOCUMENTS:
        if not document.exists():
            continue
        before = document.read_text(encoding="utf-8")
        try:
            after = fill(before, contents)
        except ValueError as error:
            raise SystemExit(f"{document}: {error}") from error
        if after != before:
            stale.append(str(document))
            if not check:
                document.write_text(after, encoding="utf-8", newline="\n")
    if check and stale:
        raise SystemExit(f"{', '.join(stale)}: results are out of date. Run `uv run poe report`.")
    print(f"Written: {', '.join(stale)}" if stale else "The results in the documents are up to date.")


if __name__ == "__main__":
    main()
