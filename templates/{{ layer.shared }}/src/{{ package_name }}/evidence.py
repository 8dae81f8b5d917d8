"""What a repository shows about itself: tests, image, CI, history, runs, versions of data. `rubric.py` judges it.

Files are read for what they hold, so that an empty one, or a comment that names a tool, is no evidence.
"""

import ast
import hashlib
import re
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .prose import read_text
from .settings import Settings
from .tracking import data_hash
from .wording import read

LOCK = Path("dvc.lock")
SECONDS_TO_WAIT = 5
# What CI must run, as a command begins: `uv run` and `python -m` before it make no difference.
CHECKS = {
    "tests": r"pytest\b|poe check\b",
    "style": r"ruff check\b|poe check\b",
    "types": r"mypy\b|poe check\b",
    "the pipeline": r"dvc repro\b|poe (?:smoke|train)\b",
    "the image": r"docker (?:buildx |compose )?build\b",
}
BEFORE_A_COMMAND = r"(?:uv run (?:--?\S+ )*)?(?:python -m )?"
HERE = {None, "localhost", "127.0.0.1", "0.0.0.0", "::1"}  # noqa: S104
# The first bytes of PNG, JPEG, GIF and WebP.
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")


# ------------------------------------------------------------------ files


def as_yaml(path: Path) -> dict[Any, Any]:
    """Return what a YAML file holds; nothing if it is none."""
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}


def asserting_tests(folder: Path = Path("tests")) -> list[str]:
    """Return the names of the test functions that assert something which could be false."""
    names: list[str] = []
    for path in sorted(folder.rglob("test_*.py")):
        try:
            tree = ast.parse(read_text(path))
        except (SyntaxError, ValueError):
            continue
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        names += [each.name for each in functions if each.name.startswith("test") and asserts(each)]
    return names


def asserts(function: ast.AST) -> bool:
    """Whether a function asserts more than constants, or expects an error."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) and any(isinstance(each, ast.Name | ast.Call) for each in ast.walk(node.test)):
            return True
        if isinstance(node, ast.With) and any("raises(" in ast.unparse(item.context_expr) for item in node.items):
            return True
    return False


def image() -> dict[str, str]:
    """Return the instructions of the last stage of the Dockerfile, with those of the stages that it is built from."""
    text = "\n".join(line for line in read_text(Path("Dockerfile")).splitlines() if not line.lstrip().startswith("#"))
    stages: dict[str, dict[str, str]] = {}
    stage: dict[str, str] = {}
    for line in re.sub(r"\\\s*\n", " ", text).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword.upper() == "FROM":
            base, _, name = re.sub(r"^--\S+ ", "", rest.strip()).partition(" ")
            stage = dict(stages.get(base, {}))
            stages[re.sub(r"(?i)^as ", "", name.strip())] = stage
        if keyword:
            stage[keyword.upper()] = rest.strip()
    return stage if "FROM" in stage else {}


def ci_commands() -> list[str]:
    """Return the commands that run on each push or pull request, at GitHub or GitLab."""
    commands: list[Any] = []
    for path in sorted(Path(".github/workflows").glob("*.y*ml")):
        workflow = as_yaml(path)
        events = str(workflow.get("on", workflow.get(True, "")))  # YAML reads a bare `on` as true
        if "push" in events or "pull_request" in events:
            jobs = mappings(workflow.get("jobs"))
            commands += [step.get("run") for job in jobs for step in job.get("steps") or [] if isinstance(step, dict)]
    for job in mappings(as_yaml(Path(".gitlab-ci.yml"))):
        script = job.get("script")
        commands += script if isinstance(script, list) else [script]
    return [line.strip() for command in commands if isinstance(command, str) for line in command.splitlines()]


def mappings(content: Any) -> list[dict[Any, Any]]:
    """Return the values of a mapping that are mappings themselves."""
    return [each for each in content.values() if isinstance(each, dict)] if isinstance(content, dict) else []


def ci_checks() -> list[str]:
    """Return which of the checks CI runs."""
    commands = ci_commands()
    return [
        name
        for name, pattern in CHECKS.items()
        if any(re.match(f"{BEFORE_A_COMMAND}(?:{pattern})", command) for command in commands)
    ]


def is_picture(path: Path) -> bool:
    """Whether a file holds a picture."""
    return path.is_file() and path.read_bytes()[:4].startswith(SIGNATURES)


# ------------------------------------------------------------------ history


def git(*arguments: str) -> str:
    """Return what a git command prints; nothing where it fails."""
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def own_commits() -> list[date]:
    """Return the days of the commits that changed something, but for the first one, merges, and those of bots."""
    printed = git("log", "--min-parents=1", "--max-parents=1", "--format=%x1e%as %ae", "--shortstat")
    entries = [entry.strip().splitlines() for entry in printed.split("\x1e")]
    changes = [lines[0].split(" ", 1) for lines in entries if len(lines) > 1]
    return [date.fromisoformat(day) for day, address in changes if "[bot]" not in address]


def committed(*paths: Path) -> bool:
    """Whether the files are in git as they lie here."""
    names = [path.as_posix() for path in paths]
    return len(git("ls-files", "--", *names).splitlines()) == len(names) and not git("status", "--short", "--", *names)


# ------------------------------------------------------------------ pipeline, runs, data


def unlocked_stages() -> list[str] | None:
    """Return the stages of the pipeline that have not run; None if there is no pipeline."""
    stages = as_yaml(Path("dvc.yaml")).get("stages")
    if not stages:
        return None
    locked = as_yaml(LOCK).get("stages") or {}
    return [name for name in stages if name not in locked]


def data_versions() -> list[str]:
    """Return the data and models whose checksums dvc.lock holds."""
    stages = (as_yaml(LOCK).get("stages") or {}).values()
    return [out["path"] for stage in stages for out in stage.get("outs", []) if out.get("md5")]


def is_what_the_pipeline_wrote(path: Path) -> bool:
    """Whether a file has the checksum that dvc.lock notes for it."""
    if not path.is_file():
        return False
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == data_hash(path.as_posix(), LOCK)


def out_of_date() -> list[str]:
    """Return the stages of the pipeline that `dvc status` would run again.

    Raises:
        Exception: Whatever DVC raises where it cannot tell.
    """
    from dvc.repo import Repo  # takes a second

    return list(Repo().status())


def not_pushed() -> list[str]:
    """Return the data that the remote of DVC lacks.

    Raises:
        Exception: Whatever DVC raises where the remote does not answer.
    """
    from dvc.repo import Repo

    return [name for name, state in Repo().status(cloud=True).items() if state in {"new", "missing"}]


def finished_runs() -> set[str] | None:
    """Return the ids of the finished runs in the local tracking store; None where it is a server, or not there."""
    path = Path(Settings().mlflow_tracking_uri.removeprefix("sqlite:///"))
    if not path.is_file():
        return None
    question = "SELECT run_uuid FROM runs WHERE status = 'FINISHED' AND lifecycle_stage = 'active'"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return {str(run) for (run,) in database.execute(question)}
    except sqlite3.Error:
        return None


def alerts(folder: Path = Path("monitoring")) -> list[str]:
    """Return the names of the alert rules for Prometheus."""
    groups = [group for path in sorted(folder.glob("*.y*ml")) for group in as_yaml(path).get("groups") or []]
    return [rule["alert"] for group in groups for rule in group.get("rules") or [] if rule.get("alert")]


def watched_weeks() -> int:
    """Count the weeks that monitoring has judged in a replay."""
    try:
        weeks = read("replay.json")["weeks"]
    except (OSError, ValueError, KeyError):
        return 0
    return sum("status" in week for week in weeks)


# ------------------------------------------------------------------ addresses


def is_public(address: str) -> bool:
    """Whether an address is one on the web, and not on this computer."""
    parts = urlsplit(address)
    return parts.scheme in {"http", "https"} and parts.hostname not in HERE


def answers(address: str) -> bool:
    """Whether the service at an address says that it is up."""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=SECONDS_TO_WAIT) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False
