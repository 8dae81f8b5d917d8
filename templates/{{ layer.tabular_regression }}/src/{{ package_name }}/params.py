"""The parameters of this pipeline, as `params.yaml` holds them."""

from typing import Literal

from .config import Fraction, PromotionSection, Section, read_params
from .sections import DataSection, EvaluateSection, SearchSection, SplitSection


class TableSection(DataSection):
    """Where the table comes from."""


class TrainSection(Section):
    """How the model is trained."""

    seed: int
    target_scale: Literal["auto", "log", "linear"]
    interval_level: Fraction
    search: SearchSection


class Params(Section):
    """The whole file."""

    data: TableSection
    split: SplitSection
    train: TrainSection
    evaluate: EvaluateSection
    promotion: PromotionSection


def load_params() -> Params:
    """Read and check `params.yaml`.

    Raises:
        SystemExit: If it does not hold valid parameters; the message names the first wrong one.
    """
    return read_params(Params)
