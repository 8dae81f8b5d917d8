"""The picture of each stage: small, as large as the window in which tests open the pages, the same in both places."""

import pytest
from contract import ROOT, SERVICES, STAGES, TEMPLATES
from PIL import Image
from stage.pages import WINDOW

MOST_BYTES = 120_000


@pytest.mark.parametrize("stage", STAGES)
def test_a_picture_shows_the_page_of_the_stage(stage):
    path = ROOT / "docs" / "images" / f"{stage}.png"
    assert path.stat().st_size < MOST_BYTES
    with Image.open(path) as picture:
        assert picture.size == (WINDOW["width"], WINDOW["height"])
    assert f"](docs/images/{stage}.png)" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("stage", SERVICES)
def test_the_projects_of_the_stage_show_it_too(stage):
    layer = TEMPLATES / f"{{{{ layer.{stage} }}}}"
    assert (layer / "docs" / "demo.png").read_bytes() == (ROOT / "docs" / "images" / f"{stage}.png").read_bytes()
    assert "](docs/demo.png)" in (layer / "README.md.jinja").read_text("utf-8")
