"""After shadow mode: `uv run poe judge` compares the challenger with the champion on what really came.

Both have answered the same requests; the record holds their probabilities, and outcomes have come since. The policy is
the same as after training (`policy.py`), with the share of the classes in this window as the baseline.
"""

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from .config import CHAMPION
from .model_folder import read_folder
from .params import load_params
from .policy import PRIOR, Evidence, Verdict, decide
from .predict import Card
from .promote import gain_of, losses_of
from .releases import release, withdraw
from .settings import Settings
from .store import LoggedRequest, Store

# Fewer rows with an outcome decide nothing.
LEAST_ROWS = 2000


def compare(champion: Sequence[LoggedRequest], challenger: Sequence[LoggedRequest], store: Store) -> Evidence | None:
    """Judge both models on the rows that both have answered and whose outcome is known; None if these are too few."""
    params, settings = load_params(), Settings()
    card = read_folder(settings.challenger_dir, Card)[1]
    policy = card.policy
    positive = None if policy.positive is None else policy.classes[policy.positive]
    theirs = {request.request_id: request for request in champion}
    pairs = [(theirs[each.request_id], each) for each in challenger if each.request_id in theirs]
    outcomes = store.outcomes_of([each.request_id for _, each in pairs])
    happened, first, second, days = [], [], [], []
    for one, two in pairs:
        for place, (old, new) in enumerate(zip(json.loads(one.answers), json.loads(two.answers), strict=True)):
            outcome = outcomes.get(f"{two.request_id}-{place}")
            if outcome is not None:
                happened.append(outcome == positive)
                first.append(old)
                second.append(new)
                days.append(two.first_event.toordinal())
    if len(happened) < LEAST_ROWS or len(set(happened)) < 2:
        return None
    truth = np.array(happened)
    old_losses, new_losses = (losses_of(np.where(truth, p, 1 - p)) for p in (np.array(first), np.array(second)))
    share = truth.mean()
    prior = float(-(share * np.log(share) + (1 - share) * np.log(1 - share)))
    gain = gain_of(new_losses, old_losses, np.array(days), params.evaluate.bootstrap_samples, params.evaluate.seed)
    return Evidence(
        challenger=float(new_losses.mean()),
        champion=float(old_losses.mean()),
        baselines={PRIOR: prior},
        gain=gain,
        least_gain=params.promotion.minimum_improvement,
    )


def judge(store: Store) -> tuple[Verdict, str]:
    """Decide about the challenger by the record, and act."""
    settings = Settings()
    card = read_folder(settings.challenger_dir, Card)[1]
    always = datetime.min, datetime.max
    shadow = [each for each in store.requests_between(*always, "shadow") if each.model_version == card.version]
    if not shadow:
        return "shadow", "it has answered nothing yet"
    champion = store.requests_between(min(each.first_event for each in shadow), datetime.max, "champion")
    evidence = compare(champion, shadow, store)
    if evidence is None:
        return "shadow", f"fewer than {LEAST_ROWS} of its rows have an outcome"
    verdict, reason = decide(evidence)
    if verdict == "production":
        release(card, settings.challenger_dir, CHAMPION)
    if verdict in ("production", "keep"):
        withdraw()
    store.add_event("promotion", {"verdict": verdict, "version": card.version, "reason": reason, "after": "shadow"})
    return verdict, reason


def main() -> None:
    """Judge, and say it."""
    try:
        verdict, reason = judge(Store(Settings().database_url))
    except FileNotFoundError as error:
        raise SystemExit(f"error: no challenger to judge: there is no {error.filename}") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{verdict}: {reason}")


if __name__ == "__main__":
    main()
