"""Programs that some tests need and a machine may lack: CI must have them, elsewhere such tests are skipped."""

import os
import shutil
from typing import NoReturn

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def lacks(what: str) -> NoReturn:
    """Skip the test because something is missing; where CI is set, fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def program(package: str, *names: str) -> str:
    """Return the path of a program.

    Args:
        package: Debian's package, which has it.
        names: The program's names; the first one that is found is taken.
    """
    path = next((path for name in names if (path := shutil.which(name))), None)
    return path or lacks(f"no {names[0]} on PATH (Debian: apt-get install {package})")


def chromium() -> str:
    """Return the path of a browser that Playwright can drive."""
    return program("chromium", *BROWSERS)
