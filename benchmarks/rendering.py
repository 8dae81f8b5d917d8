# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10", "cookiecutter>=2.6,<3"]
# ///
"""How long does `copier copy` of this template take? `uv run benchmarks/rendering.py`.

Four commands run in turn, each a whole process, several times:
  template      copier copy of this repository's last commit (a local Git clone with a tag)
  empty         copier copy of a template without files (a Git repository with a tag): what Copier itself costs
  cookiecutter  cookiecutter on a template that yields the very same files (a folder: it need not even clone)
  import        copier --version: starting Python and importing Copier
"""

import argparse
import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from common import call, copier_copy, fresh_folder, median, publish, table, tagged_template, timed, verdict

LIMITS = {"empty": 1.3, "cookiecutter": 2.0}  # at most so many times as long


def empty_template(folder: Path) -> Path:
    """Make a Copier template without files: a Git repository with a tag."""
    template = folder / "empty"
    template.mkdir()
    (template / "copier.yml").write_text("stage: {type: str, default: none}\n", encoding="utf-8")
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "-m", "Empty"]):
        call(["git", *arguments], cwd=template)
    call(["git", "tag", "v1.0.0"], cwd=template)
    return template


def cookiecutter_template(folder: Path, rendered: Path) -> Path:
    """Turn a rendered project into a cookiecutter template that yields the same files."""
    template = folder / "cookiecutter"
    (template / "{{ cookiecutter.slug }}").mkdir(parents=True)
    (template / "cookiecutter.json").write_text(json.dumps({"slug": "project"}), encoding="utf-8")
    for path in files_of(rendered):
        copy = template / "{{ cookiecutter.slug }}" / path.relative_to(rendered)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        if any(mark in text for mark in ("{{", "{%", "{#")):  # a workflow's ${{ }} is not meant for Jinja
            text = "{% raw %}" + text + "{% endraw %}"
        copy.write_text(text, encoding="utf-8", newline="")
    return template


def files_of(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content_of(folder: Path) -> dict[str, str]:
    """Return the checksum of each file; the answers file differs in the path of its template and is left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files_of(folder)
        if path.name != ".copier-answers.yml"
    }


def main() -> None:
    """Prepare the templates, run all commands in turn, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    work = fresh_folder("rendering")
    template, empty = tagged_template(work), empty_template(work)
    call(copier_copy(template, work / "rendered"))
    cookies = cookiecutter_template(work, work / "rendered")
    config = work / "cookiecutter.yaml"  # nothing is written into the user's home
    config.write_text(f"cookiecutters_dir: {work}\nreplay_dir: {work / 'replay'}\n", encoding="utf-8")

    seconds: dict[str, list[float]] = {"template": [], "empty": [], "cookiecutter": [], "import": []}
    python = [sys.executable, "-W", "ignore", "-m"]
    for run in range(runs + 1):
        to = {name: work / "out" / f"{name}-{run}" for name in seconds}
        commands = {
            "template": copier_copy(template, to["template"]),
            "empty": copier_copy(empty, to["empty"]),
            "cookiecutter": [
                *[*python, "cookiecutter", "--no-input", "--config-file", config],
                *["--output-dir", to["cookiecutter"], cookies],
            ],
            "import": [*python, "copier", "--version"],
        }
        for name, command in commands.items():
            took = timed(command)
            if run > 0:  # the first round fills the caches
                seconds[name].append(took)
        if content_of(to["template"]) != content_of(to["cookiecutter"] / "project"):
            raise SystemExit("Copier and cookiecutter did not write the same files: the comparison would not be fair.")

    files = files_of(work / "rendered")
    medians = {name: median(values) for name, values in seconds.items()}
    size = sum(path.stat().st_size for path in files)
    titles = {
        "template": f"this template ({len(files)} files, {size / 1000:.0f} kB)",
        "empty": "Copier, a template without files",
        "cookiecutter": "cookiecutter, the same files",
        "import": "only `copier --version`",
    }
    rows = []
    for name, title in titles.items():
        times = medians["template"] / medians[name]
        target = f"at most {LIMITS[name]:g}: {verdict(times <= LIMITS[name])}" if name in LIMITS else ""
        rows.append([title, f"{medians[name]:.2f}", f"{times:.2f}", target])
    headers = ["command", "seconds (median)", "this template takes so many times as long", "target"]
    versions = ", ".join(f"{name} {version(name)}" for name in ("copier", "cookiecutter"))
    how = f"Whole processes, {runs} runs in turn, {versions}; the template is a local Git clone with a tag."
    publish("rendering", how, [table("Rendering a project", headers, rows)], {"seconds": seconds, "bytes": size})


if __name__ == "__main__":
    main()
