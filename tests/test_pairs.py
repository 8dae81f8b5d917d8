"""The matrix of choices holds every pair, and the report about it counts right."""

import csv

from contract import CHOICES, DEFAULT_STAGE, PAIRWISE, STAGES
from pairs import ALL_PAIRS, DEFAULTS, DEPTHS, attempts, deepest, summary, tried, write


def attempt(depth: int, **answers: str):
    return depth, tuple((name, answers.get(name, default)) for name, default in DEFAULTS.items())


def test_the_matrix_holds_every_pair():
    assert set(deepest(attempt(0, **answers) for answers in PAIRWISE)) >= set(ALL_PAIRS)


def test_a_pair_counts_for_its_deepest_attempt():
    other = list(STAGES)[1]
    found = deepest([attempt(2), attempt(0), attempt(1, stage=other)])
    assert found[("stage", DEFAULT_STAGE), ("ci", DEFAULTS["ci"])] == 2
    assert found[("stage", other), ("ci", DEFAULTS["ci"])] == 1


def test_the_summary_names_what_was_not_tried():
    pairs_of_one_project = len(CHOICES) * (len(CHOICES) - 1) // 2
    said = summary([attempt(2)])
    assert said.startswith(f"{len(ALL_PAIRS)} pairs of choices: 0 {DEPTHS[0]}")
    assert f"{pairs_of_one_project} {DEPTHS[2]}" in said
    assert said.endswith(f"{len(ALL_PAIRS) - pairs_of_one_project} not tried")


def test_the_list_has_a_line_for_each_pair(tmp_path):
    write([attempt(3)], tmp_path / "build" / "pairs.csv")
    with (tmp_path / "build" / "pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert len(rows) == len(ALL_PAIRS)
    assert {row[4] for row in rows} == {DEPTHS[3], "not"}


def test_a_project_that_is_rendered_is_noted(render):
    render(stage=DEFAULT_STAGE)
    before = set(attempts)
    tried(DEPTHS[0])
    assert set(attempts) == before
