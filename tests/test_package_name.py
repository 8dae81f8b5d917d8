"""The package name: suggested from any project name, and never one that Python or a library already uses."""

import importlib.metadata
import keyword
import re
import sys

import pytest
import yaml
from contract import CONFIG, refusal
from copier import run_copy

# Imported by another name than they are installed by; read from the packages themselves where they are installed.
IMPORT_NAMES = {"scikit-learn": "sklearn", "pyyaml": "yaml", "pillow": "PIL"}
PROJECT_NAMES = [
    "House Prices",
    "Häuser & Preise!",
    "123 go",
    "import",
    "numpy",
    "Scikit-Learn",
    "日本語",
    "__init__",
    "-",
    "test",
    "x" * 80,
    "abc " * 20,
    "None",
]


def suggested(template, tmp_path, project_name: str) -> str:
    data = {"stage": next(iter(CONFIG["stages"]["default"])), "project_name": project_name}
    run_copy(str(template), tmp_path / "project", data=data, defaults=True, quiet=True)
    return yaml.safe_load((tmp_path / "project" / ".copier-answers.yml").read_text("utf-8"))["package_name"]


@pytest.mark.parametrize("project_name", PROJECT_NAMES)
def test_the_suggestion_is_a_free_identifier(project_name, template, tmp_path):
    name = suggested(template, tmp_path, project_name)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert name not in sys.stdlib_module_names
    assert not name.endswith("_")
    assert (tmp_path / "project" / "src" / name / "__init__.py").exists()


def test_the_suggestion_keeps_the_words_of_the_project_name(template, tmp_path):
    assert suggested(template, tmp_path, "My 2nd House-Price Model") == "my_2nd_house_price_model"


@pytest.mark.parametrize("name", ["a", "house_prices", "a" * 40, "x1", "classy", "imports", "numpy2"])
def test_an_ordinary_name_is_accepted(name):
    assert not refusal("package_name", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a\n",
        "a b",
        "a-b",
        "A",
        "aB",
        "1a",
        "_a",
        "a.b",
        "a/b",
        "ä",
        "名",
        "a" * 41,
        "{{ x }}",
        "..",
        "a\0",
        "é",
    ],
)
def test_what_is_no_plain_identifier_is_refused_with_a_sentence(name):
    assert re.fullmatch(r"Please use .*\.", refusal("package_name", name))


@pytest.mark.parametrize("name", [name for name in keyword.kwlist + keyword.softkwlist if name.islower()])
def test_a_keyword_is_refused(name):
    assert refusal("package_name", name).endswith("Please choose another name.")


def test_every_name_of_the_standard_library_is_refused():
    public = [name for name in sys.stdlib_module_names if re.fullmatch("[a-z][a-z0-9_]*", name)]
    assert len(public) > 150
    assert not [name for name in public if not refusal("package_name", name)]


@pytest.mark.parametrize("package", CONFIG["versions"]["default"])
def test_what_a_library_is_installed_by_is_refused(package):
    """A project of that name would ask for itself."""
    assert refusal("package_name", re.sub(r"[-.]+", "_", package).lower())


@pytest.mark.parametrize("package", CONFIG["versions"]["default"])
def test_what_a_library_is_imported_by_is_refused(package):
    installed = [
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if package in {name.lower() for name in distributions} and module.islower() and module[0] != "_"
    ]
    for name in installed or [IMPORT_NAMES.get(package, re.sub(r"[-.]+", "_", package))]:
        assert refusal("package_name", name.lower()), name


@pytest.mark.parametrize("folder", ["tests", "data", "models", "reports", "docs", "src", "build", "dist", "notebooks"])
def test_what_a_folder_of_the_project_is_called_is_refused(folder):
    assert refusal("package_name", folder)


def test_copier_refuses_what_the_validator_refuses(template, tmp_path):
    data = {"stage": next(iter(CONFIG["stages"]["default"])), "package_name": "numpy"}
    with pytest.raises(ValueError, match='"numpy" is already taken by Python or by a library'):
        run_copy(str(template), tmp_path / "project", data=data, defaults=True, quiet=True)
    assert not (tmp_path / "project").exists()
