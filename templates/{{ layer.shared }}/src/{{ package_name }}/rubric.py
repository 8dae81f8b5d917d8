"""The rubric of `uv run poe portfolio`: what a project that shows what you can do consists of.

In the spirit of the project criteria of the MLOps Zoomcamp and the LLM Zoomcamp. A criterion is worth two points. Its
function looks for evidence and says what it found, and what would earn the next point.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import evidence
from .config import REPORTS
from .project_file import PROJECT_FILE, Project, Result, read_project
from .prose import (
    DATA_CARD,
    DOCUMENTS,
    MODEL_CARD,
    PICTURE,
    README,
    own_words,
    placeholders,
    prompts,
    read_text,
    sections,
    unanswered,
    words,
)
from .report import filled
from .summary import headline
from .wording import NOT_YET, read

# Different words: a paragraph of four or five lines, one of two or three, and a short sentence.
PARAGRAPH, REMARK, SENTENCE = 40, 20, 5
SOME_TESTS, MANY_TESTS = 10, 30
SOME_COMMITS, MANY_COMMITS, DAYS = 5, 15, 3
RUNS_TO_COMPARE = 3
LICENCE_WORDS = 50
# Mitchell et al. 2019, "Model Cards for Model Reporting".
MODEL_CARD_SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Results",
    "Ethical considerations",
    "Caveats",
)
# Gebru et al. 2021, "Datasheets for Datasets".
DATA_CARD_SECTIONS = ("Motivation", "Composition", "Collection", "Preprocessing", "Uses", "Distribution", "Maintenance")


class Judgement(NamedTuple):
    """Points for a criterion, from 0 to 2, the evidence, and what would earn more."""

    points: int
    found: str
    next_step: str = ""


class Criterion(NamedTuple):
    """What the rubric asks for.

    Attributes:
        name: In a word or two.
        one: What earns one point.
        two: What earns both.
        judge: Looks for the evidence; returns None where the criterion does not apply.
    """

    name: str
    one: str
    two: str
    judge: Callable[[], Judgement | None]


# ------------------------------------------------------------------ what is told


def problem() -> Judgement:
    """Judge the section of the README that says what the project is for."""
    text = sections(read_text(README)).get("Problem", "")
    all_words, own = words(text), own_words(text)
    found = f"{README}, Problem: {all_words} different words, {own} in lines of yours"
    if all_words < PARAGRAPH:
        return Judgement(0, found, "Write under `## Problem` in README.md who has the problem and what it costs.")
    if own < REMARK:
        return Judgement(1, found, "Say in README.md, in words of your own, whose problem it is and why you took it.")
    return Judgement(2, found)


def result() -> Judgement:
    """Judge the figures against the baselines, if the documents show what the pipeline wrote."""
    again = "Run `uv run poe train`, then `uv run poe report`, and commit."
    try:
        results = headline().results
        stale = [str(path) for path, (before, after) in filled().items() if before != after]
    except (OSError, ValueError, KeyError, SystemExit) as error:
        return Judgement(0, f"no results ({type(error).__name__})", again)
    metrics = REPORTS / "metrics.json"
    if not evidence.is_what_the_pipeline_wrote(metrics):
        return Judgement(0, f"{metrics.as_posix()} is not what the pipeline wrote", again)
    if stale or not results:
        return Judgement(0, f"out of date: {', '.join(stale) or 'no results'}", again)
    found = "; ".join(compared(each) for each in results)
    if not all(each.is_better for each in results):
        return Judgement(0, found, "Find out where the model is worse than the baseline, and improve it or say why.")
    if not all(each.is_surely_better for each in results):
        return Judgement(1, found, "The interval holds the baseline's figure: improve the model, or test on more.")
    return Judgement(2, found)


def compared(each: Result) -> str:
    """Write a result beside its baseline."""
    unit = each.unit or ""
    interval = f"{each.value:g}{unit} ({each.low:g} to {each.high:g})"
    return f"{each.name} {interval} against {each.baseline_value:g}{unit} ({each.baseline})"


def card(path: Path, wanted: tuple[str, ...]) -> Judgement:
    """Judge a card: all its sections must say something, and no prompt be left."""
    text = read_text(path)
    there = [title for title, body in sections(text, generated=True).items() if words(body) >= SENTENCE]
    missing = [name for name in wanted if not any(title.startswith(name) for title in there)]
    left, own = prompts(text), own_words("\n".join(sections(text).values()))
    found = f"{path}: {len(wanted) - len(missing)} of {len(wanted)} sections, {len(left)} prompts left, {own} own words"
    if missing:
        return Judgement(0, found, f"Write these sections of {path}: {', '.join(missing)}.")
    if NOT_YET in text:
        return Judgement(0, f"{found}, no facts", "Run `uv run poe train`, then `uv run poe report`.")
    if left:
        return Judgement(1, found, f"Answer the prompt in line {left[0][0]} of {path}, then the others.")
    if own < PARAGRAPH:
        return Judgement(1, found, f"Say in {path} what only you can judge: who uses it, what an error costs.")
    return Judgement(2, found)


def model_card() -> Judgement:
    """Judge the model card."""
    return card(MODEL_CARD, MODEL_CARD_SECTIONS)


def data_card() -> Judgement:
    """Judge the data card."""
    return card(DATA_CARD, DATA_CARD_SECTIONS)


def lessons() -> Judgement:
    """Judge what the README says in the author's own words about lessons and limits."""
    parts = sections(read_text(README))
    own = {title: own_words(parts.get(title, "")) for title in ("What I learned", "Limits")}
    found = f"{README}, words of yours: " + ", ".join(f"{title} {count}" for title, count in own.items())
    short = [title for title, count in own.items() if count < REMARK]
    step = f"Answer in README.md what is asked under `## {short[0]}`." if short else ""
    return Judgement(len(own) - len(short), found, step)


def pictures() -> Judgement:
    """Judge whether a reader sees a result and how the parts work together."""
    text = read_text(README)
    shown = [name for name in PICTURE.findall(text) if evidence.is_picture(Path(name))]
    diagram = "```mermaid" in text
    found = f"{README}: " + (shown[0] if shown else "no picture") + (", a diagram" if diagram else ", no diagram")
    step = "" if shown else "Show a picture of the result or of the demo page (a file of this repository)."
    return Judgement(bool(shown) + diagram, found, step or ("" if diagram else "Draw the parts as a Mermaid diagram."))


# ------------------------------------------------------------------ what can be repeated


def tracking() -> Judgement:
    """Judge whether experiments were recorded and can be compared."""
    try:
        run = read("promotion.json")["champion"]["run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return Judgement(0, "no model in service that names its run", "Run `uv run poe train`.")
    runs = evidence.finished_runs()
    if runs is None:
        return Judgement(1, f"the model in service is of run {run[:8]}; the tracking store is not here", "")
    found = f"{len(runs)} finished runs in MLflow, the model in service is of run {run[:8]}"
    if run not in runs:
        return Judgement(0, f"{found}, which is not there", "Run `uv run poe train`.")
    if len(runs) < RUNS_TO_COMPARE:
        return Judgement(1, found, "Change params.yaml, train again, and compare in `uv run poe mlflow`.")
    return Judgement(2, found)


def pipeline() -> Judgement:
    """Judge whether others get the same result by one command."""
    left = evidence.unlocked_stages()
    if left is None or left:
        found = "dvc.yaml has no stages" if left is None else f"never run: {', '.join(left)}"
        return Judgement(0, found, "Run `uv run poe train`, and commit dvc.lock.")
    if not evidence.committed(evidence.LOCK, Path("uv.lock")):
        return Judgement(1, "dvc.lock or uv.lock is not in git as it is", "Commit dvc.lock, uv.lock and reports/.")
    try:
        changed = evidence.out_of_date()
    except Exception as error:
        return Judgement(1, f"dvc status: {error}", "See what `uv run dvc status` says.")
    if changed:
        found = f"out of date: {', '.join(changed)}"
        return Judgement(1, found, "Run `uv run dvc pull` or `uv run poe train`, and commit dvc.lock.")
    return Judgement(2, "every stage of dvc.yaml is in dvc.lock and up to date; dvc.lock and uv.lock are in git")


def data() -> Judgement:
    """Judge whether others get the same data."""
    versions = evidence.data_versions()
    if not versions:
        return Judgement(0, "no data in dvc.lock", "Run `uv run poe train`: DVC then knows the version of the data.")
    found = f"{len(versions)} data sets and models have versions in dvc.lock"
    try:
        missing = evidence.not_pushed()
    except Exception as error:
        return Judgement(1, f"{found}; the remote does not answer: {error}", "Set the remote in .dvc/config.")
    if missing:
        return Judgement(1, f"{found}, {len(missing)} files are not in the remote", "Run `uv run dvc push`.")
    return Judgement(2, f"{found}, and are in the remote")


def tests() -> Judgement:
    """Judge whether there are tests that can fail."""
    count = len(evidence.asserting_tests())
    found = f"{count} tests that assert something"
    if count < MANY_TESTS:
        return Judgement(int(count >= SOME_TESTS), found, "Test what would hurt if it broke: data, model, service.")
    return Judgement(2, found)


def ci() -> Judgement:
    """Judge whether each push is checked."""
    checks = evidence.ci_checks()
    found = f"on each push: {', '.join(checks) or 'nothing'}"
    missing = [name for name in evidence.CHECKS if name not in checks]
    if missing:
        return Judgement(int("tests" in checks), found, f"Let CI check this as well: {', '.join(missing)}.")
    return Judgement(2, found)


# ------------------------------------------------------------------ what runs


def container() -> Judgement:
    """Judge the image of the service."""
    image = evidence.image()
    if not image.keys() & {"CMD", "ENTRYPOINT"}:
        return Judgement(0, "no Dockerfile that starts something", "Write a Dockerfile that starts the service.")
    lacks = []
    if image.get("USER", "root").split(":")[0] in {"", "root", "0"}:
        lacks.append("a USER other than root")
    if image.get("HEALTHCHECK", "NONE").upper() in {"", "NONE"}:
        lacks.append("a HEALTHCHECK")
    if lacks:
        return Judgement(1, f"Dockerfile without {' and '.join(lacks)}", f"Add {' and '.join(lacks)}.")
    return Judgement(2, f"Dockerfile from {image['FROM'].split()[0]}, user {image['USER']}, with a health check")


def deployment() -> Judgement:
    """Judge whether others can try the service."""
    demo = project().demo
    if not demo or not evidence.is_public(demo):
        step = "Run the image where others reach it, and write its address into project.yml (`demo:`)."
        return Judgement(0, f"{PROJECT_FILE}, demo: {demo or 'no address'}", step)
    if not evidence.answers(demo):
        return Judgement(1, f"{demo}/health does not answer", "Start it again, or name the new address.")
    return Judgement(2, f"{demo} answers")


def monitoring() -> Judgement | None:
    """Judge whether somebody hears of it when the world changes; only where the project monitors."""
    if not Path(__file__).with_name("monitor.py").exists():
        return None
    alerts, weeks = evidence.alerts(), evidence.watched_weeks()
    found = f"{len(alerts)} alert rules in monitoring/, {weeks} weeks judged in reports/replay.json"
    if not alerts:
        return Judgement(0, found, "Write alert rules for what a person must hear of.")
    if not weeks:
        return Judgement(1, found, "Play the replay (README.md), then run `uv run poe report`.")
    return Judgement(2, found)


# ------------------------------------------------------------------ what is yours


def commits() -> Judgement:
    """Judge whether the history shows work of one's own."""
    days = evidence.own_commits()
    found = f"{len(days)} commits after the first one, on {len(set(days))} days"
    if len(days) >= MANY_COMMITS and len(set(days)) >= DAYS:
        return Judgement(2, found)
    return Judgement(
        int(len(days) >= SOME_COMMITS), found, "Change one thing at a time, and commit it with its reason."
    )


def published() -> Judgement:
    """Judge whether others can read the newest state."""
    remote = evidence.git("remote", "get-url", "origin")
    if not remote:
        return Judgement(
            0, "no remote `origin`", "Make a repository on the web, `git remote add origin ADDRESS`, `git push`."
        )
    if not evidence.git("branch", "--remotes", "--contains", "HEAD"):
        return Judgement(1, f"the newest commit is not at {remote}", "Run `git push`.")
    return Judgement(2, f"the newest commit is at {remote}")


def licence() -> Judgement:
    """Judge whether others may use it."""
    text = read_text(Path("LICENSE"))
    if words(text) < LICENCE_WORDS:
        return Judgement(0, "no licence text in LICENSE", "Without a licence nobody may use your code: add one.")
    if "\nlicense = " not in read_text(Path("pyproject.toml")) or "Your Name" in text:
        step = "Put your name into LICENSE, and name the licence in pyproject.toml."
        return Judgement(1, "LICENSE is in the name of the template, or pyproject.toml does not name it", step)
    return Judgement(2, f"LICENSE: {text.strip().splitlines()[0].strip()}")


def ownership() -> Judgement:
    """Judge whether the template's words are gone."""
    names, left, says = placeholders(), unanswered(), project()
    silent = [path for path in DOCUMENTS if not own_words(read_text(path))]
    found = f"{len(names)} places with a name of the template, {len(left)} prompts left, mine: {str(says.mine).lower()}"
    if names or not says.author:
        where = names[0].split(": ")[0] if names else PROJECT_FILE
        return Judgement(0, found, f"Put your name and address in their place, first in {where}.")
    if left:
        return Judgement(1, found, f"Answer what is asked in {left[0].split(': ')[0]}.")
    if silent:
        return Judgement(1, f"{found}, nothing of yours in {silent[0]}", f"Write in {silent[0]} what you think.")
    if not says.mine:
        return Judgement(1, found, "Set `mine: true` in project.yml.")
    return Judgement(2, found)


def project() -> Project:
    """Return what project.yml says; of an empty or broken one nothing."""
    try:
        return read_project()
    except SystemExit:
        return Project(author="", demo=None, mine=False)


RUBRIC = (
    Criterion("Problem", f"a README section of {PARAGRAPH} words", f"{REMARK} of them are yours", problem),
    Criterion("Result", "better than every baseline, report up to date", "with the whole interval", result),
    Criterion("Pictures", "a picture of the result, or a diagram", "both", pictures),
    Criterion("Lessons, limits", f"one of both sections in {REMARK} words of yours", "both", lessons),
    Criterion("Model card", "all sections", "no prompt left, your own judgement", model_card),
    Criterion("Data card", "all sections", "no prompt left, your own judgement", data_card),
    Criterion("Experiments", "the model names its run", f"{RUNS_TO_COMPARE} runs to compare", tracking),
    Criterion("Pipeline", "every stage has run", "up to date, lock files committed", pipeline),
    Criterion("Data versions", "data have versions", "all of them are in the remote", data),
    Criterion("Tests", f"{SOME_TESTS} that can fail", f"{MANY_TESTS}", tests),
    Criterion("CI", "runs the tests", "and style, types, pipeline and image", ci),
    Criterion("Container", "an image that starts", "not as root, with a health check", container),
    Criterion("Deployment", "a public address in project.yml", "it answers", deployment),
    Criterion("Monitoring", "alert rules", "weeks that were judged", monitoring),
    Criterion("Commits", f"{SOME_COMMITS} of your own", f"{MANY_COMMITS}, on {DAYS} days", commits),
    Criterion("Published", "a remote repository", "it has the newest commit", published),
    Criterion("Licence", "a licence", "in your name, and named in pyproject.toml", licence),
    Criterion("Yours", "no name of the template", "no prompt left, and `mine: true`", ownership),
)
