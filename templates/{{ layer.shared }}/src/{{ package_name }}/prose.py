"""Which words of the documents are the template's, and which are yours. `report.py` and `rubric.py` ask it.

`template_lines.txt` holds a checksum of each line that the template wrote into the documents, so a prompt is known from
words of your own that are in italics, and the template's prose does not count as yours.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

README, MODEL_CARD, DATA_CARD = Path("README.md"), Path("MODEL_CARD.md"), Path("DATA_CARD.md")
DOCUMENTS = (README, MODEL_CARD, DATA_CARD)
TEMPLATE_LINES = Path(__file__).with_name("template_lines.txt")

GENERATED = re.compile(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", re.DOTALL)
CODE = re.compile(r"^(```|~~~).*?^\1\s*$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)>\s]+)[^)]*\)")
# Where writing has no spaces, each character counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|[^\W_]+")
# Answers that say nothing yet, where the template has put them.
PLACEHOLDERS = {
    README: r"/your-username/",
    MODEL_CARD: r"Maintained by .*(?:Your Name|you@example\.com)",
    DATA_CARD: r"Maintained by .*(?:Your Name|you@example\.com)",
    Path("pyproject.toml"): r'name = "Your Name"|email = "you@example\.com"|/your-username/',
    Path("project.yml"): r'^author: "?Your Name"?\s*$|/your-username/',
    Path("LICENSE"): r"^Copyright .*Your Name$",
}


def read_text(path: Path) -> str:
    """Return the text of a file; nothing if there is none, or it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def blank(pattern: re.Pattern[str], text: str) -> str:
    """Take out what matches; lines keep their numbers."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def checksum(line: str) -> str:
    """Return the checksum of a line, as in template_lines.txt; spaces make no difference."""
    return hashlib.sha256(" ".join(line.split()).encode()).hexdigest()[:10]


@cache
def template_lines() -> frozenset[str]:
    """Return the checksums of the lines that the template wrote."""
    return frozenset(read_text(TEMPLATE_LINES).split())


def is_prompt(line: str) -> bool:
    """Whether a line is one in italics that the template wrote."""
    text = line.strip()
    return len(text) > 1 and text[0] == text[-1] == "_" and checksum(text) in template_lines()


def prompts(text: str) -> list[tuple[int, str]]:
    """Return the prompts of the template that nobody has answered yet, with their line numbers."""
    lines = enumerate(blank(GENERATED, text).splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if is_prompt(line)]


def sections(text: str, *, generated: bool = False) -> dict[str, str]:
    """Return the text under each heading of the second level, without code and comments.

    What is between markers is left out, unless `generated` is set. Prompts of the template are no text.
    """
    for pattern in (CODE, COMMENT) if generated else (GENERATED, CODE, COMMENT):
        text = blank(pattern, text)
    text = "\n".join(line for line in text.splitlines() if not is_prompt(line))
    parts = re.split(r"^## +(.+?) *#*$", text, flags=re.MULTILINE)
    return {title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}


def words(text: str) -> int:
    """Count the different words of a text; headings and pictures do not count."""
    lines = [line for line in PICTURE.sub("", text).splitlines() if not line.startswith("#")]
    return len({word.casefold() for line in lines for word in WORD.findall(line)})


def own_words(text: str) -> int:
    """Count the different words of the lines that the template did not write."""
    return words("\n".join(line for line in text.splitlines() if checksum(line) not in template_lines()))


def unanswered() -> list[str]:
    """Return every prompt that is left in the documents, with its place."""
    return [f"{path}:{number}: {line}" for path in DOCUMENTS for number, line in prompts(read_text(path))]


def placeholders() -> list[str]:
    """Return every place where a name or an address of the template stands instead of yours."""
    found = []
    for path, pattern in PLACEHOLDERS.items():
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            if re.search(pattern, line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found
