"""What several processes of one test run need is made by one of them."""

import time
from collections.abc import Callable
from pathlib import Path

# How long one process waits until another has installed or trained a project.
MAKING_SECONDS = 1800


def make_once(folder: Path, make: Callable[[], object]) -> None:
    """Make what is in a folder, in the process that asks first; the others wait until it is there."""
    made, failed = folder / "made", folder / "failed"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        end = time.monotonic() + MAKING_SECONDS
        while not made.exists():
            assert not failed.exists(), f"{folder.name} could not be made: {failed.read_text(encoding='utf-8')}"
            assert time.monotonic() < end, f"{folder.name} is not there yet"
            time.sleep(0.1)
        return
    try:
        make()
    except BaseException as error:
        failed.write_text(str(error), encoding="utf-8")
        raise
    made.touch()
