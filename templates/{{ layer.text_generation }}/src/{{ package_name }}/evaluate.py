"""Pipeline stage `evaluate`: how well does the candidate predict, what does it write, and what does it copy?

Reads models/candidate/, data/prepared/, data/pretrained/, data/baselines.npz and params.yaml (`evaluate`, `model`);
writes reports/metrics.json, the pictures and the samples in reports/, and adds them to the MLflow run. Run by `dvc
repro`.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer

from . import plots, tracking
from .baselines import BASELINES
from .bootstrap import with_intervals
from .config import CANDIDATE, REPORTS
from .dataset import TOKENIZER, Document, Part, load_part
from .export import TOLERANCE
from .memorisation import TrainingTexts
from .metrics import METRICS, Floats
from .model import Decoder
from .network import new_network, plain
from .params import EvaluateSection, Params, load_params
from .predict import Predictor
from .pretrained import load_pretrained
from .retention import share_right
from .samples import Sample, TorchSteps, written
from .scoring import judged, of_graph, of_network, sizes_of
from .tokenizer import Tokens

# So many tokens are read by PyTorch and by the graph, in these pieces: a prompt, then one by one.
COMPARED = 64
CPU = torch.device("cpu")


def trained_network(params: Params, vocabulary: int) -> Decoder:
    """Read the weights of the candidate back."""
    network = new_network(params.model, vocabulary)
    network.load_state_dict(load_file(CANDIDATE / "weights.safetensors"), strict=params.model.pretrained is None)
    return plain(network).eval()


def check_export(network: Decoder, predictor: Predictor, tokens: Tokens) -> float:
    """Return the largest difference between a logit of PyTorch and of the graph, which keeps what it has read.

    Raises:
        SystemExit: If it is above the tolerance: the service would answer something else than was trained.
    """
    with torch.inference_mode():
        native = network(torch.from_numpy(tokens)[None])[0].numpy()
    half = max(1, len(tokens) // 2)
    logits, past = predictor.step(tokens[:half], None)
    difference = float(np.abs(logits - native[half - 1]).max())
    for place in range(half, len(tokens)):
        logits, past = predictor.step(tokens[place : place + 1], past)
        difference = max(difference, float(np.abs(logits - native[place]).max()))
    if difference > TOLERANCE:
        raise SystemExit(
            f"error: the exported graph differs from the network by {difference:.2g} (allowed {TOLERANCE:g})"
        )
    return difference


def losses_by_position(network: Decoder, documents: Sequence[Tokens], context: int) -> tuple[Floats, Floats]:
    """Return the mean loss of a token by its place in the window, and its standard error, each of shape (context,)."""
    tokens = np.concatenate(documents)
    count = max(1, (len(tokens) - 1) // context)
    length = min(context, len(tokens) - 1)
    windows = np.stack([tokens[place * context : place * context + length + 1] for place in range(count)])
    losses_of = of_network(network, CPU)
    losses = np.concatenate([losses_of(some) for some in np.array_split(windows, -(-count // 8))])
    return losses.mean(axis=0), losses.std(axis=0) / math.sqrt(count)


def memory(samples: Sequence[Sample], train: Part) -> dict[str, Any]:
    """Measure how much of what was written, and of what people wrote there, is word for word in the training texts.

    Returns:
        For the network (`model`) and the real continuations (`people`) the longest copied passages in characters, and
        the mean share of 8-word passages that are in the training texts; and the longest passage itself.
    """
    known = TrainingTexts(train.documents)
    texts = {"model": [each.model for each in samples], "people": [each.people for each in samples]}
    overlaps = {name: [known.longest_overlap(text) for text in some] for name, some in texts.items()}
    longest = max(overlaps["model"], key=lambda each: each.characters)
    return {
        **{
            name: {
                "characters": [each.characters for each in overlaps[name]],
                "share": float(np.mean([known.overlap_share(text) for text in some])),
            }
            for name, some in texts.items()
        },
        "longest": vars(longest),
    }


def by_document(
    documents: Sequence[Document], sizes: NDArray[np.float64], losses: dict[str, Floats]
) -> dict[str, list[Any]]:
    """Return the bits per character of each document, of the network and the baselines; and the network's loss."""
    titles = [document.title for document in documents[: len(sizes)]]
    bits = {name: (each / math.log(2) / sizes[:, 0]).tolist() for name, each in losses.items()}
    return {"title": titles, "characters": sizes[:, 0].astype(int).tolist(), "loss": losses["model"].tolist(), **bits}


def with_results(sizes: NDArray[np.float64], losses: dict[str, Floats], params: EvaluateSection) -> dict[str, Any]:
    """Return the metrics of the network and of the baselines, with intervals over documents."""
    found = {
        name: with_intervals(METRICS, sizes, each, params.bootstrap_samples, params.seed)
        for name, each in losses.items()
    }
    return {"model": found.pop("model"), "baselines": found}


def main() -> None:
    """Judge the candidate on the test part, let it write, compare it with the baselines, and record the results."""
    params = load_params()
    train, test = load_part("train"), load_part("test")
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    documents = list(test.first(params.evaluate.tokens))
    predictor = Predictor.load(CANDIDATE, threads=0)
    sizes = sizes_of(documents, predictor.pieces)
    network = trained_network(params, tokenizer.get_vocab_size())
    context = params.model.context

    with np.load(BASELINES) as counted:
        losses = {"model": judged(of_graph(predictor), documents, context), **{name: counted[name] for name in counted}}
    before = None if params.model.pretrained is None else load_pretrained()
    if before is not None:
        losses["pretrained"] = judged(of_network(before, CPU), documents, context)
    results: dict[str, Any] = {"rows": int(sizes[:, 1].sum()), **with_results(sizes, losses, params.evaluate)}
    difference = check_export(network, predictor, np.concatenate(documents)[: min(COMPARED, context)])
    results["export"] = {"largest_difference": difference, "tolerance": TOLERANCE}
    if before is not None:
        results["retention"] = {
            "before": share_right(of_network(before, CPU), tokenizer),
            "after": share_right(of_graph(predictor), tokenizer),
        }
    samples = written(predictor, None if before is None else TorchSteps(before), test, tokenizer, params)
    results["memory"] = memory(samples, train)

    REPORTS.mkdir(exist_ok=True)
    table = by_document(test.documents, sizes, losses)
    for name, content in (
        ("metrics", results),
        ("documents", table),
        ("samples", [vars(sample) for sample in samples]),
    ):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (REPORTS / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")
    plots.training(json.loads((REPORTS / "training.json").read_text(encoding="utf-8"))["rounds"])
    plots.documents({name: np.array(table[name]) for name in losses})
    plots.position(*losses_by_position(network, documents, context))
    plots.memory({name: results["memory"][name]["characters"] for name in ("model", "people")})

    with tracking.run(predictor.card.origin["run_id"]) as mlflow:
        mlflow.log_metrics({f"test_{name}": result["value"] for name, result in results["model"].items()})
        mlflow.log_metrics(
            {
                f"baseline_{name}_bits_per_character": each["bits_per_character"]["value"]
                for name, each in results["baselines"].items()
            }
        )
        mlflow.log_artifacts(str(REPORTS), "reports")
    reached = results["model"]["bits_per_character"]
    others = ", ".join(
        f"{name} {each['bits_per_character']['value']:.3f}" for name, each in results["baselines"].items()
    )
    print(
        f"Bits per character {reached['value']:.3f} ({reached['low']:.3f} to {reached['high']:.3f}); "
        f"baselines: {others}"
    )


if __name__ == "__main__":
    main()
