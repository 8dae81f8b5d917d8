"""`uv run poe portfolio` in a real project: evidence earns points, what is emptied loses them, prompts earn none."""

import re
from pathlib import Path

import pytest

from .project import Project

pytestmark = pytest.mark.slow

ENTRY = re.compile(r"^([012])/2  (.+?)  ", re.MULTILINE)
# What is emptied, and the criterion that it earned points for.
EVIDENCE = {
    "README.md": "Problem",
    "MODEL_CARD.md": "Model card",
    "DATA_CARD.md": "Data card",
    "Dockerfile": "Container",
    ".github/workflows/ci.yml": "CI",
    "LICENSE": "Licence",
    "dvc.lock": "Pipeline",
}


def scores(project: Project) -> tuple[dict[str, int], str]:
    """Points by criterion, and what was printed."""
    printed = project.run("python", "-m", f"{project.package}.portfolio").stdout
    return {name.strip(): int(points) for points, name in ENTRY.findall(printed)}, printed


def test_a_new_project_scores_what_the_template_brings_and_no_more(fresh: Project) -> None:
    found, printed = scores(fresh)
    nothing_yet = {"Result", "Lessons, limits", "Model card", "Data card", "Experiments", "Pipeline", "Data versions"}
    nothing_yet |= {"Deployment", "Commits", "Published", "Yours"}
    assert {name for name, points in found.items() if not points} == nothing_yet, printed
    assert f"{sum(found.values())}/{2 * len(found)} points. Next best step: Result: " in printed
    assert "README.md:5: [![CI](https://github.com/your-username/" in printed
    assert re.search(r"^README\.md:\d+: _Why did you take this problem", printed, re.MULTILINE)


def test_what_is_emptied_loses_the_points_that_the_first_run_earned(fresh: Project, owned: Project) -> None:
    before, _ = scores(fresh)
    trained, printed = scores(owned)
    for name in ("Result", "Model card", "Data card", "Experiments", "Pipeline", "Data versions"):
        assert trained[name] >= 1, printed
    assert sum(trained.values()) > sum(before.values())
    for name in EVIDENCE:
        (owned.path / name).write_text("", encoding="utf-8")
    for path in (owned.path / "tests").rglob("test_*.py"):
        path.write_text("", encoding="utf-8")
    emptied, printed = scores(owned)
    assert {name: emptied[name] for name in [*EVIDENCE.values(), "Tests", "Result", "Yours"]} == dict.fromkeys(
        [*EVIDENCE.values(), "Tests", "Result", "Yours"], 0
    ), printed


def test_the_check_refuses_prompts_once_the_project_is_ones_own(owned: Project) -> None:
    claim(owned)
    refused = owned.run("python", "-m", f"{owned.package}.report", "--check", check=False)
    assert refused.returncode == 1
    assert re.search(r"^DATA_CARD\.md:\d+: _", refused.stderr, re.MULTILINE), refused.stderr
    for name in ("README.md", "MODEL_CARD.md", "DATA_CARD.md"):
        path = owned.path / name
        path.write_text(written(path, refused.stderr), encoding="utf-8")
    accepted = owned.run("python", "-m", f"{owned.package}.report", "--check", check=False)
    assert accepted.returncode == 0, accepted.stderr


def claim(project: Project) -> None:
    """Say in project.yml that the project is one's own, and put one's name everywhere."""
    for name in ("project.yml", "pyproject.toml", "LICENSE", "README.md", "MODEL_CARD.md", "DATA_CARD.md"):
        path = project.path / name
        text = path.read_text(encoding="utf-8").replace("mine: false", "mine: true").replace("your-username", "ada")
        text = text.replace("Your Name", "Ada Lovelace").replace("you@example.com", "ada@example.org")
        path.write_text(text, encoding="utf-8")


def written(document: Path, complaints: str) -> str:
    """The document with an answer, in italics as well, in the place of every prompt that was complained about."""
    lines = document.read_text(encoding="utf-8").splitlines(keepends=True)
    for number in re.findall(rf"^{re.escape(document.name)}:(\d+): _", complaints, re.MULTILINE):
        lines[int(number) - 1] = "_I have thought about it._\n"
    return "".join(lines)
