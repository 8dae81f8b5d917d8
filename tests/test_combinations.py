"""Every two choices together, rendered: what is written is valid, formatted and complete."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from contract import CONFIG, LONGEST_PACKAGE_NAME, PAIRWISE, QUESTIONS, SERVICES, STAGES, is_asked, label
from repository import project_files

SHELL = {"fastapi", "httptools", "prometheus-client", "pydantic", "pydantic-settings", "uvicorn", "uvloop"}
SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.gitlab-ci": ".gitlab-ci.yml",
    "vendor.compose-spec": "compose*.yaml",
}
# Names that stand for an answer or a table; a plain file that holds one in braces lacks the `.jinja` suffix.
VARIABLES = "|".join([name for name in CONFIG if not name.startswith("_")] + ["_copier_\\w+"])


@pytest.fixture(scope="module", params=PAIRWISE, ids=label)
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    return request.param


@pytest.fixture(scope="module")
def project(answers, render) -> Path:
    return render(**answers, package_name=LONGEST_PACKAGE_NAME)


@pytest.fixture
def service_spec(answers) -> dict[str, Any]:
    """The stage table's row of a stage with a service; tests of it are skipped for any other."""
    if answers["stage"] not in SERVICES:
        pytest.skip("a stage without a service")
    return SERVICES[answers["stage"]]


def texts(project: Path) -> dict[str, str]:
    contents = {name: (project / name).read_bytes() for name in project_files(project)}
    return {name: content.decode("utf-8") for name, content in contents.items() if b"\0" not in content}


def requirements(lines: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;~! ]", line)[0] for line in lines if isinstance(line, str)}


def test_names_are_short_and_allowed_on_windows(project):
    names = project_files(project)
    assert not [name for name in names if len(name) > 120 or re.search(r'[<>:"|?*\\\x00-\x1f]', name)]


def test_no_name_is_left_over_from_a_condition(project):
    names = [part for name in project_files(project) for part in name.split("/")]
    assert not [
        name for name in names if name in {"None", "False", "True", ".jinja"} or "{" in name or not name.strip()
    ]


def test_no_name_is_a_directory_without_a_file(project):
    assert not [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_texts_have_lf_and_no_spaces_at_line_ends(project):
    bad = [name for name, text in texts(project).items() if "\r" in text or re.search(r"[ \t]$", text, re.MULTILINE)]
    assert not bad


def test_texts_end_with_exactly_one_line_break(project):
    bad = [name for name, text in texts(project).items() if text and (text[-1:] != "\n" or text[-2:] == "\n\n")]
    assert not bad


def test_no_template_markup_is_left_over(project):
    """GitHub's own `${{ }}` and Python's escaped braces are not ours, unless an answer is named in them."""
    ours = re.compile(rf"(?<!\$){{{{-?\s*(?:{VARIABLES})\b|{{%-?\s*\w+.*?%}}|{{#-|-#}}")
    bad = [f"{name}: {match[0]}" for name, text in texts(project).items() for match in ours.finditer(text)]
    assert not bad


def test_structured_files_can_be_parsed(project):
    for name, text in texts(project).items():
        if name.endswith((".yaml", ".yml")):
            list(yaml.safe_load_all(text))
        elif name.endswith(".toml"):
            tomllib.loads(text)
        elif name.endswith(".json"):
            json.loads(text)


def test_python_is_formatted(project):
    assert ruff(project, "format", "--check", "--diff") == ""


def test_python_has_no_lint_errors(project):
    assert ruff(project, "check", "--output-format=concise", "--quiet") == ""


@pytest.mark.parametrize("name", ["a", "zz_top"])
@pytest.mark.parametrize("stage", STAGES)
def test_python_is_clean_whatever_the_package_is_called(stage, name, render):
    """A shorter or longer name must not move a line break or the order of imports."""
    project = render(stage=stage, package_name=name)
    assert (
        ruff(project, "format", "--check", "--diff") + ruff(project, "check", "--output-format=concise", "--quiet")
        == ""
    )


def ruff(project: Path, *arguments: str) -> str:
    return printed(project, "ruff", *arguments, "--no-cache", ".")


@pytest.mark.usefixtures("service_spec")
def test_the_dockerfile_has_no_lint_errors(project):
    """No finding of any level. Packages of Debian have no version: the image is built anew to get their fixes."""
    assert printed(project, "hadolint", "--failure-threshold", "style", "--ignore", "DL3008", "Dockerfile") == ""


def test_workflows_pipelines_and_compose_files_fit_their_schemas(project):
    """The schemas that editors use, as they come with check-jsonschema."""
    for schema, pattern in SCHEMAS.items():
        files = [str(path.relative_to(project)) for path in sorted(project.glob(pattern))]
        if files:
            assert printed(project, "check-jsonschema", "--builtin-schema", schema, *files) == ""


def test_links_between_documents_lead_somewhere(project):
    """Pictures in reports/ come with the first run."""
    for name in project_files(project):
        if name.endswith(".md"):
            text = re.sub(r"```.*?```", "", (project / name).read_text("utf-8"), flags=re.DOTALL)
            links = {link for link in re.findall(r"\]\(([^)\s#]+)", text) if "://" not in link and ":" not in link}
            assert not [link for link in links if not link.startswith("reports/") and not (project / link).exists()]


def printed(project: Path, program: str, *arguments: str) -> str:
    """What a program finds fault with; nothing if it ends well."""
    path = Path(sys.executable).parent / program
    done = subprocess.run(
        [path, *arguments], cwd=project, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.usefixtures("service_spec")
def test_the_dockerfile_asks_no_hub_for_its_syntax(project):
    assert "syntax=" not in (project / "Dockerfile").read_text("utf-8").replace(" ", "")


def test_the_service_depends_only_on_what_serves(project, service_spec):
    pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert requirements(pyproject["project"]["dependencies"]) == SHELL | set(service_spec["serve"])


def test_every_requirement_has_a_lower_bound(project):
    pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    groups = [pyproject["project"]["dependencies"], *pyproject["dependency-groups"].values()]
    assert not [line for group in groups for line in group if isinstance(line, str) and ">=" not in line]


def test_the_answers_file_records_every_answer(project, answers):
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))
    asked = {name for name in QUESTIONS if is_asked(name, answers)}
    assert {name: answer for name, answer in answers.items() if name in asked}.items() <= recorded.items()
    assert set(recorded) - {"_commit", "_src_path"} == asked


def test_the_workflows_have_jobs_with_steps(project, answers):
    if answers["ci"] != "github":
        assert not (project / ".github").exists()
        return
    workflows = [yaml.safe_load(path.read_text("utf-8")) for path in (project / ".github" / "workflows").iterdir()]
    assert workflows
    for job in [job for workflow in workflows for job in workflow["jobs"].values()]:
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])


def test_the_gitlab_pipeline_has_jobs_with_scripts(project, answers):
    path = project / ".gitlab-ci.yml"
    if answers["ci"] != "gitlab":
        assert not path.exists()
        return
    words = {"default", "stages", "variables", "workflow", "include", "image", "cache"}
    jobs = {name: job for name, job in yaml.safe_load(path.read_text("utf-8")).items() if name not in words}
    visible = {name: job for name, job in jobs.items() if not name.startswith(".")}
    assert visible
    assert all("script" in job or "extends" in job for job in visible.values())


def test_no_project_pins_a_registry_address(project):
    found = [name for name, text in texts(project).items() if re.search(r"pypi\.org/simple|pythonhosted", text)]
    assert not found
