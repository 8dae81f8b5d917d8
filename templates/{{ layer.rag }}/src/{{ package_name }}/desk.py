"""Where questions wait for their turn, and documents are added. `api.py` stands before it.

Search and model take from milliseconds to seconds of the processor, so they run in threads: a few answers at the same
time, and some that wait. More are refused, before everybody waits too long.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from prometheus_client import CollectorRegistry

from .added import Added, extended, load_all
from .answering import Sentence
from .assistant import Answer, Assistant, Turn
from .generators import GeneratorError, open_generator
from .knowledge_base import KnowledgeBase
from .observed import Observer
from .settings import Settings

logger = logging.getLogger(__name__)

# What is handed on while an answer comes about: the answer so far, and its new sentence if there is one.
Step = tuple[Answer, Sentence | None]


class Desk:
    """A knowledge base and a language model at work."""

    def __init__(self, folder: Path, settings: Settings, registry: CollectorRegistry) -> None:
        """Open everything.

        Raises:
            OSError: If a file is not there, or a server does not answer.
            ValueError: If the files are damaged, or the embedder is another.
        """
        self.settings, self.observer = settings, Observer(registry)
        self.base = KnowledgeBase.open(folder, settings, threads=1)
        self.added = load_all(settings.documents_dir, self.base.embedder)
        note = ""
        try:
            generator = open_generator(settings)
        except GeneratorError as error:  # answers that quote are better than none
            generator, note = None, f"The language model is unavailable, so this answer quotes the documents. ({error})"
            logger.error("no language model: %s", error)
        self.assistant = Assistant(extended(self.base, self.added), generator, note)
        self.threads = ThreadPoolExecutor(settings.max_answers, thread_name_prefix="answer")
        self.changing = asyncio.Lock()
        self.turns = asyncio.Semaphore(settings.max_answers)
        self.waiting = 0

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the knowledge base that a person may want to read."""
        generator = self.assistant.generator
        return self.base.info | {
            "generator": "extractive" if generator is None else generator.name,
            "added_documents": sorted(self.added),
            "takes_documents": self.settings.needs_key,
        }

    @property
    def version(self) -> str:
        """Version of the knowledge base."""
        return self.base.card.version

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def steps(self, question: str, history: Sequence[Turn]) -> AsyncGenerator[Step]:
        """Answer a question; yields when the passages are found, with each sentence, and at the end.

        Whoever stops listening ends the answer.

        Raises:
            HTTPException: 503 if too many questions wait, or the embedder or the vector database does not answer.
        """
        if self.turns.locked() and self.waiting >= self.settings.max_waiting:
            self.observer.refused.inc()
            raise HTTPException(503, "Too many questions wait. Try again soon.", {"Retry-After": "5"})
        self.waiting += 1
        self.observer.waiting.set(self.waiting)
        try:
            await self.turns.acquire()
        finally:
            self.waiting -= 1
            self.observer.waiting.set(self.waiting)
        try:
            with self.observer.active.track_inprogress():
                async with aclosing(self.in_thread(question, history)) as steps:
                    async for step in steps:
                        yield step
        finally:
            self.turns.release()

    async def in_thread(self, question: str, history: Sequence[Turn]) -> AsyncGenerator[Step]:
        """Let a thread answer, and yield what it hands over."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Step | None]()
        gone = threading.Event()
        assistant = self.assistant  # a document that is added meanwhile belongs to the next question

        def tell(answer: Answer, sentence: Sentence | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (answer, sentence))

        def work() -> Answer:
            try:
                return assistant.ask(question, history, tell, gone.is_set)
            finally:
                loop.call_soon_threadsafe(queue.put_nowait, None)

        working = loop.run_in_executor(self.threads, work)
        kind = "disconnect"
        try:
            while (step := await queue.get()) is not None:
                yield step
            kind = "error"
            try:
                answer = await working
            except OSError as error:
                logger.error("no answer: %s", error)
                raise HTTPException(503, f"The question cannot be answered now: {error}") from error
            kind = ""
            self.observer.answered(answer)
            yield answer, None
        finally:
            gone.set()
            if kind:
                self.observer.answers.labels(kind).inc()
            # The turn is over when the thread is: otherwise those who leave would fill all threads.
            await asyncio.wait({working})

    async def add(self, name: str, content: bytes) -> tuple[int, bool]:
        """Add a document; returns how many passages it has, and whether it replaced one. Questions go on meanwhile.

        Raises:
            ReadingError: If it cannot be read.
            OSError: If it cannot be kept, or the embedder does not answer; then nothing has changed.
        """
        async with self.changing:
            loop = asyncio.get_running_loop()

            def work() -> tuple[Added, KnowledgeBase, bool]:
                one = Added.of(name, content, self.base.embedder)
                more = extended(self.base, self.added | {name: one})
                one.save(self.settings.documents_dir)
                return one, more, name in self.added or any(chunk.document == name for chunk in self.base.passages)

            one, more, replaced = await loop.run_in_executor(None, work)
            self.added[name] = one
            before = self.assistant
            self.assistant = Assistant(more, before.generator, before.note)
            self.observer.added.inc()
            return len(one.chunks), replaced
