"""Write the newest results into README.md, MODEL_CARD.md and the other documents: `uv run poe report`.

Only the text between two markers is replaced, for example

    <!-- results:begin --> ... <!-- results:end -->

so everything that you wrote stays. In project.yml a marker is a comment, `# results:begin`. `--check` changes nothing
and fails where a file is out of date, or where the project is yours and prompts of the template are left.
"""

import re
import sys
from pathlib import Path

from .project_file import PROJECT_FILE, read_project, results_as_yaml
from .prose import DATA_CARD, MODEL_CARD, README, placeholders, unanswered
from .summary import headline, sections
from .talk import slides
from .wording import read

DOCUMENTS = (README, MODEL_CARD, DATA_CARD, Path("LEARN.md"), Path("slides.md"))
# What surrounds a marker's name, and what stands between a marker and the content.
IN_MARKDOWN = ("<!-- {} -->", "\n\n")
IN_YAML = ("# {}", "\n")


def fill(text: str, contents: dict[str, str], style: tuple[str, str] = IN_MARKDOWN) -> str:
    """Return `text` with what stands between the markers of each section replaced.

    Raises:
        ValueError: If a section begins and does not end.
    """
    marker, gap = style
    for name, content in contents.items():
        begin, end = marker.format(f"{name}:begin"), marker.format(f"{name}:end")
        if text.count(begin) != text.count(end):
            raise ValueError(f"'{begin}' and '{end}' must come in pairs")
        block = f"{begin}{gap}{content.strip()}{gap}{end}"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        # Backslashes in the results must not be read as group references.
        text = pattern.sub(block.replace("\\", "\\\\"), text)
    return text


def filled() -> dict[Path, tuple[str, str]]:
    """Return the text of each document that is there, as it is and as it should be.

    Raises:
        SystemExit: If a marker has no end.
    """
    in_markdown, in_yaml = sections() | slides(), project_results()
    texts = {}
    for document in (*DOCUMENTS, PROJECT_FILE):
        if not document.exists():
            continue
        before = document.read_text(encoding="utf-8")
        try:
            after = fill(before, in_yaml, IN_YAML) if document == PROJECT_FILE else fill(before, in_markdown)
        except ValueError as error:
            raise SystemExit(f"{document}: {error}") from error
        texts[document] = before, after
    return texts


def project_results() -> dict[str, str]:
    """Return the section of project.yml; an empty one where the pipeline has not run."""
    try:
        first, champion = headline(), read("promotion.json")["champion"]
    except (OSError, ValueError):
        first, champion = None, None
    return {"results": results_as_yaml(first, champion)}


def refuse_what_the_template_left() -> None:
    """Stop if project.yml says that the project is yours, and prompts or names of the template are still there."""
    left = [*placeholders(), *unanswered()] if PROJECT_FILE.exists() and read_project().mine else []
    if left:
        places = "\n".join(left)
        raise SystemExit(f"{PROJECT_FILE} says `mine: true`, and this was left by the template:\n{places}")


def main() -> None:
    """Fill the documents, or with `--check` only compare them."""
    check = "--check" in sys.argv[1:]
    stale = {document: after for document, (before, after) in filled().items() if after != before}
    names = ", ".join(str(document) for document in stale)
    if check and stale:
        raise SystemExit(f"{names}: results are out of date. Run `uv run poe report`.")
    if check:
        refuse_what_the_template_left()
    for document, text in stale.items():
        document.write_text(text, encoding="utf-8", newline="\n")
    print(f"Written: {names}" if stale else "The results in the documents are up to date.")


if __name__ == "__main__":
    main()
