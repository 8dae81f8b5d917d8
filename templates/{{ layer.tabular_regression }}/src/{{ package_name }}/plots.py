"""The pictures that only this stage has. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .figures import BLUE, DOTS_PER_INCH, GREY, new_figure


def residuals(truth: NDArray[np.float64], prediction: NDArray[np.float64], target: str, path: Path) -> None:
    """Draw predicted against true values, and errors against predictions, where a pattern would show a flaw."""
    figure = new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    left.scatter(truth, prediction, s=10, alpha=0.5, color=BLUE)
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    left.plot(ends, ends, color=GREY, linewidth=1)
    left.set(xlabel=f"true {target}", ylabel=f"predicted {target}", title="Predicted and true values")
    right.scatter(prediction, prediction - truth, s=10, alpha=0.5, color=BLUE)
    right.axhline(0, color=GREY, linewidth=1)
    right.set(xlabel=f"predicted {target}", ylabel="predicted - true", title="Errors")
    figure.savefig(path, dpi=DOTS_PER_INCH)
