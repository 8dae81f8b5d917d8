"""Models change while the service runs: a new one is loaded beside the old one and takes its place at once.

A request keeps the model that it began with, so none is dropped. A model that cannot be loaded, or cannot answer its
own example, never replaces one that works.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")
Stamp = tuple[int, int, int]


def stamp_of(folder: Path) -> Stamp | None:
    """Return what changes when another model is installed in a folder; None where there is none."""
    try:
        status = (folder / "model.json").stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Watched(Generic[ModelT]):
    """A folder that is looked at again and again.

    Args:
        folder: Where the model lies.
        load: Loads it; raises if it cannot.
        use: Is given the new model; None when the folder was emptied.
        report: Is told how it went: whether it worked, and why not.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[Path], ModelT],
        use: Callable[[ModelT | None], None],
        report: Callable[[bool, str], None],
    ) -> None:
        self.folder, self.load, self.use, self.report = folder, load, use, report
        self.seen = stamp_of(folder)

    async def look(self) -> None:
        """Load the model if it is another than the last time."""
        stamp = stamp_of(self.folder)
        if stamp == self.seen:
            return
        self.seen = stamp
        if stamp is None:
            self.use(None)
            return
        try:
            model = await asyncio.to_thread(self.load, self.folder)
        except Exception as error:  # whatever is wrong with it, the old model goes on
            logger.error("the model in %s is not taken: %s", self.folder, error)
            await asyncio.to_thread(self.report, False, f"{type(error).__name__}: {error}")
            return
        self.use(model)
        await asyncio.to_thread(self.report, True, "")


async def watch(folders: list["Watched[ModelT]"], seconds: float) -> None:
    """Look at all folders, for ever."""
    while True:
        await asyncio.sleep(seconds)
        for folder in folders:
            await folder.look()
