"""Take pictures of the rendered, trained examples for the documents: `uv run poe show-pictures`.

Run it after `uv run poe demo`, `uv run poe demo late-flights` and so on. The tests of the pages take the same pictures,
of quickly trained models. A picture goes to two places: `docs/images/` of this repository, and `docs/demo.png` of the
projects of its stage. An example that was not run keeps the picture that is there.
"""

import io
import os
import sys
from pathlib import Path

import yaml
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

from needed import chromium  # noqa: E402
from stage.conftest import BROWSER_ARGUMENTS  # noqa: E402
from stage.pages import take_picture, watched_page  # noqa: E402
from stage.project import Project  # noqa: E402

# A page has few colours: the pictures look the same with a palette (no channel differs by more than 10), and take less
# than half of the space.
COLOURS = 256
# The picture of a service that is watched is that of its monitoring page, with what a replay recorded.
RECORD = "build/replay/monitoring.db"


def small(picture: bytes) -> bytes:
    """Return a PNG with a palette."""
    image = (
        Image.open(io.BytesIO(picture))
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def places(stage: str) -> list[Path]:
    """Where the picture of a stage lies."""
    return [
        ROOT / "docs" / "images" / f"{stage}.png",
        ROOT / "templates" / f"{{{{ layer.{stage} }}}}" / "docs" / "demo.png",
    ]


def picture_of(project: Project) -> bytes:
    """Serve a project, and return a picture of its page."""
    record = project.path / RECORD
    settings, page = ({"DATABASE_URL": f"sqlite:///{record}"}, "/monitoring") if record.exists() else ({}, "/")
    with project.serve(**settings) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_ARGUMENTS)
        with watched_page(browser, service, page) as opened:
            return take_picture(opened, project.stage).read_bytes()


def main() -> None:
    """Take the picture of each example that was run."""
    for answers in sorted((ROOT / "examples").glob("*.yml")):
        path = ROOT / "build" / answers.stem
        if not (path / "models" / "champion" / "model.json").exists():
            print(f"{answers.stem}: not run, so its picture stays as it is", file=sys.stderr)
            continue
        asked = yaml.safe_load(answers.read_text(encoding="utf-8"))
        project = Project(path, asked["package_name"], path / ".venv", dict(os.environ))
        picture = small(picture_of(project))
        for place in places(asked["stage"]):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture)


if __name__ == "__main__":
    main()
