"""Gather the projects that `projects.yaml` names into pages of the site: `uv run poe gather`.

Of each project its `project.yml` and one picture are read. `gathered/` and `docs/projects/` are written anew each time.
With `--strict`, as in `uv run poe check`, a missing picture is an error as well.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .cards import Project, cards, page
from .record import RECORD, GatherError, Record, read_record
from .sources import locate, read_sources, short_name

# SVG is left out: such a file may hold a script.
PICTURES = {".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"}


def find_picture(record: Record, folder: Path) -> Path | None:
    """Return the picture that a project names; None if it names one that is not there.

    Raises:
        GatherError: The picture lies outside of the project, or is not of a kind that pages show.
    """
    if record.picture is None:
        return None
    path = (folder / record.picture).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise GatherError(f"{RECORD}: picture: {record.picture} lies outside of the project.")
    if path.suffix.lower() not in PICTURES:
        kinds = ", ".join(sorted(PICTURES))
        raise GatherError(f"{RECORD}: picture: {record.picture} is none of {kinds}.")
    return path if path.is_file() else None


def free_name(name: str, taken: set[str]) -> str:
    """Return a name that no other project has: `name`, `name-2`, `name-3` and so on."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}-{count}"
    taken.add(candidate)
    return candidate


def gather(root: Path) -> tuple[list[Project], list[str]]:
    """Read all projects and write their cards and pages.

    Args:
        root: Folder of the site, with `projects.yaml` in it.

    Returns:
        The projects in their order, and a sentence for each picture that is missing.

    Raises:
        GatherError: What is wrong, of all projects at once; what was gathered before stays as it was.
    """
    projects: list[Project] = []
    missing: list[str] = []
    wrong: list[str] = []
    names: set[str] = set()
    with TemporaryDirectory(ignore_cleanup_errors=True) as clones, TemporaryDirectory() as pictures:
        for source in read_sources(root):
            try:
                folder = locate(source, root, Path(clones))
                record = read_record(folder)
                shown = find_picture(record, folder)
            except GatherError as error:
                wrong.append(f"{source}: {error}")
                continue
            name = free_name(short_name(source, folder), names)
            file = f"{name}{shown.suffix.lower()}" if shown else None
            if shown and file:
                shutil.copyfile(shown, Path(pictures) / file)
            projects.append(Project(record, name, file))
            if record.picture and not shown:
                missing.append(f"{source}: the picture {record.picture} is missing, so the card has none.")
        if wrong:
            raise GatherError("\n".join(wrong))
        write(root, projects, Path(pictures))
    return projects, missing


def write(root: Path, projects: list[Project], pictures: Path) -> None:
    """Write the cards, the pages and the pictures, in place of those of the last time."""
    pages, gathered = root / "docs" / "projects", root / "gathered"
    for folder in (pages, gathered):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pictures, pages, dirs_exist_ok=True)
    gathered.mkdir(exist_ok=True)
    (gathered / "cards.html").write_text(cards(projects), encoding="utf-8", newline="\n")
    for project in projects:
        (pages / f"{project.name}.md").write_text(page(project), encoding="utf-8", newline="\n")


def main() -> None:
    """Gather into the current folder and say what was found."""
    try:
        projects, missing = gather(Path())
    except GatherError as error:
        raise SystemExit(str(error)) from error
    for project in projects:
        print(f"{project.name}: {project.record.title}")
        if not project.record.results:
            print('  no results yet: the card says "not trained yet"')
        if not project.record.mine:
            print(f"  {RECORD} says `mine: false`: it is the template's example still, not a project of your own")
    if not projects:
        print("No projects yet: name yours in projects.yaml.")
    for sentence in missing:
        print(sentence)
    if missing and "--strict" in sys.argv[1:]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
