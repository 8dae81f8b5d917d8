"""Pipeline stage `train`: train the network, find its temperature, export it to ONNX.

Reads data/prepared/ and params.yaml (`model`, `augment`, `train`); writes models/candidate/ and reports/training.json,
and shows its curves live in MLflow. Run by `dvc repro`, which is what `uv run poe train` does. A run that was killed
goes on from its last epoch when it is started again.
"""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from accelerate import Accelerator
from PIL import Image
from safetensors.torch import save_model
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from . import tracking
from .acceleration import describe, make_accelerator
from .batches import as_tensor, batches
from .calibration import Floats, probabilities
from .checkpoints import Checkpoints, identity_of
from .config import CANDIDATE, REPORTS
from .dataset import Labels, Part, load_part, part_file
from .export import export_onnx
from .images import Pixels
from .loop import Progress, fit
from .metrics import log_loss
from .model import ImageClassifier, new_model
from .params import AugmentSection, Params, TrainSection, load_params
from .predict import Card, Predictor, border_of

CHECKPOINTS = Path("models/checkpoints")
# Images that are judged at once; more need more memory and save no time.
JUDGED_AT_ONCE = 500
# The one-cycle schedule (Smith 2018): from a tenth of the peak up to it in the first fifth of all steps, then down to
# nearly nothing along a cosine.
WARM_UP, FIRST, LAST = 0.2, 10.0, 1000.0


class ImageTask:
    """What `loop.fit` needs to know: batches, loss and validation of an image classifier."""

    def __init__(self, train: Part, validation: Part, params: TrainSection, augmentation: AugmentSection) -> None:
        self.images, self.labels = as_tensor(train.images), torch.from_numpy(train.labels)
        self.validation_images = as_tensor(validation.images)
        self.validation_labels = torch.from_numpy(validation.labels)
        self.params, self.augmentation = params, augmentation
        # A data set smaller than a batch is a batch.
        self.batch_size = min(params.batch_size, len(self.images))
        self.rank, self.world, self.device = 0, 1, torch.device("cpu")

    def place(self, accelerator: Accelerator) -> None:
        """Take this process' share of the work, on its device.

        Raises:
            SystemExit: If the batch cannot be divided by the number of processes.
        """
        self.rank, self.world, self.device = accelerator.process_index, accelerator.num_processes, accelerator.device
        if self.batch_size % self.world:
            raise SystemExit(f"error: a batch of {self.batch_size} cannot be divided among {self.world} processes")

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return len(self.images) // self.batch_size

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process' part of each batch, on its device."""
        places: dict[str, int] = {"seed": self.params.seed, "epoch": epoch, "rank": self.rank, "world": self.world}
        for images, labels in batches(self.images, self.labels, self.batch_size, self.augmentation, **places):
            yield images.to(self.device), labels.to(self.device)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the cross entropy; smoothed labels ask for a little less than 1 (Szegedy et al. 2016)."""
        images, labels = batch
        return F.cross_entropy(model(images), labels, label_smoothing=self.params.label_smoothing)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return loss and accuracy on the validation images.

        Every process looks at all of them: it takes a second, and all agree on the best epoch.
        """
        logits = logits_of(model, self.validation_images, self.device)
        labels = self.validation_labels
        right = (logits.argmax(1) == labels).double().mean()
        return {"loss": float(F.cross_entropy(logits, labels)), "accuracy": float(right)}


def logits_of(model: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Return the logits of images in evaluation mode, on the CPU, shape (n, classes)."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(some.to(device)).float().cpu() for some in images.split(JUDGED_AT_ONCE)])  # type: ignore[no-untyped-call]


def optimisation(model: nn.Module, params: TrainSection, steps: int) -> tuple[torch.optim.SGD, Any]:
    """Return the optimiser, SGD with Nesterov momentum, and its schedule.

    Args:
        model: Its weights are drawn towards zero; biases and normalisation are left alone.
        params: Learning rate and weight decay.
        steps: Of the whole training.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in trained if each.ndim > 1], "weight_decay": params.weight_decay},
        {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=params.learning_rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=params.learning_rate,
        total_steps=steps,
        pct_start=WARM_UP,
        div_factor=FIRST,
        final_div_factor=LAST,
        cycle_momentum=False,
    )
    return optimizer, schedule


def fitted_temperature(logits: np.ndarray, labels: Labels) -> float:
    """Return the temperature with the smallest log loss on the validation images."""

    def loss(exponent: float) -> float:
        return log_loss(labels, probabilities(logits, float(np.exp(exponent))))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def png_of(image: Pixels) -> str:
    """Return an image of shape (height, width, channels) as a PNG file in base64."""
    file = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def identity(params: Params) -> str:
    """Return the checksum of what decides the result: parameters, data, and the code of model and training."""
    here = Path(__file__).parent
    code = [here / f"{name}.py" for name in ("batches", "loop", "model", "train")]
    sections = [section.model_dump() for section in (params.model, params.augment, params.train)]
    return identity_of(sections, files=[part_file("train"), part_file("validation"), *code])


def save_candidate(predictor: Predictor, graph: bytes, model: nn.Module, folder: Path) -> None:
    """Write the model folder: card and graph for the service, weights for evaluation."""
    folder.mkdir(parents=True, exist_ok=True)
    card = predictor.card
    (folder / card.graph_file).write_bytes(graph)
    (folder / "model.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    save_model(model, str(folder / "weights.safetensors"))


def log_model(mlflow: Any, graph: bytes, images: Pixels) -> str:
    """Store the exported graph in the run, with its signature; returns its address."""
    import onnx

    example = images[:2].transpose(0, 3, 1, 2)
    signature = mlflow.models.infer_signature(example, {"logits": np.zeros((2, 1), np.float32)})
    logged = mlflow.onnx.log_model(
        onnx.load_from_string(graph),
        name="model",
        signature=signature,
        pip_requirements=tracking.pinned(["onnx", "onnxruntime", "numpy"]),
    )
    return str(logged.model_uri)


def weights_of(model: nn.Module) -> int:
    """Count the weights of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def start_record(mlflow: Any, params: Params, train: Part, accelerator: Accelerator, model: nn.Module) -> str:
    """Write into the run what is trained on what and where; returns the run's identifier."""
    mlflow.set_tags({"data_md5": tracking.data_hash(params.data.path), "git_commit": tracking.git_commit()})
    mlflow.set_tags(describe(accelerator))
    weights = weights_of(model)
    mlflow.log_params({**params.model.model_dump(), **params.train.model_dump(), "weights": weights})
    mlflow.log_params({f"augment_{name}": value for name, value in params.augment.model_dump().items()})
    print(f"{weights:,} weights, {len(train.labels):,} images of {len(train.classes)} classes, on {accelerator.device}")
    return str(mlflow.active_run().info.run_id)


def finish(
    mlflow: Any,
    model: ImageClassifier,
    task: ImageTask,
    params: Params,
    validation: Part,
    test: Part,
    progress: Progress,
) -> None:
    """Calibrate and export the trained network, and write the model folder and reports/training.json."""
    model.cpu().eval()
    logits = logits_of(model, task.validation_images, torch.device("cpu")).numpy()
    graph = export_onnx(model, task.validation_images[:2])
    card = Card(
        name=tracking.PROJECT,
        classes=validation.classes,
        size=params.data.size,
        channels=params.data.channels,
        temperature=fitted_temperature(logits, validation.labels),
        border=float(np.median(border_of(validation.images))),
        example="",
        example_class="",
        origin=tracking.origin(
            mlflow.active_run().info.run_id, log_model(mlflow, graph, validation.images), params.data.path
        ),
    )
    predictor = Predictor.of(graph, card)
    shown = usual_image(predictor.probabilities(test.images), test.labels)
    card.example, card.example_class = png_of(test.images[shown]), test.classes[test.labels[shown]]
    save_candidate(predictor, graph, model, CANDIDATE)
    mlflow.log_metrics({"best_epoch": progress.best_epoch, "temperature": card.temperature})
    REPORTS.mkdir(exist_ok=True)
    training = {
        "best_epoch": progress.best_epoch,
        "temperature": card.temperature,
        "weights": weights_of(model),
        "epochs": progress.history,
    }
    (REPORTS / "training.json").write_text(json.dumps(training, indent=2) + "\n", encoding="utf-8")
    print(f"Model {card.version}, best after epoch {progress.best_epoch}, is in {CANDIDATE}")


def usual_image(predicted: Floats, labels: Labels) -> int:
    """Return the image of usual difficulty among those that are classified right, as the example."""
    sure = np.where(predicted.argmax(axis=1) == labels, predicted.max(axis=1), np.nan)
    middle = 1.0 if np.isnan(sure).all() else np.nanmedian(sure)
    return int(np.abs(np.nan_to_num(sure, nan=2.0) - middle).argmin())


def main() -> None:
    """Train, calibrate, export, and record the run."""
    params = load_params()
    train, validation, test = (load_part(name) for name in ("train", "validation", "test"))
    accelerator = make_accelerator(params.train.seed)
    task = ImageTask(train, validation, params.train, params.augment)
    task.place(accelerator)
    model = new_model(params.model, task.images, len(train.classes))
    optimizer, schedule = optimisation(model, params.train, params.train.epochs * task.steps)
    checkpoints = Checkpoints(CHECKPOINTS, identity(params))

    # One process writes and talks to MLflow; the others only compute.
    record: Any = tracking.run(checkpoints.run_id) if accelerator.is_main_process else nullcontext()
    with record as mlflow:
        if mlflow is not None:
            checkpoints.own(start_record(mlflow, params, train, accelerator, model))
        accelerator.wait_for_everyone()

        def report(figures: Mapping[str, float]) -> None:
            epoch, seconds = int(figures["epoch"]), figures["epoch_seconds"]
            rate = task.steps * task.batch_size / seconds
            mlflow.log_metrics({**figures, "images_per_second": rate}, step=epoch)
            print(
                f"epoch {epoch:3d}/{params.train.epochs}: training loss {figures['train_loss']:.4f}, validation loss "
                f"{figures['validation_loss']:.4f}, accuracy {figures['validation_accuracy']:.2%} "
                f"({seconds:.0f} s, {rate:,.0f} images/s)",
                flush=True,
            )

        progress = fit(
            accelerator,
            model,
            [optimizer],
            [schedule],
            task,
            epochs=params.train.epochs,
            patience=params.train.patience,
            checkpoints=checkpoints,
            report=report,
        )
        if mlflow is not None:
            finish(mlflow, model, task, params, validation, test, progress)
            checkpoints.remove()
    accelerator.end_training()


if __name__ == "__main__":
    main()
