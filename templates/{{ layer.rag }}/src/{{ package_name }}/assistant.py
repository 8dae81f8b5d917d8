"""Answers questions: rewrite, search, write, check. The service, the command line and `evaluate.py` ask it."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from .answering import LEAST_SUPPORT, SMALL_SUPPORT, Sentence, SentenceStream, check, extract, is_refusal
from .bm25 import words_of
from .documents import Chunk
from .generators import Generator, GeneratorError, Usage
from .knowledge_base import KnowledgeBase
from .prompts import REFUSAL, Prompt, passages_text, plain_passages, quoted
from .retrieval import Found

# Tokens of an answer and of a rewritten question, at most.
ANSWER_TOKENS, REWRITE_TOKENS = 300, 80
SMALL_ANSWER_TOKENS, SMALL_PASSAGES = 80, 2
# Words that point back to what was said before.
POINTERS = {
    "it", "its", "they", "them", "their", "this", "that", "these", "those", "he", "she", "his", "her", "one", "ones",
    "there", "then", "so", "same",
}  # fmt: skip
SHORT = 2  # a question with fewer words that carry meaning probably goes on with the last one

Span = Callable[..., AbstractContextManager[Any]]


def no_span(name: str, **attributes: Any) -> AbstractContextManager[Any]:
    """Trace nothing; `evaluate.py` hands over what traces to MLflow."""
    del name, attributes
    return nullcontext()


@dataclass(frozen=True)
class Turn:
    """A question of the conversation with its answer."""

    question: str
    answer: str


@dataclass
class Answer:
    """An answer and where it comes from.

    Attributes:
        question: As it was searched; it stands alone.
        sentences: Each with the passage that supports it; empty if the question is refused.
        passages: What was found, best first, with scores.
        refused: Whether the documents do not answer the question.
        generator: What wrote it: name of the model, or `extractive`.
        note: What a reader must know about how it came about, else empty.
        usage: Tokens and cost.
        seconds: Of each step; `first_text` from the question to the first sentence.
        prompt: Name and version of the prompt.
    """

    question: str
    passages: list[Chunk] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    refused: bool = False
    generator: str = "extractive"
    note: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: dict[str, float] = field(default_factory=dict)
    prompt: str = ""

    @property
    def text(self) -> str:
        """The answer with the numbers of its passages."""
        if self.refused:
            return REFUSAL
        return " ".join(f"{each.text} [{each.passage + 1}]" for each in self.sentences)


Tell = Callable[[Answer, Sentence | None], None]


def tell_nobody(answer: Answer, sentence: Sentence | None) -> None:
    """Hand on nothing."""
    del answer, sentence


def never() -> bool:
    """Go on."""
    return False


class Assistant:
    """Answers questions from a knowledge base, with a language model or without."""

    def __init__(self, base: KnowledgeBase, generator: Generator | None, note: str = "", span: Span = no_span) -> None:
        """Set up.

        Args:
            base: The documents.
            generator: The language model; None quotes.
            note: Why there is none, if there should be one.
            span: Traces a step.
        """
        self.base, self.generator, self.note, self.span = base, generator, note, span
        self.prompts = {name: Prompt(name) for name in ("answer", "answer_small", "rewrite")}

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        tell: Tell = tell_nobody,
        stopped: Callable[[], bool] = never,
    ) -> Answer:
        """Answer a question.

        Args:
            question: What is asked.
            history: The conversation until now, oldest first.
            tell: Gets the answer when the passages are found, without a sentence, and then with each sentence.
            stopped: Whether nobody waits for the answer any more.

        Raises:
            OSError: If the embedder or the vector database does not answer. A language model that does not is no error:
                the answer then quotes, and says so.
        """
        started = time.perf_counter()
        with self.span("ask", question=question):
            alone, usage = self.standalone(question, history)
            answer = Answer(question=alone, usage=usage, note=self.note)
            self.find(answer, started)
            tell(answer, None)
            if answer.refused:
                answer.seconds["first_text"] = time.perf_counter() - started
            else:
                self.write(answer, started, tell, stopped)
        answer.seconds["total"] = time.perf_counter() - started
        return answer

    def standalone(self, question: str, history: Sequence[Turn]) -> tuple[str, Usage]:
        """Rewrite a question that goes on with a conversation, so that it stands alone; returns what it took, too.

        A large model rewrites it. Otherwise the last question goes before one that is short or points back.
        """
        usage = Usage()
        if not history:
            return question, usage
        if self.generator is not None and not self.generator.small:
            said = "\n".join(f"Q: {quoted(turn.question)}\nA: {quoted(turn.answer)}" for turn in history)
            written: list[str] = []
            message = self.prompts["rewrite"].fill(conversation=said, question=question)

            def take(text: str) -> bool:
                written.append(text)
                return False

            with self.span("rewrite", prompt=message.prompt):
                try:
                    usage = self.generator.write(message, REWRITE_TOKENS, take)
                except GeneratorError:
                    written.clear()
            rewritten = " ".join("".join(written).split())
            if rewritten:
                return rewritten, usage
        points_back = POINTERS & set(question.lower().replace("?", " ").replace(",", " ").split())
        if points_back or len(set(words_of(question))) < SHORT:
            return f"{history[-1].question} {question}", usage
        return question, usage

    def find(self, answer: Answer, started: float) -> None:
        """Search the passages, and decide whether they can answer the question."""
        with self.span("retrieve", question=answer.question):
            found: Found = self.base.search(answer.question)
        answer.passages = [self.base.passages[hit.position] for hit in found.hits]
        answer.scores = [hit.score for hit in found.hits]
        answer.refused = not found.hits or found.nearest < self.base.card.choice.least_cosine
        answer.seconds["retrieval"] = time.perf_counter() - started

    def write(self, answer: Answer, started: float, tell: Tell, stopped: Callable[[], bool]) -> None:
        """Let the model write, keep what the passages support, and quote if nothing is left."""

        def add(sentence: Sentence) -> None:
            answer.seconds.setdefault("first_text", time.perf_counter() - started)
            answer.sentences.append(sentence)
            tell(answer, sentence)

        refused = False
        if self.generator is not None:
            try:
                refused = self.generate(self.generator, answer, add, stopped)
            except GeneratorError as error:
                answer.note = f"The language model is unavailable, so this answer quotes the documents. ({error})"
            else:
                if not answer.sentences and not refused:
                    answer.note = "What the language model wrote is not in the documents, so this answer quotes them."
        if refused and not answer.sentences:
            answer.refused = True
            answer.seconds["first_text"] = time.perf_counter() - started
        elif not answer.sentences and not stopped():
            answer.generator = "extractive"
            for sentence in extract(answer.question, answer.passages, self.base.bm25):
                add(sentence)
            answer.refused = not answer.sentences

    def generate(
        self, generator: Generator, answer: Answer, add: Callable[[Sentence], None], stopped: Callable[[], bool]
    ) -> bool:
        """Write sentence by sentence; returns whether the model said that the passages do not answer the question."""
        if generator.small:
            passages, limit = answer.passages[:SMALL_PASSAGES], SMALL_ANSWER_TOKENS
            message = self.prompts["answer_small"].fill(passages=plain_passages(passages), question=answer.question)
        else:
            passages, limit = answer.passages, ANSWER_TOKENS
            message = self.prompts["answer"].fill(passages=passages_text(passages), question=answer.question)
        answer.generator, answer.prompt = generator.name, message.prompt
        stream, refused = SentenceStream(), False
        least = SMALL_SUPPORT if generator.small else LEAST_SUPPORT

        def keep(texts: Sequence[str]) -> None:
            nonlocal refused
            for text in texts:
                if is_refusal(text):
                    refused = True
                elif (sentence := check(text, answer.passages, least)) is not None and not repeats(sentence, answer):
                    add(sentence)

        def take(piece: str) -> bool:
            keep(stream.add(piece))
            return stopped() or refused

        with self.span("generate", prompt=message.prompt, generator=generator.name):
            used = generator.write(message, limit, take)
        keep(stream.rest())
        answer.usage = answer.usage + used
        return refused


def repeats(sentence: Sentence, answer: Answer) -> bool:
    """Tell whether an answer has this sentence already."""
    return any(each.text == sentence.text for each in answer.sentences)
