"""What `copier.yml` promises, as Python values: stages, questions, choices, layers. Every test reads them from here.

Nothing is listed twice: a stage or a choice that is added to `copier.yml` is tested without a change to the tests.
"""

from itertools import product
from pathlib import Path
from typing import Any

import jinja2
import yaml
from allpairspy import AllPairs

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
EXPECTED = ROOT / "tests" / "expected"

CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
STAGES: dict[str, Any] = CONFIG["stages"]["default"]
# Stages whose project trains a model and serves it. The others have no layer `shared`, and fewer questions.
SERVICES: dict[str, Any] = {key: spec for key, spec in STAGES.items() if "service_verb" in spec}
QUESTIONS: dict[str, Any] = {name: spec for name, spec in CONFIG.items() if isinstance(spec, dict) and "help" in spec}
CHOICES: dict[str, list[str]] = {
    name: list(STAGES) if name == "stage" else list(spec["choices"].values())
    for name, spec in QUESTIONS.items()
    if "choices" in spec
}
FREE_TEXT = [name for name in QUESTIONS if name not in CHOICES and name != "package_name"]
# Long enough to break paths that are too long; lists of files show it as `my_package`.
LONGEST_PACKAGE_NAME = "a" * 40
DEFAULT_STAGE = next(iter(STAGES))
# One stage of each kind: with a service, and without.
KINDS = [DEFAULT_STAGE, *(stage for stage in STAGES if stage not in SERVICES)]
# Answers without which a question is not asked.
PREREQUISITES = {
    "data_remote": {"stage": DEFAULT_STAGE},
    "data_remote_url": {"stage": DEFAULT_STAGE, "data_remote": "s3"},
    "mlflow_backend": {"stage": DEFAULT_STAGE},
    "mlflow_uri": {"stage": DEFAULT_STAGE, "mlflow_backend": "server"},
    "torch_build": {"stage": "image_classifier"},
    "approach": {"stage": "text_generation"},
}


def combinations(*questions: str) -> list[dict[str, str]]:
    """Every combination of the choices of these questions."""
    return [dict(zip(questions, row, strict=True)) for row in product(*(CHOICES[name] for name in questions))]


def active_layers(answers: dict[str, str]) -> list[str]:
    """The layers that `copier.yml` switches on for these answers."""
    text = jinja2.Template(CONFIG["layer"]["default"]).render(stages=STAGES, **answers)
    return list(yaml.safe_load(text))


ALL_LAYERS = {layer for answers in combinations(*CHOICES) for layer in active_layers(answers)}


def label(answers: dict[str, str]) -> str:
    """A test's name for a combination of answers."""
    return "-".join(answers.values())


VALIDATORS = jinja2.Environment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])  # noqa: S701
VALIDATORS.globals |= {
    "stages": STAGES,
    "reserved_names": yaml.safe_load(CONFIG["reserved_names"]["default"]),
    "unprintable": CONFIG["unprintable"]["default"],
}


def is_asked(question: str, answers: dict[str, str]) -> bool:
    """Whether Copier asks a question after these answers: what its `when` says."""
    condition = QUESTIONS[question].get("when", "true")
    return VALIDATORS.from_string(condition).render(answers).strip().lower() == "true"


def covering(stage: str) -> list[dict[str, str]]:
    """The fewest answers for a stage in which every choice of a question that is asked occurs; the others' defaults."""
    choices = {
        name: choices if is_asked(name, {"stage": stage}) else [QUESTIONS[name]["default"]]
        for name, choices in CHOICES.items()
        if name != "stage"
    }
    rows = range(max(map(len, choices.values())))
    return [{"stage": stage} | {name: of[row % len(of)] for name, of in choices.items()} for row in rows]


# Every two choices of two different questions occur together in one of these, for the stages with a service. The
# others have few questions, and share the answers to them.
PAIRWISE: list[dict[str, str]] = [
    dict(zip(CHOICES, row, strict=True)) for row in AllPairs(list((CHOICES | {"stage": list(SERVICES)}).values()))
] + [answers for stage in STAGES if stage not in SERVICES for answers in covering(stage)]


def refusal(question: str, answer: str, **others: str) -> str:
    """What the question's validator says to an answer; empty if it is accepted.

    The same Jinja environment as Copier's, thousands of times faster than a copy.
    """
    validator = VALIDATORS.from_string(QUESTIONS[question]["validator"])
    return validator.render(PREREQUISITES.get(question, {}) | others | {question: answer}).strip()
