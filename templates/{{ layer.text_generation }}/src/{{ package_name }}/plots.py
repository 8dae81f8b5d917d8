"""The pictures in reports/. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from .config import REPORTS
from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure
from .metrics import Floats


def training(rounds: Sequence[Mapping[str, float]]) -> None:
    """Draw training.png: losses, bits per character and learning rate by round."""
    figure = new_figure(12, 3.6)
    left, middle, right = figure.subplots(1, 3)
    numbers = [each["epoch"] for each in rounds]
    for name, colour in (("train_loss", GREY), ("validation_loss", BLUE)):
        left.plot(numbers, [each[name] for each in rounds], "o-", color=colour, label=name, markersize=3)
    middle.plot(numbers, [each["validation_bits_per_character"] for each in rounds], "o-", color=BLUE, markersize=3)
    right.plot(numbers, [each["learning_rate"] for each in rounds], "o-", color=BLUE, markersize=3)
    left.set(xlabel="round", title="Loss of a token, in nats")
    left.legend()
    middle.set(xlabel="round", title="Bits per character, validation")
    right.set(xlabel="round", title="Learning rate")
    figure.savefig(REPORTS / "training.png", dpi=DOTS_PER_INCH)


def documents(bits: Mapping[str, Floats]) -> None:
    """Draw documents.png: bits per character of each test document, the network's against each baseline's.

    Args:
        bits: By name, the network's as `model`; each of shape (documents,).
    """
    others = [name for name in bits if name != "model"]
    figure = new_figure(4.2 * len(others), 4.2)
    for axes, name in zip(figure.subplots(1, len(others), squeeze=False)[0], others, strict=True):
        both = np.stack([bits[name], bits["model"]])
        low, high = both.min() * 0.97, both.max() * 1.03
        axes.plot([low, high], [low, high], color=GREY, linewidth=1)
        axes.plot(bits[name], bits["model"], "o", color=BLUE, markersize=4)
        axes.set(
            xlabel=name, ylabel="network", title="Bits per character\n(below the line: the network wins)",
            xlim=(low, high), ylim=(low, high),
        )  # fmt: skip
    figure.savefig(REPORTS / "documents.png", dpi=DOTS_PER_INCH)


def position(losses: Floats, spread: Floats) -> None:
    """Draw position.png: how much does context help?

    Args:
        losses: Mean loss of a token in nats by its place in the window, shape (context,).
        spread: Standard error of each mean.
    """
    figure = new_figure(7, 3.8)
    axes = figure.subplots()
    # Neighbouring places are averaged in groups that double in size: far places differ little, and each mean is noisy.
    edges = [0, *(2**power for power in range(len(losses).bit_length()) if 2**power < len(losses)), len(losses)]
    groups = [slice(low, high) for low, high in pairwise(edges)]
    middle = [(group.start + group.stop - 1) / 2 + 1 for group in groups]
    errors = [float(np.sqrt((spread[group] ** 2).sum()) / (group.stop - group.start)) for group in groups]
    means = [float(losses[group].mean()) for group in groups]
    axes.errorbar(middle, means, yerr=errors, fmt="o-", color=BLUE, markersize=4, capsize=2)
    axes.set(
        xscale="log", xlabel="tokens before it in the window", ylabel="mean loss in nats",
        title="Loss of a token by how much came before it",
    )  # fmt: skip
    figure.savefig(REPORTS / "position.png", dpi=DOTS_PER_INCH)


def memory(overlaps: Mapping[str, Sequence[int]]) -> None:
    """Draw memory.png: characters of the longest passage that is word for word in the training text.

    Args:
        overlaps: By name of who wrote: a number for each text.
    """
    figure = new_figure(7, 1.2 + 0.6 * len(overlaps))
    axes = figure.subplots()
    for place, (name, lengths) in enumerate(overlaps.items()):
        axes.plot(lengths, [place] * len(lengths), "o", color=RED if name == "model" else GREY, alpha=0.7)
    axes.set(
        yticks=range(len(overlaps)), yticklabels=list(overlaps), ylim=(-0.5, len(overlaps) - 0.5), xlim=(0, None),
        xlabel="characters", title="Longest passage copied from the training text",
    )  # fmt: skip
    figure.savefig(REPORTS / "memory.png", dpi=DOTS_PER_INCH)
