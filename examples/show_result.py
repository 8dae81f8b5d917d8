"""Copy the results of the rendered, trained examples into this repository's README: `uv run poe show-result`.

Run it after `uv run poe demo` and `uv run poe demo late-flights`. So the figures in the README are those of a run, and
nobody types them. An example that was not run keeps what is there.
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


def shown(readme: str) -> str:
    """Return the first part of an example's results: up to its rule of the baseline, without the pictures.

    Of a project that was replayed, what happened then is its result.
    """
    name = "replay" if "<!-- replay:begin -->" in readme else "results"
    text = section(readme, name)[2].split("\nThe rule that is a baseline:")[0]
    lines = [line for line in text.strip().splitlines() if not line.startswith("![")]
    return "\n".join(lines).strip()


def main() -> None:
    """Fill the section of each example in README.md from the section `results` of the example's own README."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for answers in sorted((ROOT / "examples").glob("*.yml")):
        example = ROOT / "build" / answers.stem / "README.md"
        if f"<!-- {answers.stem}:begin -->" not in text:
            continue  # one of several examples of a stage, or one without a model
        if not example.exists():
            print(f"{answers.stem}: not run, so its results stay as they are", file=sys.stderr)
            continue
        place = section(text, answers.stem)
        result = shown(example.read_text(encoding="utf-8"))
        text = f"{text[: place.start(2)]}\n{result}\n\n{text[place.end(2) :]}"
    readme.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
