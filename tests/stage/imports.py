"""Import whatever a project's code imports from anywhere, also inside of functions: `python imports.py [TEST ...]`.

Runs in the project's folder and environment, with every dependency group installed. Code that only an optional package
reaches is seen as well: a version that lacks a name fails here, with the file that asks for it. Tests that are named
run first, in the same process: what they have imported is not loaded twice.
Called by `.github/workflows/dependencies.yml` and by `test_lowest_versions.py`.
"""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def python_files(project: Path) -> Iterator[Path]:
    """Return the package's files first: the load test's library changes the standard library once it is imported."""
    for pattern in ("src/**/*.py", "notebooks/*.py", "*.py"):
        yield from sorted(project.glob(pattern))


def imports(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Return the modules that a file imports, each with the names it takes from them; relative imports are left out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, [alias.name for alias in node.names]


def take(module: str, names: list[str]) -> None:
    """Do what `from module import names` does."""
    found = importlib.import_module(module)
    for name in names:
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")


def import_all(project: Path) -> int:
    """Import everything, print what fails, and return the number of failures."""
    asked: dict[tuple[str, tuple[str, ...]], Path] = {}
    for file in python_files(project):
        for module, names in imports(file):
            asked.setdefault((module, tuple(names)), file)
    failures = 0
    for (module, names), file in asked.items():
        try:
            take(module, list(names))
        except Exception as error:  # whatever a library raises while it is imported
            print(f"{file.relative_to(project)}: {module}: {type(error).__name__}: {error}")
            failures += 1
    print(f"{len(asked)} imports, {failures} of them failed")
    return failures


def main(tests: list[str]) -> int:
    """Run the tests, import everything, and return an exit code."""
    failed = pytest.main(["--quiet", *tests]) if tests else pytest.ExitCode.OK
    return int(failed) or min(import_all(Path.cwd()), 1)


if __name__ == "__main__":
    sys.path.insert(0, "src")
    sys.exit(main(sys.argv[1:]))
