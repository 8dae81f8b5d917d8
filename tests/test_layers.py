"""Layers: folders of `templates/` that `copier.yml` switches on. Copier itself would ignore a mistake here silently."""

import re
from collections import Counter
from pathlib import Path

import pytest
from contract import ALL_LAYERS, CHOICES, TEMPLATES, active_layers, combinations
from repository import repository_files

SOURCES = [path for path in repository_files() if path.is_relative_to(TEMPLATES)]
FOLDERS = {path.relative_to(TEMPLATES).parts[0] for path in SOURCES if path.parent != TEMPLATES}
INCLUDE = re.compile(r"""{%-?\s*(?:include|import|from|extends)\s+['"]([^'"]+)""")


def paths_of(layer: str) -> set[str]:
    """Where the layer's files go; a conditional file counts as always there."""
    root = TEMPLATES / f"{{{{ layer.{layer} }}}}"
    names = [path.relative_to(root).as_posix() for path in SOURCES if path.is_relative_to(root)]
    return {re.sub(r"{%.*?%}", "", name).removesuffix(".jinja") for name in names}


def included_by(source: Path) -> list[str]:
    return INCLUDE.findall(source.read_text("utf-8")) if source.suffix != ".png" else []


@pytest.mark.parametrize("layer", sorted(ALL_LAYERS))
def test_every_layer_that_copier_yml_names_has_a_folder(layer):
    assert f"{{{{ layer.{layer} }}}}" in FOLDERS


@pytest.mark.parametrize("folder", sorted(FOLDERS - {"partials"}))
def test_every_folder_is_a_layer_that_some_answers_switch_on(folder):
    assert folder in {f"{{{{ layer.{layer} }}}}" for layer in ALL_LAYERS}


@pytest.mark.parametrize("stage", CHOICES["stage"])
def test_no_path_comes_from_two_active_layers(stage):
    for answers in combinations(*CHOICES):
        if answers["stage"] == stage:
            paths = Counter(path.casefold() for layer in active_layers(answers) for path in paths_of(layer))
            assert not [path for path, times in paths.items() if times > 1], answers


def test_only_the_answers_file_lies_outside_the_layers():
    """Copier wants it at the root of the template."""
    assert [path.name for path in SOURCES if path.parent == TEMPLATES] == ["{{ _copier_conf.answers_file }}.jinja"]


def test_files_include_partials_and_nothing_else():
    targets = {target for source in SOURCES for target in included_by(source)}
    assert not {target for target in targets if not target.startswith("templates/partials/")}


def test_every_partial_is_included_by_a_file():
    partials = {path.relative_to(TEMPLATES.parent).as_posix() for path in SOURCES if "partials" in path.parts}
    targets = {target for source in SOURCES for target in included_by(source)}
    assert {path for path in partials if not any(path.startswith(target) for target in targets)} == set()


def test_no_two_layers_hold_the_same_text():
    """What two layers need stands in a layer that both share, or in a partial."""
    texts = Counter(path.read_bytes() for path in SOURCES if path.stat().st_size > 200)
    assert not [text[:80] for text, times in texts.items() if times > 1]
