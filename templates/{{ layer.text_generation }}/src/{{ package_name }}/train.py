"""Pipeline stage `train`: train the network, or fine-tune a pretrained one, and export it to ONNX.

Reads data/prepared/, data/pretrained/ and params.yaml (`model`, `train`); writes models/candidate/ and
reports/training.json, and shows its curves live in MLflow. Run by `dvc repro`, which is what `uv run poe train` does. A
run that was killed goes on from its last round when it is started again.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from accelerate import Accelerator
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import tracking
from .acceleration import describe, make_accelerator
from .checkpoints import Checkpoints, identity_of
from .config import CANDIDATE, REPORTS
from .copies import checksum_of
from .dataset import PARTS, TOKENIZER, Part, load_part, tokens_file
from .export import export_onnx
from .loop import Progress, fit
from .metrics import bits_per_character, token_loss
from .network import new_network, plain
from .optimisation import optimisers, schedules
from .params import Params, load_params
from .predict import Card, Predictor
from .pretrained import FOLDER
from .scoring import judged, of_network, sizes_of
from .tokenizer import end_token, token_bytes
from .windows import windows

CHECKPOINTS = Path("models/checkpoints")
# Beginnings of test documents that the demo page offers, and their words.
PROMPTS, PROMPT_WORDS = 3, 12


class TextTask:
    """What `loop.fit` needs to know: batches, loss and validation of a language model.

    Attributes:
        epoch_tokens: Tokens that a round is trained on, of all processes together.
    """

    def __init__(self, train: Part, validation: Part, tokenizer: Tokenizer, params: Params) -> None:
        self.tokens = np.concatenate(train.tokens)
        self.context, self.params = params.model.context, params.train
        if len(self.tokens) <= self.context:
            raise SystemExit(
                f"error: {len(self.tokens)} tokens for training are less than one window: bring more text, or set "
                f"'model.context' (now {self.context}) to less in params.yaml"
            )
        self.validation = list(validation.first(params.train.validation_tokens))
        self.sizes = sizes_of(self.validation, token_bytes(tokenizer))
        self.rank, self.world, self.device = 0, 1, torch.device("cpu")

    def place(self, accelerator: Accelerator) -> None:
        """Take this process' share of the work, on its device.

        Raises:
            SystemExit: If the batch cannot be divided by the number of processes.
        """
        self.rank, self.world, self.device = accelerator.process_index, accelerator.num_processes, accelerator.device
        if self.params.batch_size % self.world:
            raise SystemExit(
                f"error: a batch of {self.params.batch_size} cannot be divided among {self.world} processes"
            )

    @property
    def steps(self) -> int:
        """Steps of a round."""
        return self.params.round_steps

    @property
    def epoch_tokens(self) -> int:
        """Tokens that a round is trained on, of all processes together."""
        return self.steps * self.params.batch_size * self.context

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process' part of each batch, on its device."""
        places: dict[str, int] = {"seed": self.params.seed, "epoch": epoch, "rank": self.rank, "world": self.world}
        for inputs, targets in windows(self.tokens, self.context, self.params.batch_size, self.steps, **places):
            yield inputs.to(self.device), targets.to(self.device)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean loss of a token in nats."""
        inputs, targets = batch
        return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return loss and bits per character on the validation part.

        Every process looks at all of it, so that all agree on the best round.
        """
        losses = judged(of_network(model, self.device), self.validation, self.context)
        return {
            "loss": token_loss(self.sizes, losses),
            "bits_per_character": bits_per_character(self.sizes, losses),
        }


def identity(params: Params) -> str:
    """Return the checksum of what decides the result: parameters, data, and the code of model and training."""
    here = Path(__file__).parent
    code = [here / f"{name}.py" for name in ("loop", "model", "muon", "network", "optimisation", "train", "windows")]
    sections = [section.model_dump() for section in (params.model, params.train)]
    data = [tokens_file("train"), tokens_file("validation"), TOKENIZER, *sorted(FOLDER.glob("*"))]
    return identity_of(sections, files=[*code, *data])


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights that training has changed; of a fine-tuned network these are LoRA's alone."""
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    return {name: weight.cpu() for name, weight in model.state_dict().items() if name in trained}


def prompts_of(part: Part) -> list[str]:
    """Return how some documents begin, for the demo page."""
    beginnings = (" ".join(document.text.split()[:PROMPT_WORDS]) for document in part.documents)
    return list(dict.fromkeys(beginnings))[:PROMPTS]


def log_model(mlflow: Any, graph: bytes) -> str:
    """Store the exported graph in the run, with its signature; returns its address."""
    import onnx

    signature = mlflow.models.infer_signature(np.zeros(2, np.int64), {"logits": np.zeros((2, 1), np.float32)})
    logged = mlflow.onnx.log_model(
        onnx.load_from_string(graph),
        name="model",
        signature=signature,
        pip_requirements=tracking.pinned(["onnx", "onnxruntime", "numpy", "tokenizers"]),
    )
    return str(logged.model_uri)


def start_record(mlflow: Any, params: Params, task: TextTask, accelerator: Accelerator, model: nn.Module) -> str:
    """Write into the run what is trained on what and where; returns the run's identifier."""
    mlflow.set_tags({"data_md5": tracking.data_hash(params.data.path), "git_commit": tracking.git_commit()})
    mlflow.set_tags(describe(accelerator))
    counts = weights_of(model)
    mlflow.log_params({**params.model.model_dump(), **params.train.model_dump(), **counts})
    print(
        f"{counts['weights']:,} weights, {counts['trained_weights']:,} of them trained, {len(task.tokens):,} tokens of "
        f"text, on {accelerator.device}"
    )
    return str(mlflow.active_run().info.run_id)


def weights_of(model: nn.Module) -> dict[str, int]:
    """Count the weights of a network, and those that are trained."""
    weights = list(model.parameters())
    return {
        "weights": sum(weight.numel() for weight in weights),
        "trained_weights": sum(weight.numel() for weight in weights if weight.requires_grad),
    }


def finish(
    mlflow: Any, model: nn.Module, tokenizer: Tokenizer, params: Params, parts: Mapping[str, Part], progress: Progress
) -> None:
    """Export the trained network, and write the model folder and reports/training.json."""
    model.cpu().eval()
    counts, weights = weights_of(model), trained_weights(model)
    network = plain(model)
    shape = network.shape
    graph = export_onnx(network)
    card = Card(
        name=tracking.PROJECT,
        context=params.model.context,
        layers=shape.layers,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        end_token=end_token(tokenizer),
        prompts=prompts_of(parts["test"]),
        seen=[checksum_of(each) for name in ("train", "validation") for each in parts[name].documents],
        origin=tracking.origin(mlflow.active_run().info.run_id, log_model(mlflow, graph), params.data.path),
    )
    Predictor.of(graph, card, tokenizer).save(CANDIDATE, graph)
    save_file(weights, str(CANDIDATE / "weights.safetensors"))
    mlflow.log_metric("best_round", progress.best_epoch)
    REPORTS.mkdir(exist_ok=True)
    training = {
        "best_round": progress.best_epoch,
        **counts,
        "round_tokens": params.train.round_steps * params.train.batch_size * params.model.context,
        "rounds": progress.history,
    }
    (REPORTS / "training.json").write_text(json.dumps(training, indent=2) + "\n", encoding="utf-8")
    print(f"Model {card.version}, best after round {progress.best_epoch}, is in {CANDIDATE}")


def main() -> None:
    """Train, export, and record the run."""
    params = load_params()
    parts = {name: load_part(name) for name in PARTS}
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    accelerator = make_accelerator(params.train.seed)
    task = TextTask(parts["train"], parts["validation"], tokenizer, params)
    task.place(accelerator)
    model = new_network(params.model, tokenizer.get_vocab_size())
    if params.train.compile:
        model.compile()
    optimizers = optimisers(model, params.train)
    checkpoints = Checkpoints(CHECKPOINTS, identity(params))

    # One process writes and talks to MLflow; the others only compute.
    record: Any = tracking.run(checkpoints.run_id) if accelerator.is_main_process else nullcontext()
    with record as mlflow:
        if mlflow is not None:
            checkpoints.own(start_record(mlflow, params, task, accelerator, model))
        accelerator.wait_for_everyone()

        def report(figures: Mapping[str, float]) -> None:
            number, seconds = int(figures["epoch"]), figures["epoch_seconds"]
            rate = task.epoch_tokens / seconds
            mlflow.log_metrics({**figures, "tokens_per_second": rate}, step=number)
            print(
                f"round {number:3d}/{params.train.rounds}: training loss {figures['train_loss']:.4f}, validation loss "
                f"{figures['validation_loss']:.4f}, bits per character {figures['validation_bits_per_character']:.4f} "
                f"({seconds:.0f} s, {rate:,.0f} tokens/s)",
                flush=True,
            )

        progress = fit(
            accelerator,
            model,
            optimizers,
            schedules(optimizers, params.train),
            task,
            epochs=params.train.rounds,
            patience=params.train.patience,
            checkpoints=checkpoints,
            report=report,
            clip=params.train.clip,
        )
        if mlflow is not None:
            finish(mlflow, model, tokenizer, params, parts, progress)
            checkpoints.remove()
    accelerator.end_training()


if __name__ == "__main__":
    main()
