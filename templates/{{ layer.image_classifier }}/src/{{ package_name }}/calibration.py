"""Calibration by a temperature (Guo et al. 2017, https://arxiv.org/abs/1706.04599): are nine of ten right at 90%?

Only numpy is needed here, because the service uses it; fitting is in `train.py`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def probabilities(logits: NDArray[np.float32], temperature: float) -> Floats:
    """Turn logits into probabilities, shape (n, classes); a temperature above 1 makes them more careful.

    The order of the classes does not change, nor does the class that is most probable.
    """
    scaled = logits.astype(np.float64) / temperature
    exponents = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: Floats = exponents / exponents.sum(axis=1, keepdims=True)
    return result
