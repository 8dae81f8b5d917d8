"""What `POST /generate` takes and answers. `api.py` and `openai_api.py` use it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Longer prompts are refused before they are cut into tokens, which takes time for each character.
LONGEST_PROMPT = 50_000

StopText = Annotated[str, Field(min_length=1, max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class GenerateRequest(BaseModel):
    """A text to continue, and how."""

    model_config = ConfigDict(extra="forbid", strict=True)  # "5" is no number

    prompt: str = Field(max_length=LONGEST_PROMPT, description="The beginning of the text; may be empty")
    max_tokens: int | None = Field(default=None, ge=1, description="At most; as many as fit if not given")
    temperature: float = Field(default=0.8, ge=0, le=10, description="0 always takes the most probable token")
    top_k: int = Field(default=0, ge=0, le=100_000, description="Only so many tokens are possible; 0 for all")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Only tokens that together are so probable are possible")
    seed: Seed | None = Field(default=None, description="The same seed writes the same text; drawn if not given")
    stop: Annotated[list[StopText], Field(max_length=4)] | StopText = Field(
        default_factory=list, description="Texts before which to stop"
    )
    alternatives: int = Field(default=0, ge=0, le=20, description="How many probable tokens to name at each place")
    stream: bool = Field(default=False, description="Answer token by token, as server-sent events")


class Alternative(BaseModel):
    """A token that would have been possible."""

    text: str
    probability: float


class Written(BaseModel):
    """A token that was written; in a stream, the data of an event.

    Attributes:
        text: What it adds to the text; empty while a character is not complete.
        probability: Before temperature and cuts.
        alternatives: The most probable tokens at this place, most probable first.
    """

    text: str
    probability: float
    alternatives: list[Alternative]


class Usage(BaseModel):
    """What a text took."""

    prompt_tokens: int
    completion_tokens: int


class Generated(BaseModel):
    """Answer of `POST /generate`; in a stream, the data of the event `done`.

    Attributes:
        model_version: The model that wrote.
        text: The continuation, without the prompt.
        finish_reason: `stop` at the end of a document or a stop text, `length` otherwise.
        seed: Writes the same text again.
        tokens: Each token, if alternatives were asked for; else empty.
    """

    model_version: str
    text: str
    finish_reason: str
    seed: int
    usage: Usage
    tokens: list[Written]


def stops_of(stop: list[str] | str) -> list[str]:
    """Return stop texts as a list."""
    return [stop] if isinstance(stop, str) else stop
