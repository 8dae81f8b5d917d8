r"""What people type: every free-text answer is refused with a sentence, or lands in every file exactly as typed.

Each hostile text is given to every free-text question that accepts it, all in one project.
"""

import ast
import configparser
import email.parser
import email.policy
import email.utils
import html
import json
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from contract import CHOICES, DEFAULT_STAGE, FREE_TEXT, KINDS, PREREQUISITES, SERVICES, is_asked, refusal
from copier import run_copy, run_update
from markdown_it import MarkdownIt
from repository import commit, project_files

HOSTILE = {
    "quotes": """O'Brien "Bob" `x` ''' \"\"\"""",
    "one double quote": '"',
    "one single quote": "'",
    "colon": "a: b: c",
    "comment": "# a # b",
    "backslashes": r"C:\new\table \1 \u0041 \N{DASH} \\",
    "emoji": "🚀 👩‍🔬 🇬🇷",
    "combining marks": "e\u0301 \u00e9 a\u200db",
    "greek": "Πρόβλεψη τιμών",
    "arabic": "توقع أسعار المنازل",
    "chinese": "房价预测，机器学习",
    "limit of a name": "ä" * 80,
    "limit of a description": "x" * 200,
    "over every limit": "x" * 201,
    "spaces": "a   b" + "\u00a0\u3000" + "c",
    "spaces around": "  a  ",
    "jinja expression": "{{ 7*7 }} {{ project_name }} {{ undefined.x }}",
    "jinja statement": "{% raw %} {% include 'copier.yml' %} {%- endif -%}",
    "jinja comment": "{# x #} {#",
    "html": "<script>alert(1)</script> &amp; <b>&#65; <!-- c --> a<b>c",
    "markdown": r"*a* _b_ **c** [d](e) ![f](g) ~~h~~ `i` | j | \* # k ##",
    "markdown list": "1. a - b + c > d",
    "address": "https://example.com/?a=b&c=d#e <x@example.com> www.example.com",
    "yaml mapping in a list": "- a: b",
    "yaml flow": "{a: b, c: [d]}",
    "yaml alias": "*x",
    "yaml anchor": "&x",
    "yaml tag": "!!python/object/apply:os.system ['id']",
    "yaml true": "yes",
    "yaml null": "null",
    "yaml tilde": "~",
    "yaml number": "1e3",
    "yaml octal": "0o17",
    "yaml date": "2024-01-01",
    "yaml document": "--- a",
    "yaml block": "| a",
    "yaml directive": "%TAG ! x",
    "toml table": "[project] a = [1]",
    "shell": "$HOME ${PATH} $(id) %PATH% ; rm -rf x && y",
    "environment file": "A=b export",
    "not a character": "a\ufffeb",
    "nothing": "",
    "only spaces": "   ",
    "line break": "a\nb",
    "line break at the end": "a\n",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "nul": "a\0b",
    "escape": "a\x1b[31mb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "right-to-left override": "a\u202eb",
    "bidirectional isolate": "a\u2066b",
    "byte order mark": "\ufeffa",
    "surrogate": "a\ud800b",
}
# Plain except for what is special about such an answer.
FITTING = {
    "author_email": ["o.brien+ml_%x-1@mail.example-1.co.uk", "a" * 60 + "@example.com"],
    "github_user": ["a", "My-Name.2_", "0" * 39],
    "data_remote_url": ["s3://my-bucket/a/b_c.d-e", "s3://0a"],
    "mlflow_uri": ["https://ml.example.com:5000/a_b-c/", "http://10.0.0.1"],
}
UNFITTING = {
    "author_email": [
        "a@b",
        "a",
        "@b.de",
        "a@.de",
        "a b@c.de",
        "a@b.de\n",
        '"a"@b.de',
        "ä@b.de",
        "a@b..de",
        "x" * 120 + "@b.de",
    ],
    "github_user": ["", "@a", "a b", "a/b", "a" * 40, "-a", "ä", "a\n", "a#b", 'a"b'],
    "data_remote_url": [
        "",
        "my-bucket",
        "gs://b/c",
        "s3://",
        "s3://b c",
        "s3://b\n",
        "s3://b'c",
        "s3://b${c}",
        "S3://b",
    ],
    "mlflow_uri": [
        "",
        "localhost",
        "ftp://a",
        "http://",
        "http://u:p@a",
        "http://a b",
        "http://a\n",
        'http://a"',
        "http://a%",
    ],
}
NEVER = [
    "line break",
    "line break at the end",
    "carriage return",
    "tab",
    "nul",
    "escape",
    "next line",
    "line separator",
]
NEVER += ["right-to-left override", "bidirectional isolate", "byte order mark", "surrogate", "over every limit"]
ONE_LINERS = ["project_name", "description", "author_name"]


def accepted_by(text: str, stage: str = DEFAULT_STAGE) -> dict[str, str]:
    """Answers that put the text wherever a project of this stage accepts it."""
    asked = [name for name in FREE_TEXT if is_asked(name, PREREQUISITES.get(name, {}) | {"stage": stage})]
    conditions = {name: answer for question in asked for name, answer in PREREQUISITES.get(question, {}).items()}
    places = {question: text for question in asked if not refusal(question, text)}
    return conditions | {"stage": stage, "package_name": "my_package"} | places if places else {}


ACCEPTED = {name: accepted_by(text) for name, text in HOSTILE.items() if accepted_by(text)}
# What the files of another kind of project can go wrong with.
DECISIVE = ["quotes", "backslashes", "chinese", "jinja expression", "html", "markdown", "yaml flow", "toml table"]
ACCEPTED |= {f"{name}, {stage}": accepted_by(HOSTILE[name], stage) for stage in KINDS[1:] for name in DECISIVE}


@pytest.fixture(scope="module", params=ACCEPTED.values(), ids=ACCEPTED)
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    return request.param


@pytest.fixture(scope="module")
def project(answers, render) -> Path:
    return render(**answers)


def recorded(project: Path) -> dict[str, object]:
    return yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))


def pyproject(project: Path) -> dict[str, object]:
    return tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]


def title(project: Path) -> str:
    """The README's first heading as a reader sees it; markup that came to life would show as a tag."""
    page = (
        MarkdownIt("commonmark").enable(["strikethrough", "table"]).render((project / "README.md").read_text("utf-8"))
    )
    return html.unescape(re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)[1])


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("question", FREE_TEXT)
def test_a_refusal_is_a_sentence_that_says_what_is_allowed(question, name):
    assert re.fullmatch(r"(Please (use|give) .+\.)?", refusal(question, HOSTILE[name]))


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("question", FREE_TEXT)
def test_what_no_line_may_hold_is_refused(question, name):
    assert refusal(question, HOSTILE[name])


@pytest.mark.parametrize(("question", "answer"), [(key, text) for key, texts in UNFITTING.items() for text in texts])
def test_what_does_not_fit_is_refused(question, answer):
    assert refusal(question, answer)


@pytest.mark.parametrize("question", FREE_TEXT)
def test_copier_refuses_what_the_validator_refuses(question, template, tmp_path):
    data = {"stage": CHOICES["stage"][0], **PREREQUISITES.get(question, {}), question: "a\nb"}
    with pytest.raises(ValueError, match=f"'{question}': Please"):
        run_copy(str(template), tmp_path / "project", data=data, defaults=True, quiet=True)


# ---------------------------------------------------------------- accepted


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in [*NEVER, "nothing", "only spaces"]])
def test_a_description_may_hold_any_line(name):
    assert not refusal("description", HOSTILE[name])


def test_name_description_and_author_are_exact_in_pyproject(project, answers):
    found = pyproject(project)
    values = {"description": found["description"], "author_name": found["authors"][0]["name"]}
    assert values == {key: answers.get(key, values[key]) for key in values}


def test_name_description_and_author_are_exact_in_what_the_portfolio_reads(project, answers):
    if recorded(project)["stage"] not in SERVICES:  # the page itself, which reads other projects' files
        assert not (project / "project.yml").exists()
        return
    found = yaml.safe_load((project / "project.yml").read_text("utf-8"))
    names = {"title": "project_name", "summary": "description", "author": "author_name"}
    assert {key: answers.get(name, found[key]) for key, name in names.items()} == {key: found[key] for key in names}


def test_answers_are_exact_in_the_answers_file(project, answers):
    assert answers.items() <= recorded(project).items()


def test_the_project_name_is_exact_in_the_readme(project, answers):
    if "project_name" in answers:
        assert title(project) == answers["project_name"].strip()


def test_names_and_description_are_exact_in_the_settings_of_a_website(project, answers):
    """They land in HTML as they stand there."""
    if (project / "zensical.toml").exists():
        found = tomllib.loads((project / "zensical.toml").read_text("utf-8"))["project"]
        settings = {"project_name": "site_name", "description": "site_description", "author_name": "site_author"}
        shown = {question: found[setting] for question, setting in settings.items() if question in answers}
        assert {question: html.unescape(text) for question, text in shown.items()} == {q: answers[q] for q in shown}
        assert not [text for text in shown.values() if re.search('[<>"]', text)]


def test_the_author_is_exact_in_the_licence(project, answers):
    assert f" {answers.get('author_name', 'Your Name')}\n" in (project / "LICENSE").read_text("utf-8")


def test_every_structured_file_can_still_be_parsed(project):
    for name in project_files(project):
        text = (project / name).read_text("utf-8") if not name.endswith(".png") else ""
        if name.endswith((".yaml", ".yml")):
            yaml.safe_load(text)
        elif name.endswith(".toml"):
            tomllib.loads(text)
        elif name.endswith(".json"):
            json.loads(text)
        elif name.endswith(".py"):
            ast.parse(text, name)


@pytest.mark.parametrize("answer", FITTING["author_email"])
def test_an_e_mail_address_lands_in_pyproject(answer, render):
    assert pyproject(render(author_email=answer))["authors"][0]["email"] == answer


@pytest.mark.parametrize("answer", FITTING["github_user"])
def test_a_user_name_lands_in_the_project_urls(answer, render):
    assert f".com/{answer}/" in pyproject(render(github_user=answer))["urls"]["Repository"]


@pytest.mark.parametrize("answer", FITTING["data_remote_url"])
def test_a_bucket_lands_in_the_dvc_configuration(answer, render):
    config = configparser.ConfigParser(interpolation=None)
    config.read(render(data_remote="s3", data_remote_url=answer) / ".dvc" / "config", "utf-8")
    assert config["'remote \"storage\"'"]["url"] == answer


@pytest.mark.parametrize("answer", FITTING["mlflow_uri"])
def test_a_tracking_server_lands_in_the_settings(answer, render):
    project = render(mlflow_backend="server", mlflow_uri=answer, package_name="my_package")
    tree = ast.parse((project / "src" / "my_package" / "settings.py").read_text("utf-8"))
    assert answer in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


# ---------------------------------------------------------------- and stays


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("jinja expression", "jinja statement", "jinja comment"), id="jinja"),
        pytest.param(("yaml true", "yaml null", "yaml number"), id="yaml"),
        pytest.param(("backslashes", "html", "quotes"), id="others"),
    ],
)
def test_an_update_leaves_the_answers_as_they_are(names, render, tmp_path):
    """Copier renders a question's default, but must not render an old answer as if it were one."""
    texts = {question: HOSTILE[name] for question, name in zip(ONE_LINERS, names, strict=True)}
    project = shutil.copytree(render(package_name="my_package", **texts), tmp_path / "project")
    commit(project, "Start")
    before = {file: (project / file).read_bytes() for file in project_files(project) if not file.startswith(".git/")}
    run_update(project, defaults=True, overwrite=True, quiet=True)
    after = {file: (project / file).read_bytes() for file in project_files(project) if not file.startswith(".git/")}
    assert after == before
    assert texts.items() <= recorded(project).items()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quotes", "arabic", "yaml tag", "markdown"])
def test_the_package_can_be_built_and_says_who_made_it(name, render, tmp_path):
    project = shutil.copytree(render(**accepted_by(HOSTILE[name])), tmp_path / "project")
    subprocess.run(["uv", "build", "--wheel", "--quiet", "--out-dir", tmp_path / "dist"], cwd=project, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name_of_metadata,) = [entry for entry in archive.namelist() if entry.endswith("METADATA")]
        metadata = email.parser.BytesParser(policy=email.policy.default).parsebytes(archive.read(name_of_metadata))
        assert "my_package/__init__.py" in archive.namelist()
    assert metadata["Summary"] == HOSTILE[name]
    assert HOSTILE[name] in email.utils.parseaddr(str(metadata["Author-Email"]))[0]
