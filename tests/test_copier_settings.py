"""The contract of `copier.yml` itself: no trust needed, questions in order, public names kept."""

import re

import pytest
from contract import CONFIG, EXPECTED, FREE_TEXT, PREREQUISITES, QUESTIONS, SERVICES, STAGES


@pytest.mark.parametrize("setting", ["_tasks", "_migrations", "_jinja_extensions"])
def test_no_setting_makes_a_copy_ask_for_trust(setting):
    assert setting not in CONFIG


def test_no_published_stage_key_is_lost():
    published = (EXPECTED / "stage_keys.txt").read_text("utf-8").split()
    assert set(published) <= set(STAGES)


def test_every_stage_key_is_written_down_as_published():
    published = (EXPECTED / "stage_keys.txt").read_text("utf-8").split()
    assert list(STAGES) == published


def test_the_file_is_in_the_order_settings_tables_questions_computed():
    def part(name: str, spec: object) -> str:
        if name.startswith("_"):
            return "1 setting"
        if isinstance(spec, dict) and spec.get("when") is False:
            return "4 computed" if "{{" in str(spec["default"]) or "{%" in str(spec["default"]) else "2 table"
        return "3 question"

    parts = [part(name, spec) for name, spec in CONFIG.items()]
    assert parts == sorted(parts)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_help_sentence(name):
    assert re.search(r"[.?)]$", QUESTIONS[name]["help"])


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_but_the_stage_has_a_default(name):
    assert ("default" in QUESTIONS[name]) == (name != "stage")


def test_every_key_is_a_setting_a_question_or_never_asked():
    strays = [
        name
        for name, spec in CONFIG.items()
        if not name.startswith("_") and name not in QUESTIONS and spec.get("when") is not False
    ]
    assert not strays


@pytest.mark.parametrize("name", FREE_TEXT)
def test_every_free_text_question_has_a_validator(name):
    assert QUESTIONS[name]["validator"].strip()


def test_every_conditional_question_is_tested_with_its_condition():
    assert {name for name, spec in QUESTIONS.items() if "when" in spec} == set(PREREQUISITES)


@pytest.mark.parametrize("stage", SERVICES)
def test_every_package_of_a_stage_has_a_version(stage):
    spec = SERVICES[stage]
    assert set(spec["serve"] + spec["train"] + spec["explore"] + spec["stubs"]) <= set(CONFIG["versions"]["default"])


@pytest.mark.parametrize("stage", SERVICES)
def test_no_stage_serves_with_a_training_package(stage):
    spec = SERVICES[stage]
    assert not set(spec["serve"]) & {*spec["train"], *spec["explore"], "mlflow", "dvc"}


@pytest.mark.parametrize("pattern", ["partials", "__pycache__", ".git", ".DS_Store", "*.py[co]"])
def test_what_copier_excludes_by_default_is_excluded(pattern):
    assert pattern in CONFIG["_exclude"]


def test_files_that_belong_to_the_user_are_never_overwritten():
    assert {"uv.lock", "schema.yaml", "docs/demo.png"} <= set(CONFIG["_skip_if_exists"])
