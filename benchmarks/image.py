# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How large is the image of the generated service? `uv run benchmarks/image.py` (needs a Docker engine)."""

import argparse
import time
from pathlib import Path

from common import RESULTS, call, publish, table, trained_project, verdict

LIMIT_MB = 450
TAG = "roadmap-benchmark"


def megabytes(image: str) -> float:
    """Return the size of an image in MB (millions of bytes)."""
    return int(call(["docker", "image", "inspect", "--format", "{{.Size}}", image])) / 1e6


def main() -> None:
    """Build the image of a trained project and publish its size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=RESULTS / "project", help="a trained project")
    project = trained_project(parser.parse_args().project.resolve())
    started = time.perf_counter()
    call(["docker", "build", "--quiet", "--tag", TAG, "."], cwd=project)
    build_s = time.perf_counter() - started
    size, base = megabytes(TAG), megabytes("python:3.11-slim")
    call(["docker", "image", "rm", TAG])
    rows = [
        ["the image of the service", f"{size:.0f}", f"under {LIMIT_MB}: {verdict(size < LIMIT_MB)}"],
        ["of which its base, python:3.11-slim", f"{base:.0f}", ""],
        ["of which the packages, the project and the model", f"{size - base:.0f}", ""],
    ]
    how = f"Size as `docker image inspect` gives it; the build took {build_s:.0f} s."
    data = {"image_mb": size, "base_mb": base, "build_s": build_s}
    publish("image", how, [table("Size of the image", ["", "MB", "target"], rows)], data)


if __name__ == "__main__":
    main()
