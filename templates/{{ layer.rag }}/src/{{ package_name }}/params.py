"""The parameters of this pipeline, as `params.yaml` holds them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .config import Fraction, PromotionSection, Section, read_params

Count = Annotated[int, Field(ge=1)]


class DataSection(Section):
    """Where the documents come from.

    Attributes:
        path: A folder of documents.
        include: Patterns of names below it; a file is used if one of them fits.
        source: What to fetch if the folder is not there.
        url: Its address.
    """

    path: str
    include: Annotated[list[str], Field(min_length=1)]
    source: Literal["python_docs"] | None = None
    url: str = ""


class ChunkSection(Section):
    """How documents are cut.

    Attributes:
        words: Of a passage, at most.
        overlap: How many words of the passage before it begins with, at most.
    """

    words: Annotated[int, Field(ge=20, le=2000)]
    overlap: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Check that each passage brings something new."""
        if self.overlap > self.words // 2:
            raise ValueError(f"overlap {self.overlap} must be at most half of words ({self.words})")
        return self


class EmbedSection(Section):
    """How passages become vectors.

    Attributes:
        model: `minilm`, `sentence-transformers:NAME` or `openai:NAME`.
        batch_size: Passages that are embedded together.
    """

    model: str
    batch_size: Count


class IndexSection(Section):
    """How vectors are searched.

    Attributes:
        kind: `exact`, `hnsw`, or `auto`: exact up to `largest_exact` passages.
        largest_exact: See there.
    """

    kind: Literal["auto", "exact", "hnsw"]
    largest_exact: Count


class QuestionsSection(Section):
    """The questions that the search is judged by.

    Attributes:
        file: A YAML file with your own.
        headings_of: Patterns of documents whose headings are questions, if they end with a question mark. These
            headings are not searched: otherwise the question would find itself.
        test: Share of the questions that is kept for the test; the rest decides how the search is set.
        seed: Of the division.
    """

    file: str
    headings_of: list[str]
    test: Fraction
    seed: int


class RetrieveSection(Section):
    """How passages are found.

    Attributes:
        count: How many go to the language model.
        candidates: How many each search hands on to the hybrid.
        dense_weights: Weights of the dense score that are tried for the hybrid.
    """

    count: Annotated[int, Field(ge=1, le=20)]
    candidates: Annotated[int, Field(ge=10)]
    dense_weights: Annotated[list[Fraction], Field(min_length=1)]


class EvaluateSection(Section):
    """How search and answers are judged.

    Attributes:
        bootstrap_samples: For the intervals.
        answers: How many answerable questions of the test part are answered in full.
        judge: Whether a language model judges the answers, too; needs one behind an API.
    """

    seed: int
    bootstrap_samples: Annotated[int, Field(ge=100)]
    answers: Count
    judge: bool


class Params(Section):
    """The whole file."""

    data: DataSection
    chunk: ChunkSection
    embed: EmbedSection
    index: IndexSection
    questions: QuestionsSection
    retrieve: RetrieveSection
    evaluate: EvaluateSection
    promotion: PromotionSection


def load_params() -> Params:
    """Read and check `params.yaml`.

    Raises:
        SystemExit: If it does not hold valid parameters; the message names the first wrong one.
    """
    return read_params(Params)
