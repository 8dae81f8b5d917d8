"""What the routes take and answer. `api.py` uses it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .answering import Sentence
from .assistant import Answer

LONGEST_QUESTION, LONGEST_ANSWER, LONGEST_HISTORY = 2000, 20_000, 20

QuestionText = Annotated[
    str, Field(min_length=1, max_length=LONGEST_QUESTION, pattern=r"\S", description="Must not be blank")
]


class TurnRequest(BaseModel):
    """A question of the conversation with its answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: QuestionText
    answer: str = Field(max_length=LONGEST_ANSWER)


class AskRequest(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid", strict=True)  # "5" is no number

    question: QuestionText
    history: list[TurnRequest] = Field(
        default_factory=list, max_length=LONGEST_HISTORY, description="The conversation until now, oldest first"
    )
    stream: bool = Field(default=False, description="Answer sentence by sentence, as server-sent events")


class Passage(BaseModel):
    """A passage that was found.

    Attributes:
        number: As the answer cites it.
        document: Name of the document.
        title: Title of the document.
        section: The headings above the passage, outermost first.
        start, end: Where it lies in the document's text.
        text: The passage.
        score: Of the search; higher is better, and comparable within one answer only.
    """

    number: int
    document: str
    title: str
    section: list[str]
    start: int
    end: int
    text: str
    score: float


class Citation(BaseModel):
    """A sentence of the answer and what supports it.

    Attributes:
        text: The sentence.
        number: Of the passage.
        document: Name of the document.
        section: The headings above the passage.
        start, end: Where in the document's text the supporting words stand.
        quote: Those words.
        support: The share of the sentence's words that occur in the passage.
    """

    text: str
    number: int
    document: str
    section: list[str]
    start: int
    end: int
    quote: str
    support: float


class Timings(BaseModel):
    """Milliseconds from the question: until the passages were found, until the first sentence, and until the end."""

    retrieval_ms: float
    first_text_ms: float
    total_ms: float


class TokenUsage(BaseModel):
    """Tokens that the language model read and wrote, and what they cost by the prices in the settings."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class Answered(BaseModel):
    """Answer of `POST /ask`; in a stream, the data of the event `done`.

    Attributes:
        model_version: The knowledge base.
        question: As it was searched: one that goes on with a conversation is rewritten to stand alone.
        answer: With the numbers of passages.
        refused: Whether the documents do not answer the question.
        citations: Each sentence of the answer with its passage.
        passages: What was found, best first.
        generator: What wrote the answer; `extractive` if it quotes.
        note: What one must know about how the answer came about, else empty.
    """

    model_version: str
    question: str
    answer: str
    refused: bool
    citations: list[Citation]
    passages: list[Passage]
    generator: str
    note: str
    timings: Timings
    usage: TokenUsage


class Retrieved(BaseModel):
    """In a stream, the data of the event `passages`: what was found, before anything is written."""

    question: str
    passages: list[Passage]


class DocumentAdded(BaseModel):
    """Answer of `POST /documents`.

    Attributes:
        document: Its name.
        passages: How many it was cut into.
        replaced: Whether a document of this name was there before.
    """

    document: str
    passages: int
    replaced: bool


def citation(answer: Answer, sentence: Sentence) -> Citation:
    """Describe a sentence of an answer."""
    chunk = answer.passages[sentence.passage]
    begin, end = sentence.quote
    return Citation(
        text=sentence.text,
        number=sentence.passage + 1,
        document=chunk.document,
        section=chunk.section,
        start=chunk.start + begin,
        end=chunk.start + end,
        quote=chunk.text[begin:end],
        support=round(sentence.support, 3),
    )


def passages(answer: Answer) -> list[Passage]:
    """Describe the passages of an answer."""
    keep = ("document", "title", "section", "start", "end", "text")
    return [
        Passage(number=number, score=score, **{name: getattr(chunk, name) for name in keep})
        for number, (chunk, score) in enumerate(zip(answer.passages, answer.scores, strict=True), 1)
    ]


def answered(answer: Answer, version: str) -> Answered:
    """Describe an answer."""
    seconds = {"retrieval": 0.0, "first_text": 0.0, "total": 0.0} | answer.seconds
    return Answered(
        model_version=version,
        question=answer.question,
        answer=answer.text,
        refused=answer.refused,
        citations=[citation(answer, each) for each in answer.sentences],
        passages=passages(answer),
        generator=answer.generator,
        note=answer.note,
        timings=Timings(**{f"{name}_ms": round(1000 * value, 3) for name, value in seconds.items()}),
        usage=TokenUsage(**vars(answer.usage)),
    )
