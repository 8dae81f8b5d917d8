"""Score this repository as an employer might: `uv run poe portfolio`.

The rubric is in `rubric.py`. Nothing is changed, and a low score is no error: the table says what would earn more.
"""

import sys
import textwrap

from .project_file import PROJECT_FILE
from .prose import placeholders, unanswered
from .rubric import RUBRIC, Criterion, Judgement

WIDTH = 110
MARGIN = 26


def judged() -> list[tuple[Criterion, Judgement]]:
    """Return the judgement of each criterion that applies."""
    judgements = [(criterion, criterion.judge()) for criterion in RUBRIC]
    return [(criterion, judgement) for criterion, judgement in judgements if judgement is not None]


def entry(criterion: Criterion, judgement: Judgement) -> str:
    """Return the lines of a criterion: points, evidence, what is asked for, what to do next."""
    lines = [judgement.found, f"1: {criterion.one}; 2: {criterion.two}"]
    if judgement.next_step:
        lines.append(f"next: {judgement.next_step}")
    head = f"{judgement.points}/2  {criterion.name}".ljust(MARGIN)
    text = [indented(line) for line in lines]
    return head + "\n".join(text).lstrip()


def indented(text: str) -> str:
    """Wrap a text into the right-hand column."""
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=" " * MARGIN, subsequent_indent=" " * MARGIN)


def best_step(judgements: list[tuple[Criterion, Judgement]]) -> str:
    """Return what to do next: of the criteria with the fewest points the first in the rubric."""
    open_ones = [(judgement.points, place) for place, (_, judgement) in enumerate(judgements) if judgement.next_step]
    if not open_ones:
        return "Nothing is left to gain here. Show it to somebody."
    criterion, judgement = judgements[min(open_ones)[1]]
    return f"{criterion.name}: {judgement.next_step}"


def main() -> None:
    """Print the table."""
    judgements = judged()
    total, most = sum(judgement.points for _, judgement in judgements), 2 * len(judgements)
    parts = [entry(criterion, judgement) for criterion, judgement in judgements]
    parts.append(f"{total}/{most} points. Next best step: {best_step(judgements)}")
    left = placeholders() + unanswered()
    if left:
        rest = [f"Left by the template ({PROJECT_FILE}: `mine: true` makes `uv run poe check` refuse it):", *left]
        parts.append("\n".join(rest))
    encoding = sys.stdout.encoding or "utf-8"  # a terminal may lack a letter of a document
    print("\n\n".join(parts).encode(encoding, "replace").decode(encoding))


if __name__ == "__main__":
    main()
