"""Put the pages of the documentation together: `uv run poe docs` calls it before Zensical makes the site of them.

What README.md says stands nowhere else: a page takes parts of it by a line `<!-- include: README.md # The stages -->`.
The gallery is made of copier.yml, the examples, their results in README.md, what was measured, and LEARN.md.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "https://github.com/org/ai-roadmap-templates"
EXAMPLES = "https://github.com/org"
# Where it was measured how long a stage takes, by stage: the file, the place in it, and the words around the figure.
TIMES = {
    "tabular_regression": (
        "docs/benchmarks.md",
        r"`copier copy` to the first prediction.*?\*\*total\*\* \| \*\*([\d.]+)\*\*",
        "{} seconds from `copier copy` to the first prediction",
    ),
    "feature_classification": (
        "docs/benchmarks.md",
        r"\*\*`dvc repro`\*\*[^|]*\| \*\*([\d.]+)\*\*",
        "{} seconds for the pipeline",
    ),
    "image_classifier": ("README.md", r"trained on \d+ images for (\d+ epochs of \d+ seconds)", "{} to train"),
    "text_generation": ("README.md", r"([\d.]+ minutes) in all", "{} to train"),
    "rag": ("README.md", r"`python-docs` the fifth \((\w+)\)", "{} minutes for everything"),
    "monitored_service": ("README.md", r"played in (\d+ seconds)", "{} for half a year of replay"),
}


def read(name: str) -> str:
    """Read a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def found(pattern: str, text: str) -> str:
    """Return what the group of a pattern matches.

    Raises:
        SystemExit: If it matches nothing: what the page wants to show is not there any more.
    """
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise SystemExit(f"docs/site.py does not find {pattern!r}")
    return match[1]


def section(name: str, heading: str) -> str:
    """Return a section of a Markdown file; an empty heading means the text before the first, without its picture."""
    beginning = rf"^## {re.escape(heading)}\n" if heading else r"\A# [^\n]*\n"
    text = found(rf"(?m:{beginning})(.*?)(?=\n## |\Z)", read(name))
    return (text if heading else re.sub(r"(?m)^!\[.*$", "", text)).strip()


# ---- the gallery


def result_of(example: str, readme: str) -> str:
    """Return the result of an example in one sentence: its first metric and the first baseline's, or what happened."""
    text = found(rf"<!-- {example}:begin -->\n(.*?)<!-- {example}:end -->", readme).strip()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    chosen = [row for row in rows if row[0].startswith("**")]
    if not chosen:
        return text.splitlines()[0]
    baseline = next(row for row in rows if row[0].endswith("(baseline)"))
    return f"{rows[0][1]} **{chosen[0][1]}**; {baseline[0].removesuffix(' (baseline)')}: {baseline[1]}"


def example_of(stage: str, readme: str) -> str:
    """Return the name of the example of a stage whose results stand in README.md."""
    for path in sorted((ROOT / "examples").glob("*.yml")):
        if f"<!-- {path.stem}:begin -->" in readme and yaml.safe_load(read(f"examples/{path.name}"))["stage"] == stage:
            return path.stem
    raise SystemExit(f"docs/site.py finds no example of {stage} in README.md")


def card(stage: str, spec: dict[str, Any]) -> str:
    """Return the card of a stage: picture, result, time, what it teaches, links."""
    readme = read("README.md")
    alternative = found(rf"!\[([^\]]*)\]\(docs/images/{stage}\.png\)", readme)
    learn = read(f"templates/{{{{ layer.{stage} }}}}/LEARN.md.jinja")
    choice = re.compile(r"{{ '[^']*' if [^}]*? else '([^']*)' }}")  # as in a project with the default answers
    teaches = found(r"You learn (.*?\.)\n\n", choice.sub(r"\1", learn)).replace("\n", " ")
    lines = [f"-   ### {spec['title']}", "---", f"[![{alternative}](images/{stage}.png)](images/{stage}.png)"]
    links = [f"`stage={stage}`"]
    if "service_verb" in spec:  # it has a model, which was trained
        example = example_of(stage, readme)
        file, pattern, words = TIMES[stage]
        time = words.format(found(pattern, read(file)))
        lines += [
            f"**Result.** {result_of(example, readme)}",
            f"**Time.** {time[:1].upper()}{time[1:]}, on two CPU cores.",
        ]
        links = [f"[The example]({EXAMPLES}/{example})", "[All of its results](results.md)", *links]
    lines += [f"**You learn** {teaches}", " · ".join(links)]
    return "\n\n    ".join(lines)


def gallery() -> str:
    """Return the cards of all stages."""
    stages = yaml.safe_load(read("copier.yml"))["stages"]["default"]
    cards = "\n\n".join(card(stage, spec) for stage, spec in stages.items())
    return f'<div class="grid cards" markdown>\n\n{cards}\n\n</div>'


# ---- the pages


def decisions() -> str:
    """Return a list of all decisions."""
    paths = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    return "\n".join(f"- [{read(f'docs/decisions/{p.name}').split(chr(10))[0][2:]}]({p.name})" for p in paths)


def assembled(text: str) -> str:
    """Return a page with what its comments ask for."""
    text = re.sub(r"<!-- include: (\S+) # ?(.*?) -->", lambda asked: section(asked[1], asked[2]), text)
    text = text.replace("<!-- gallery -->", gallery())
    return text.replace("<!-- decisions -->", decisions())


def linked(text: str) -> str:
    """Return a page whose links lead to pages of the site, or else to the repository."""

    def target(match: re.Match[str]) -> str:
        path = match[1]
        if path.startswith("docs/"):
            return f"]({path.removeprefix('docs/')})"
        return f"]({REPOSITORY}/blob/main/{path})" if (ROOT / path).exists() else match[0]

    return re.sub(r"\]\(([^()\s:#]+)\)", target, text)


def main(destination: str = "build/docs") -> None:
    """Write all pages into a folder."""
    folder = ROOT / destination  # an absolute path stays what it is
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for path in folder.rglob("*.md"):
        path.write_text(linked(assembled(path.read_text(encoding="utf-8"))), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
