"""The parameters of this pipeline, as `params.yaml` holds them."""

from typing import Annotated, Literal

from pydantic import Field

from .config import Fraction, PromotionSection, Section, read_params

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class DataSection(Section):
    """Where the images come from, and what the model gets of them.

    Attributes:
        path: A folder of images by class, or of files in MNIST's IDX format.
        source: What to fetch if the folder is not there.
        url: Where the files of `source` can be downloaded.
        size: Height and width in pixels.
        channels: 1 for grey, 3 for colour.
        per_class: Images of each class and part, at most.
    """

    path: str
    source: Literal["fashion-mnist"] | None = None
    url: str
    size: Annotated[int, Field(ge=8, le=512)]
    channels: Literal[1, 3]
    per_class: Count | None = None


class SplitSection(Section):
    """How images are divided; what remains is for training."""

    seed: int
    validation: Fraction
    test: Fraction


class ModelSection(Section):
    """The network.

    Attributes:
        width: Channels of the first block.
        backbone: A pretrained network to start from.
        freeze: Whether its weights stay as they are.
        mirror: Whether to answer with the mean of the image and its mirror image.
    """

    width: Annotated[int, Field(ge=8, multiple_of=2)]
    backbone: str | None = None
    freeze: bool = False
    mirror: bool = False


class AugmentSection(Section):
    """How training images are changed at random.

    Attributes:
        flip: Mirror half of them.
        shift: Move them by up to so many pixels.
        erase: Side of the square that is blanked out.
    """

    flip: bool
    shift: Annotated[int, Field(ge=0)]
    erase: Annotated[int, Field(ge=0)]


class TrainSection(Section):
    """How the network is trained."""

    launcher: str
    seed: int
    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    patience: Count


class EvaluateSection(Section):
    """How the network is judged."""

    seed: int
    bootstrap_samples: Annotated[int, Field(ge=100)]


class Params(Section):
    """The whole file."""

    data: DataSection
    split: SplitSection
    model: ModelSection
    augment: AugmentSection
    train: TrainSection
    evaluate: EvaluateSection
    promotion: PromotionSection


def load_params() -> Params:
    """Read and check `params.yaml`.

    Raises:
        SystemExit: If it does not hold valid parameters; the message names the first wrong one.
    """
    return read_params(Params)
