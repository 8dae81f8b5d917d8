"""Pipeline stage `evaluate`: how good is the candidate, where is it weak, where does it look, is its export the same?

Reads models/candidate/, data/prepared/, data/baselines.npz and params.yaml (`evaluate`); writes reports/metrics.json,
the pictures and the tables in reports/, and adds them to the MLflow run. Run by `dvc repro`.
"""

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_model

from . import plots, tracking
from .baselines import BASELINES
from .batches import as_tensor
from .bootstrap import with_intervals
from .calibration import Floats, probabilities
from .config import CANDIDATE, REPORTS
from .dataset import Labels, Part, load_part
from .export import TOLERANCE
from .gradcam import gradcam
from .metrics import (
    CLASS_METRICS,
    METRICS,
    accuracy,
    calibration_error,
    confusion,
    per_class,
    reliability,
)
from .model import ImageClassifier, new_model
from .params import Params, load_params
from .predict import Predictor
from .robustness import robustness
from .train import logits_of

# PyTorch's answers are compared with the graph's on so many test images: the graph is the same for all of them.
COMPARED = 2000
SHOWN_MISTAKES = 24
# Fifteen variants of so many test images: enough for the second digit, and a fraction of the time of all of them.
DISTURBED = 2500


def check_export(native: NDArray[np.float32], exported: NDArray[np.float32]) -> float:
    """Return the largest difference between a logit of PyTorch and of the ONNX export.

    Raises:
        SystemExit: If it is above the tolerance: the service would answer something else than was trained.
    """
    difference = float(np.max(np.abs(native - exported)))
    if difference > TOLERANCE:
        raise SystemExit(
            f"error: the ONNX export differs from PyTorch by {difference:.2e}; allowed are {TOLERANCE:g} (export.py)"
        )
    return difference


def trained_model(params: Params, part: Part) -> ImageClassifier:
    """Read the weights of the candidate back.

    Args:
        params: Which network.
        part: Any part of the data: it tells channels and classes.
    """
    model = new_model(params.model, as_tensor(part.images[:2]), len(part.classes))
    load_model(model, CANDIDATE / "weights.safetensors")
    return model.eval()


def one_hot(labels: Labels, classes: int) -> Floats:
    """Return named classes as probabilities of 0 and 1, shape (n, classes)."""
    return np.eye(classes)[labels]


def worst_mistakes(truth: Labels, predicted: Floats) -> NDArray[np.int64]:
    """Return the mistakes that the network is surest of, surest first."""
    wrong = np.flatnonzero(predicted.argmax(axis=1) != truth)
    return wrong[np.argsort(-predicted[wrong].max(axis=1), kind="stable")][:SHOWN_MISTAKES]


def one_of_each(truth: Labels, classes: int) -> NDArray[np.int64]:
    """Return the first image of each class."""
    return np.array([int(np.argmax(truth == label)) for label in range(classes)])


def judged(params: Params, test: Part, predicted: Floats) -> dict[str, Any]:
    """Return the metrics of the network and of the baselines, with intervals."""
    seed, samples = params.evaluate.seed, params.evaluate.bootstrap_samples
    with np.load(BASELINES) as named:
        baselines = {
            name: with_intervals(CLASS_METRICS, test.labels, one_hot(named[name], len(test.classes)), samples, seed)
            for name in named.files
        }
    return {
        "rows": len(test.labels),
        "model": with_intervals(METRICS, test.labels, predicted, samples, seed),
        "baselines": baselines,
    }


def draw_images(test: Part, predicted: Floats, model: ImageClassifier) -> None:
    """Draw the pictures that show test images: mistakes, and where the network looks."""
    plots.mistakes(test, predicted, worst_mistakes(test.labels, predicted))
    shown = one_of_each(test.labels, len(test.classes))
    images = as_tensor(test.images[shown])
    maps = gradcam(model, images, torch.from_numpy(predicted[shown].argmax(axis=1)))
    plots.gradcam(test, predicted, shown, maps.numpy())


def main() -> None:
    """Evaluate on the test part, compare with the baselines, and record the results."""
    params = load_params()
    test = load_part("test")
    predictor = Predictor.load(CANDIDATE, threads=0)
    temperature = predictor.card.temperature
    model = trained_model(params, test)
    logits = predictor.logits(test.images)
    predicted = probabilities(logits, temperature)
    native = logits_of(model, as_tensor(test.images[:COMPARED]), torch.device("cpu")).numpy()
    difference = check_export(native, logits[:COMPARED])

    reliable = {
        name: reliability(test.labels, each)
        for name, each in {"before": probabilities(logits, 1.0), "after": predicted}.items()
    }
    counts = confusion(test.labels, predicted.argmax(axis=1), len(test.classes))
    results = judged(params, test, predicted)
    results["calibration_error"] = {name: calibration_error(each) for name, each in reliable.items()}
    results["temperature"] = temperature
    results["export"] = {"largest_difference": difference, "tolerance": TOLERANCE}
    some, truth = test.images[:DISTURBED], test.labels[:DISTURBED]
    strengths = robustness(some, lambda images: accuracy(truth, predictor.probabilities(images)), params.evaluate.seed)

    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "metrics.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    per_class(counts, test.classes).to_csv(REPORTS / "per_class.csv", index=False, float_format="%.6g")
    strengths.to_csv(REPORTS / "robustness.csv", index=False, float_format="%.6g")
    plots.reliability(reliable)
    plots.confusion(counts, test.classes)
    plots.robustness(strengths)
    plots.training(json.loads((REPORTS / "training.json").read_text(encoding="utf-8"))["epochs"])
    draw_images(test, predicted, model)

    with tracking.run(predictor.card.origin["run_id"]) as mlflow:
        mlflow.log_metrics({f"test_{name}": result["value"] for name, result in results["model"].items()})
        mlflow.log_metrics(
            {f"baseline_{name}_accuracy": each["accuracy"]["value"] for name, each in results["baselines"].items()}
        )
        mlflow.log_metric("calibration_error", results["calibration_error"]["after"])
        mlflow.log_artifacts(str(REPORTS), "reports")
    reached = results["model"]["accuracy"]
    others = ", ".join(f"{name} {each['accuracy']['value']:.2%}" for name, each in results["baselines"].items())
    print(f"Accuracy {reached['value']:.2%} ({reached['low']:.2%} to {reached['high']:.2%}); baselines: {others}")


if __name__ == "__main__":
    main()
