"""The exact files of every project, as listed in `tests/expected/`.

`<stage>.txt` has the files of a stage with the plainest answers; `optional.txt` what each other choice adds, where its
question is asked, and what it adds in one stage only.
Rewrite the lists after adding or removing a template file, then read the difference before committing it:

    uv run pytest tests/test_file_lists.py --rewrite-expected && git diff tests/expected
"""

from collections.abc import Callable

import pytest
from contract import CHOICES, EXPECTED, LONGEST_PACKAGE_NAME, PAIRWISE, QUESTIONS, STAGES, combinations, is_asked, label
from repository import project_files

# No licence, no CI; where there is no such choice, the default.
PLAINEST = {
    question: "none" if "none" in choices else QUESTIONS[question]["default"]
    for question, choices in CHOICES.items()
    if question != "stage"
}
OPTIONAL = EXPECTED / "optional.txt"


@pytest.fixture(scope="module")
def files_of(render) -> Callable[..., set[str]]:
    def listed(**answers: str) -> set[str]:
        project = render(**PLAINEST | answers | {"package_name": LONGEST_PACKAGE_NAME})
        return {name.replace(LONGEST_PACKAGE_NAME, "my_package") for name in project_files(project)}

    return listed


@pytest.fixture(scope="module", autouse=True)
def rewrite(request: pytest.FixtureRequest, files_of) -> None:
    if not request.config.getoption("--rewrite-expected"):
        return
    for stage in STAGES:
        (EXPECTED / f"{stage}.txt").write_text("\n".join(sorted(files_of(stage=stage))) + "\n", "utf-8", newline="\n")
    lines = []
    for question in PLAINEST:
        stages = [stage for stage in STAGES if is_asked(question, {"stage": stage})]
        for choice in CHOICES[question]:
            added = {stage: files_of(stage=stage, **{question: choice}) - files_of(stage=stage) for stage in stages}
            everywhere = set.intersection(*added.values())
            lines += [f"{question}={choice} {path}\n" for path in sorted(everywhere)]
            lines += [
                f"{question}={choice}&stage={stage} {path}\n"
                for stage, paths in added.items()
                for path in sorted(paths - everywhere)
            ]
    OPTIONAL.write_text("".join(lines), "utf-8", newline="\n")


def expected(answers: dict[str, str]) -> set[str]:
    optional = [line.split(maxsplit=1) for line in OPTIONAL.read_text("utf-8").splitlines()]
    given = {f"{name}={value}" for name, value in answers.items() if name == "stage" or is_asked(name, answers)}
    added = {path for conditions, path in optional if given.issuperset(conditions.split("&"))}
    return set((EXPECTED / f"{answers['stage']}.txt").read_text("utf-8").splitlines()) | added


@pytest.mark.parametrize("answers", combinations("stage", "ci"), ids=label)
def test_a_project_has_exactly_the_files_that_are_listed(answers, files_of):
    assert sorted(files_of(**answers)) == sorted(expected(answers))


@pytest.mark.parametrize("answers", PAIRWISE, ids=label)
def test_other_answers_add_exactly_the_files_that_are_listed(answers, files_of):
    assert sorted(files_of(**answers)) == sorted(expected(answers))


def test_every_list_belongs_to_a_stage():
    others = {"optional.txt", "stage_keys.txt"}
    assert {path.name for path in EXPECTED.iterdir()} - others == {f"{stage}.txt" for stage in STAGES}
