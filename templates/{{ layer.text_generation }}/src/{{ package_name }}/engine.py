"""Writes several texts at the same time, in one thread: each gets one token in turn. `api.py` talks to it.

A network that computes on a CPU is busy with one token; texts in turn share it fairly, so that a long one never holds
up a short one. (On a GPU one would compute the tokens of all texts together: a batch takes hardly longer there.) At
most so many texts are written at the same time; others wait, first come, first served; and if too many wait, the next
is refused.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator

from .generation import Drawn, Generation
from .observed import Observer, Watch

logger = logging.getLogger(__name__)


class BusyError(Exception):
    """Too many texts are waiting, or the engine has ended."""


class Job:
    """A text on its way through the engine.

    Attributes:
        text: What is being written.
        watch: Measures it.
        results: Where its tokens arrive, in the event loop of the client: a token, or an error.
    """

    def __init__(self, text: Generation, watch: Watch) -> None:
        self.text, self.watch = text, watch
        self.loop = asyncio.get_running_loop()
        self.results: asyncio.Queue[Drawn | Exception] = asyncio.Queue()

    def hand_over(self, result: Drawn | Exception) -> None:
        """Give a result to the client; called by the engine's thread."""
        try:
            self.loop.call_soon_threadsafe(self.results.put_nowait, result)
        except RuntimeError:  # the event loop has ended, and with it the client
            logger.debug("nobody waits for this token any more")


class Engine:
    """The thread that writes, and its queues."""

    def __init__(self, observer: Observer, most_active: int, most_waiting: int) -> None:
        """Start the thread.

        Args:
            observer: Counts.
            most_active: Texts that are written at the same time.
            most_waiting: Texts that wait for their turn.
        """
        self.observer, self.most_active, self.most_waiting = observer, most_active, most_waiting
        self.active: deque[Job] = deque()
        self.waiting: deque[Job] = deque()
        self.news = threading.Condition()
        self.closed = False
        self.thread = threading.Thread(target=self.work, name="engine", daemon=True)
        self.thread.start()

    async def write(self, text: Generation) -> AsyncGenerator[Drawn]:
        """Yield the tokens of a text as they are written; leaving the iteration ends the text.

        Raises:
            BusyError: If too many texts wait.
            Exception: What went wrong in the network.
        """
        with self.news:
            if self.closed or len(self.active) + len(self.waiting) >= self.most_active + self.most_waiting:
                self.observer.refused.inc()
                raise BusyError
            job = Job(text, Watch(self.observer, len(text.unread)))
            self.waiting.append(job)
            self.count()
            self.news.notify()
        try:
            while True:
                result = await job.results.get()
                if isinstance(result, Exception):
                    raise result
                yield result
                if result.finished is not None:
                    return
        finally:
            self.remove(job)
            job.watch.end()

    def remove(self, job: Job) -> None:
        """Forget a text; its place is free at once."""
        with self.news:
            for queue in (self.active, self.waiting):
                if job in queue:
                    queue.remove(job)
            self.count()
            self.news.notify()

    def count(self) -> None:
        """Show how many texts there are; the lock is held."""
        self.observer.active.set(len(self.active))
        self.observer.waiting.set(len(self.waiting))

    def next_job(self) -> Job | None:
        """Return the text whose turn it is, or None at the end; waits while there is nothing to do."""
        with self.news:
            while not self.closed:
                while self.waiting and len(self.active) < self.most_active:
                    self.active.append(self.waiting.popleft())
                self.count()
                if self.active:
                    self.active.rotate(-1)
                    return self.active[-1]
                self.news.wait()
        return None

    def work(self) -> None:
        """Write: one step of one text, then the next text's turn."""
        while (job := self.next_job()) is not None:
            try:
                result: Drawn | Exception | None = job.text.advance()
            except Exception as error:
                logger.exception("a text failed")
                result = error
                job.watch.reason = "error"
            if isinstance(result, Drawn):
                job.watch.token(result.finished)
            if isinstance(result, Exception) or (result is not None and result.finished is not None):
                self.remove(job)
            if result is not None:
                job.hand_over(result)

    def close(self) -> None:
        """End the thread; clients that still wait for a text get an error."""
        with self.news:
            self.closed = True
            self.news.notify()
            for job in (*self.active, *self.waiting):
                job.hand_over(BusyError())
        self.thread.join(timeout=10)
