"""Copy the results of the rendered, trained example into this repository's README: `uv run poe show-result`.

Run it after `uv run poe demo`. So the figures in the README are those of a run, and nobody types them.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def section(text: str, name: str) -> re.Match[str]:
    """Find the text between two markers.

    Raises:
        SystemExit: If the markers are not there.
    """
    found = re.search(rf"(<!-- {name}:begin -->\n)(.*?)(<!-- {name}:end -->)", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"no section '{name}'")
    return found


def main(name: str = "house-prices") -> None:
    """Fill the section `example` of README.md from the section `results` of the example's README."""
    example = ROOT / "build" / name / "README.md"
    if not example.exists():
        raise SystemExit("Run `uv run poe demo` first.")
    lines = section(example.read_text(encoding="utf-8"), "results")[2].strip().splitlines()
    shown = "\n".join(line for line in lines if not line.startswith("!["))  # the picture stays in the example
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    place = section(text, "example")
    readme.write_text(
        f"{text[: place.start(2)]}\n{shown.strip()}\n\n{text[place.end(2) :]}", encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
