"""Pipeline stage `reference`: what the model was made from, as counts that drift is measured against.

Reads data/prepared/, models/candidate/ and params.yaml; writes reports/reference.json, which promotion copies to the
model. Run by `dvc repro` after training.

All rows that the model was trained or tested on are its reference. Their probabilities come from models that had not
seen the day: out of fold for the training part, from the model itself for the test part. What a model says about rows
that it has learned by heart is surer, and better, than anything that the service will ever see.
"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .bins import bins_of
from .config import CANDIDATE, REPORTS
from .dataset import Dataset, load_dataset
from .drift import PROBABILITY, Reference, day_numbers
from .false_alarms import Floats
from .features import columns_of
from .model_folder import write_atomically
from .params import load_params
from .performance import daily_scores, happened
from .predict import Predictor
from .train import OUT_OF_FOLD

# So many of the newest days are counted: a year and a month, so that each season is in it once.
MOST_DAYS = 400
# A look at data without drift may raise a false alarm so often: at one look a week, two or three times a year.
FALSE_ALARM_RATE = 0.05


def honest_probabilities(dataset: Dataset, predictor: Predictor) -> Floats:
    """Return the probabilities of each class for training and test rows, by models that had not seen the day."""
    scores = np.load(CANDIDATE / OUT_OF_FOLD)
    test = predictor.outputs(predictor.features.from_frame(dataset.parts["test"]))
    return np.concatenate([predictor.card.calibration.probabilities(scores), test])


def make_reference(
    rows: pd.DataFrame, outcomes: NDArray[Any], probabilities: Floats, predictor: Predictor, rate: float, seed: int
) -> Reference:
    """Count the reference of a model.

    Args:
        rows: What it was made from.
        outcomes: The class of each row.
        probabilities: Of each class, by models that had not seen the row: shape (rows, classes).
        predictor: The model.
        rate: Wanted rate of false alarms in a look.
        seed: Makes the two halves repeatable, where rows have no time.
    """
    policy, columns = predictor.card.policy, predictor.card.columns
    time = predictor.features.time
    if time is None:
        number = np.random.default_rng(seed).permutation(len(rows)) % 2
    else:
        number = day_numbers(rows[time].to_numpy())
    kept = number > number.max() - MOST_DAYS
    rows, outcomes, probabilities, number = rows[kept], outcomes[kept], probabilities[kept], number[kept]
    first = int(number.min())
    day, days = number - first, int(number.max()) - first + 1

    decided = policy.decide(probabilities)
    shown = probabilities[np.arange(len(rows)), predictor.shown(decided)]
    values = columns_of(rows, columns) | {PROBABILITY: shown}
    watched = [bins_of(column.name, column.kind, values[column.name]) for column in columns if column.kind != "time"]
    watched.append(bins_of(PROBABILITY, "number", shown))
    daily = {
        each.name: np.bincount(day * each.size + each.codes(values[each.name]), minlength=days * each.size)
        for each in watched
    }
    it_happened = happened(policy, outcomes, np.array(policy.classes, dtype=object)[decided])
    return Reference(
        time=time,
        first_day=date.fromordinal(date(1970, 1, 1).toordinal() + first),
        rate=rate,
        watched=watched,
        daily={each.name: daily[each.name].reshape(days, each.size).tolist() for each in watched},
        novel={each.name: novel_rows(values[each.name], day, days) for each in watched if each.kind == "category"},
        scores=daily_scores(day, days, it_happened, shown).tolist(),
    )


def novel_rows(texts: NDArray[np.object_], day: NDArray[np.int64], days: int) -> list[int]:
    """Count on each day of the younger half the rows whose value did not occur in the older half."""
    middle = days // 2
    known = {None, *texts[day < middle]}
    new = np.array([text not in known for text in texts], dtype=np.bool_)
    counts: list[int] = np.bincount(day[new], minlength=days)[middle:].tolist()
    return counts


def main() -> None:
    """Count and write."""
    params = load_params()
    dataset = load_dataset(params)
    predictor = Predictor.load(CANDIDATE)
    rows = pd.concat([dataset.parts["train"], dataset.parts["test"]], ignore_index=True)
    outcomes = rows[dataset.contract.target].to_numpy(dtype=object)
    probabilities = honest_probabilities(dataset, predictor)
    reference = make_reference(rows, outcomes, probabilities, predictor, FALSE_ALARM_RATE, params.train.seed)
    REPORTS.mkdir(exist_ok=True)
    write_atomically(REPORTS / "reference.json", reference.model_dump_json() + "\n")
    print(
        f"Reference: {len(reference.watched)} columns of {len(rows)} rows from {reference.days} days. A look at a week "
        f"without drift raises a false alarm with a chance of {reference.rate_for(7):.1%} at most"
    )


if __name__ == "__main__":
    main()
