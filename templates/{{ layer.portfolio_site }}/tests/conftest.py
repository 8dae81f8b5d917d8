"""Made-up projects, written to disk as `projects.yaml` names them."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

# A picture of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
RECORD: dict[str, Any] = {
    "title": "House Prices",
    "summary": "Predicts what a house sells for.",
    "stage": "tabular_regression",
    "author": "Ada",
    "repository": "https://github.com/ada/house-prices",
    "demo": None,
    "picture": "docs/demo.png",
    "stack": ["FastAPI", "DVC"],
    "mine": True,
    "results": [
        {
            "name": "RMSE on test houses",
            "value": 24530,
            "low": 21000,
            "high": 28000,
            "baseline": "ridge regression",
            "baseline_value": 30000,
            "unit": "USD",
            "higher_is_better": False,
        }
    ],
    "trained": {"date": "2026-11-26", "version": "ab12cd", "rows": 2344},
}

Write = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folder of a site with no projects yet."""
    folder = tmp_path / "site"
    (folder / "docs").mkdir(parents=True)
    (folder / "projects.yaml").write_text("projects:\n", encoding="utf-8")
    return folder


@pytest.fixture
def write_project(root: Path) -> Write:
    """A function that writes a project beside the site, with changed fields, and adds it to `projects.yaml`."""

    def write(name: str = "house-prices", *, picture: bytes | None = PNG, **changes: Any) -> Path:
        project = root.parent / name
        (project / "docs").mkdir(parents=True)
        text = yaml.safe_dump(RECORD | changes, allow_unicode=True, sort_keys=False)
        (project / "project.yml").write_text(text, encoding="utf-8")
        if picture is not None:
            (project / "docs" / "demo.png").write_bytes(picture)
        with (root / "projects.yaml").open("a", encoding="utf-8") as file:
            file.write(f"  - ../{name}\n")
        return project

    return write
