"""Which pairs of choices the tests have tried, and how far: said at the end of a run, and listed in `build/pairs.csv`.

Fixtures call `tried` with the answers of the projects they make. With pytest-xdist each process has its own record; the
controller puts them together.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from itertools import combinations, product
from pathlib import Path

import pytest
from contract import CHOICES, DEFAULT_STAGE, QUESTIONS, ROOT, SERVICES, is_asked

# From shallow to deep; a pair counts for the deepest.
DEPTHS = ("rendered and checked", "packages resolved", "trained and served", "run in a container")
FILE = ROOT / "build" / "pairs.csv"
DEFAULTS = {name: QUESTIONS[name].get("default", DEFAULT_STAGE) for name in CHOICES}

Choice = tuple[str, str]
Pair = tuple[Choice, Choice]
Attempt = tuple[int, tuple[Choice, ...]]

ALL_PAIRS: list[Pair] = [
    ((first, one), (second, other))
    for first, second in combinations(CHOICES, 2)
    for one, other in product(CHOICES[first], CHOICES[second])
    # A project without a service is not asked most questions.
    if first != "stage" or one in SERVICES or is_asked(second, {"stage": one}) or other == DEFAULTS[second]
]
attempts: set[Attempt] = set()


def tried(depth: str, **answers: str) -> None:
    """Note that a project with these answers, and the defaults for the others, was tried."""
    choices = tuple((name, answers.get(name, default)) for name, default in DEFAULTS.items())
    attempts.add((DEPTHS.index(depth), choices))


def deepest(made: Iterable[Attempt]) -> dict[Pair, int]:
    """Return for each pair that was tried the deepest depth, as an index of `DEPTHS`."""
    found: dict[Pair, int] = {}
    for depth, choices in made:
        for pair in combinations(choices, 2):
            found[pair] = max(depth, found.get(pair, -1))
    return found


def summary(made: Iterable[Attempt]) -> str:
    """Return how many pairs were tried how deep."""
    found = deepest(made)
    counts = Counter(found[pair] for pair in ALL_PAIRS if pair in found)
    parts = [f"{counts[depth]} {name}" for depth, name in enumerate(DEPTHS)]
    return f"{len(ALL_PAIRS)} pairs of choices: {', '.join(parts)}, {len(ALL_PAIRS) - counts.total()} not tried"


def write(made: Iterable[Attempt], path: Path) -> None:
    """List every pair of choices with the deepest depth it was tried at."""
    found = deepest(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["question", "choice", "question", "choice", "tried"])
        for pair in ALL_PAIRS:
            table.writerow([*pair[0], *pair[1], DEPTHS[found[pair]] if pair in found else "not"])


# ---- hooks of pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of pytest-xdist: give the record to the controller."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["pairs"] = [
            [depth, [list(each) for each in choices]] for depth, choices in attempts
        ]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """In the controller: take the record of a process that ends."""
    for depth, choices in getattr(node, "workeroutput", {}).get("pairs", []):
        attempts.add((depth, tuple((name, choice) for name, choice in choices)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it, if any project was made at all."""
    if attempts:
        write(attempts, FILE)
        terminalreporter.line(summary(attempts))
