"""The written policy: what becomes of a challenger. `promote.py` asks it after training, `judge.py` after shadow mode.

Models are compared on the newest rows whose outcome is known, by log loss, whole days resampled:

  production  It beats every baseline, and the champion beyond doubt: the whole 95% interval of the difference is above
              zero. It also is put into service where there is no champion yet.
  shadow      It beats every baseline, and the champion only as far as these rows can tell: it answers beside the
              champion until enough outcomes have come.
  baseline    Neither beats the share of the classes: the service says that share until a better model is trained. A
              model that is wrong in a new world is worse than one that knows nothing.
  keep        Anything else: the champion stays.
"""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["production", "shadow", "baseline", "keep"]
PRIOR = "prior"  # the name of the baseline that knows nothing but the shares of the classes


@dataclass(frozen=True)
class Gain:
    """By how much the challenger's log loss is lower than the champion's, with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What is known.

    Attributes:
        challenger: Log loss.
        champion: Log loss of the model in service, on the same rows; None where there is none that can be compared.
        baselines: The same for each baseline.
        gain: Of the challenger over the champion; None without a champion.
        least_gain: Share of the champion's log loss that the gain must exceed.
    """

    challenger: float
    champion: float | None
    baselines: dict[str, float]
    gain: Gain | None
    least_gain: float = 0.0


def decide(evidence: Evidence) -> tuple[Verdict, str]:
    """Apply the policy; returns the verdict and its reason as a sentence."""
    prior = evidence.baselines[PRIOR]
    beaten_by = [name for name, loss in evidence.baselines.items() if evidence.challenger >= loss]
    if beaten_by:
        reason = f"log loss {evidence.challenger:.4f} does not beat the {beaten_by[0]} baseline"
        if evidence.champion is not None and min(evidence.champion, evidence.challenger) >= prior:
            return "baseline", f"{reason}, and neither does the champion ({evidence.champion:.4f} against {prior:.4f})"
        return "keep", reason
    if evidence.champion is None or evidence.gain is None:
        return "production", f"log loss {evidence.challenger:.4f} beats every baseline, and there is no champion yet"
    gain, least = evidence.gain, evidence.least_gain * evidence.champion
    interval = f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    if gain.low > least:
        return "production", f"log loss is lower than the champion's beyond doubt: gain {interval}"
    if gain.value > least:
        return "shadow", f"log loss is lower than the champion's, but it may be chance: gain {interval}"
    return "keep", f"log loss is not lower than the champion's: gain {interval}"
