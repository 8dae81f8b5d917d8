"""Pipeline stage `ablation`: what does each feature group earn, and how good would shortcuts have looked?

The model is fitted again with the settings that the search chose: without each group of features, with the columns
that are known too late, on rows split at random, with reweighted classes; and it is asked again with a past that is not
kept up to date. All are judged before calibration. Differences are paired: both models are resampled by the same days.

Reads models/candidate/, data/prepared/ and params.yaml; writes reports/ablation.json and a plot. Run by `dvc repro`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import tracking
from .bootstrap import Floats, with_intervals
from .calibration import uncalibrated
from .config import CANDIDATE, PREPARED, REPORTS
from .dataset import Dataset, load_dataset
from .decision import Codes
from .features import Feature, Plan
from .figures import BLUE, DOTS_PER_INCH, GREY, new_figure
from .metrics import metrics_of
from .model import boosting, scores_of
from .params import Params, load_params
from .pipelines import limit_threads
from .predict import Predictor

SHOWN = ("roc_auc", "average_precision", "brier", "log_loss")
# Each resample of two models takes about 15 ms on 65,000 rows.
SAMPLES = 100


class Bench:
    """Fits and judges variants of the model on one data set."""

    def __init__(self, dataset: Dataset, settings: dict[str, float], params: Params) -> None:
        self.dataset = dataset
        self.settings = settings
        self.params = params
        self.metrics = metrics_of(dataset.policy)
        self.truth = dataset.truth("test")
        self.train = dataset.training_table(params.features.past.forget, params.train.seed)
        self.test = dataset.features().table(dataset.parts["test"])

    def fit(self, plan: Plan, extra: Sequence[pd.DataFrame] = (), weight: str | None = None) -> Floats:
        """Fit a variant and return its probabilities for the test part, shape (rows, classes).

        Args:
            plan: What it sees.
            extra: More columns for the training and for the test rows.
            weight: Another class weight than in params.yaml.
        """
        names = plan.names()
        train, test = self.train, self.test
        if extra:
            train, test = (pd.concat(pair, axis="columns") for pair in zip((train, test), extra, strict=True))
        chosen = weight or self.params.train.class_weight
        model = boosting(plan, self.settings, chosen, self.params.train.seed)
        with limit_threads(len(train)):
            model.fit(train[names], self.dataset.truth("train"))
        return uncalibrated(scores_of(model, test[names]))

    def judge(self, predicted: Floats) -> dict[str, float]:
        """Return the metrics of predictions for the test part."""
        return {name: self.metrics[name](self.truth, predicted) for name in SHOWN}


def difference(
    metric: Callable[[Codes, Floats], float],
    truth: Codes,
    pair: tuple[Floats, Floats],
    days: NDArray[Any] | None,
    seed: int,
) -> dict[str, float]:
    """Return a metric of one model minus that of another, with its interval.

    Args:
        metric: Computes the metric.
        truth: True classes, shape (n,).
        pair: Probabilities of both models, each of shape (n, classes).
        days: Day of each row; the rows of a day are resampled together.
        seed: Makes the result repeatable.
    """
    paired = {"difference": lambda true, both: metric(true, both[:, 0]) - metric(true, both[:, 1])}
    return with_intervals(paired, truth, np.stack(pair, axis=1), SAMPLES, seed, days)["difference"]


def leaking_columns(dataset: Dataset, params: Params) -> list[pd.DataFrame]:
    """Return the numeric columns that are known too late, for the training and the test rows.

    Those that the target is made from are left out: with them the answer would simply be there.
    """
    numeric = list(map(str, dataset.parts["train"].select_dtypes("number").columns))
    names = [name for name in dataset.contract.leaks if name in numeric]
    names = [name for name in names if name not in params.data.made_from(names)]
    return [dataset.parts[part][names].astype(np.float32) for part in ("train", "test")]


def without_groups(bench: Bench, full: Floats) -> list[dict[str, Any]]:
    """Leave out each group in turn."""
    days, seed = bench.dataset.days("test"), bench.params.evaluate.seed
    rows = []
    for group in bench.dataset.plan.groups():
        plan = bench.dataset.plan.without(group)
        if not plan.features:  # it is the only one
            continue
        predicted = bench.fit(plan)
        lost = difference(bench.metrics["roc_auc"], bench.truth, (predicted, full), days, seed)
        count = len(bench.dataset.plan.features) - len(plan.features)
        judged = bench.judge(predicted)
        rows.append({"group": group, "features": count, **judged, "difference": lost})
        print(f"  without {group:<9} ROC AUC {judged['roc_auc']:.4f} ({lost['value']:+.4f})", flush=True)
    return rows


def variants(bench: Bench, predictor: Predictor) -> dict[str, dict[str, float]]:
    """Judge shortcuts that look good, and changes that a reader will ask about."""
    dataset, params = bench.dataset, bench.params
    results = {"balanced": bench.judge(bench.fit(dataset.plan, weight="balanced"))}
    leaks = leaking_columns(dataset, params)
    if len(leaks[0].columns):
        late = [Feature(name=str(name), group="leaks", kind="number") for name in leaks[0].columns]
        results["with_leaks"] = bench.judge(bench.fit(Plan(features=late + dataset.plan.features), leaks))
    stale = dataset.history_of("train")
    if stale is not None:
        features = dataset.features(history=stale)
        features.tables = predictor.features.tables
        scores = predictor.run(features.from_frame(dataset.parts["test"]))
        results["stale_past"] = bench.judge(uncalibrated(scores))
    if dataset.contract.time() is not None:
        at_random = Bench(load_dataset(params, PREPARED / "random"), bench.settings, params)
        results["random_split"] = at_random.judge(at_random.fit(at_random.dataset.plan))
    for name, result in results.items():
        print(f"  {name:<17} ROC AUC {result['roc_auc']:.4f}", flush=True)
    return results


def draw(groups: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what each feature group earns: the loss of ROC AUC without it, with its interval."""
    ordered = sorted(groups, key=lambda row: -row["difference"]["value"])
    figure = new_figure(7, 0.35 * len(ordered) + 1.3)
    axes = figure.subplots()
    places = range(len(ordered))
    lost = [-row["difference"]["value"] for row in ordered]
    axes.barh(places, lost, color=BLUE)
    axes.hlines(
        places,
        [-row["difference"]["high"] for row in ordered],
        [-row["difference"]["low"] for row in ordered],
        color=GREY,
        linewidth=2,
    )
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(yticks=places, yticklabels=[row["group"] for row in ordered], xlabel="ROC AUC lost without the group")
    axes.set_title("What each feature group earns (95% interval)")
    figure.savefig(path, dpi=DOTS_PER_INCH)


def main() -> None:
    """Fit all variants and write the table."""
    params = load_params()
    dataset = load_dataset(params)
    settings = json.loads((REPORTS / "search.json").read_text(encoding="utf-8"))["best"]["settings"]
    bench = Bench(dataset, settings, params)
    predictor = Predictor.load(CANDIDATE)
    full = uncalibrated(predictor.run(predictor.features.from_frame(dataset.parts["test"])))
    results: dict[str, Any] = {
        "full": bench.judge(full),
        "groups": without_groups(bench, full),
        "variants": variants(bench, predictor),
        "leaks": dataset.contract.leaks,
    }
    (REPORTS / "ablation.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    draw(results["groups"], REPORTS / "ablation.png")
    with tracking.run(predictor.card.origin["run_id"]) as mlflow:
        for name, result in results["variants"].items():
            mlflow.log_metric(f"{name}_roc_auc", result["roc_auc"])
        mlflow.log_artifact(str(REPORTS / "ablation.json"), "reports")
        mlflow.log_artifact(str(REPORTS / "ablation.png"), "reports")


if __name__ == "__main__":
    main()
