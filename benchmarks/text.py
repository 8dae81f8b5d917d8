# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How good is a text generator after 5 and 15 minutes, and how fast does it write? `uv run benchmarks/text.py`.

Renders the stage `text_generation` and trains it on all State of the Union addresses within each budget. The peer is
karpathy/nanoGPT, whose code is cloned (`--nanogpt` names a clone that is there already) and trained in the same run
(`peers/nanogpt.py`). The time of both is that of the whole process; ours holds the export to ONNX, too. Both are judged
on the validation part, which the training of neither has seen. In the shortest budget AdamW trains our matrices, too,
in place of Muon and at several learning rates: that is what decision 0014 leans on.

Texts are written by what was trained: by the graph that the service runs, by PyTorch with and without its cache,
and by transformers' `generate` with the same weights (`peers/generation.py`).
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from common import call, change, fresh_folder, installed_project, median, publish, python, table, verdict

STAGE, PACKAGE = "text_generation", "text_generator"
PEERS = Path(__file__).parent / "peers"
NANOGPT, COMMIT = "https://github.com/karpathy/nanoGPT", "3adf61e154c3fe3fca428ad6bc3818b27a3b8291"
MINUTES = (5.0, 15.0)
RECIPES = {"same": "nanoGPT, same tokens and size", "readme": "nanoGPT, its README's recipe for a CPU"}
WANTED_SPEED = 2.0
# Each round ends with a look at the validation part, which reads so many tokens twice (windows overlap by half), in
# about a third of the time that training on them takes.
ROUNDS = {5.0: 4, 15.0: 8}
LOOKED_AT = 100_000
TRIED_STEPS = 60
ADAMW_RATES = (0.001, 0.003)  # that of `learning_rate` in params.yaml, and a third of it

# Trains the matrices with AdamW, as all else.
ADAMW = """
import torch
from {package} import optimisation, train
optimisation.Muon = lambda weights, rate, decay: torch.optim.AdamW(
    weights, lr={rate}, betas=(0.9, 0.95), weight_decay=decay
)
train.main()
"""

# Bits per character of the candidate on all of the validation part, as the peer is judged.
JUDGE = """
import json, torch
from tokenizers import Tokenizer
from {package}.dataset import TOKENIZER, load_part
from {package}.evaluate import trained_network
from {package}.metrics import bits_per_character
from {package}.params import load_params
from {package}.scoring import judged, of_network, sizes_of
from {package}.tokenizer import token_bytes
params, documents = load_params(), load_part("validation").tokens
tokenizer = Tokenizer.from_file(str(TOKENIZER))
network = trained_network(params, tokenizer.get_vocab_size())
losses = judged(of_network(network, torch.device("cpu")), documents, params.model.context)
print(json.dumps(bits_per_character(sizes_of(documents, token_bytes(tokenizer)), losses)))
"""


def train(project: Path, rounds: int, steps: int, adamw: float | None = None) -> dict[str, float]:
    """Train so many steps, with AdamW alone if its rate is given; returns what was reached, and how long it took."""
    change(project, rounds=str(rounds), round_steps=str(steps), patience=str(rounds))
    started = time.perf_counter()
    program = ["-m", f"{PACKAGE}.train"] if adamw is None else ["-c", ADAMW.format(package=PACKAGE, rate=adamw)]
    python(project, *program)
    took = time.perf_counter() - started
    training = json.loads((project / "reports" / "training.json").read_text(encoding="utf-8"))
    seconds = [each["epoch_seconds"] for each in training["rounds"]]
    judged = python(project, "-c", JUDGE.format(package=PACKAGE)).splitlines()[-1]
    return {
        "bits_per_character": json.loads(judged),
        "seconds": took,
        "steps": rounds * steps,
        "step_s": median(seconds) / steps,
        "tokens_s": training["round_tokens"] / median(seconds),
        "weights": training["weights"],
    }


def within(project: Path, minutes: float, tried: dict[str, float], adamw: float | None = None) -> dict[str, float]:
    """Train as many steps as fit into a budget, start, looks at the validation part and export included."""
    around_s = tried["seconds"] - TRIED_STEPS * tried["step_s"]  # with one look at the validation part
    rounds = ROUNDS[minutes]
    look_s = 2 * LOOKED_AT / (3 * tried["tokens_s"])
    steps = int((60 * minutes - around_s - (rounds - 1) * look_s) / tried["step_s"] / rounds)
    return train(project, rounds, steps, adamw)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", default=NANOGPT, help=f"a clone of nanoGPT (default: {NANOGPT})")
    parser.add_argument("--minutes", type=float, nargs="+", default=MINUTES, choices=MINUTES, help="the budgets")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES, help="of nanoGPT")
    arguments = parser.parse_args()
    folder = fresh_folder("text")
    project, nanogpt = folder / "project", folder / "nanoGPT"
    call(["git", "clone", "--quiet", arguments.nanogpt, nanogpt])
    call(["git", "-c", "advice.detachedHead=false", "checkout", "--quiet", COMMIT], cwd=nanogpt)
    installed_project(project, STAGE)
    call(["uv", "sync", "--quiet", "--group", "fine-tune"], cwd=project)  # for transformers
    call(["uv", "run", "--no-sync", "dvc", "repro", "prepare"], cwd=project)
    found: dict[str, Any] = {}
    print("how fast is this machine today?", file=sys.stderr, flush=True)
    tried = train(project, 1, TRIED_STEPS)
    for minutes in arguments.minutes:
        print(f"{minutes:g} minutes", file=sys.stderr, flush=True)
        budget = found.setdefault(f"{minutes:g}", {})
        budget["ours"] = within(project, minutes, tried)
        for recipe in arguments.recipes:
            script = [PEERS / "nanogpt.py", nanogpt, project, PACKAGE, recipe, f"{minutes:g}"]
            budget[recipe] = json.loads(python(project, *script).splitlines()[-1])
            report(found)  # what is measured is kept, whatever happens next
        if minutes == min(MINUTES):
            tried_adamw = train(project, 1, TRIED_STEPS, ADAMW_RATES[0])
            for rate in ADAMW_RATES:
                budget[f"adamw {rate:g}"] = within(project, minutes, tried_adamw, rate)
                report(found)
        if "generation" not in found:  # how fast texts are written does not depend on how well
            written = python(project, PEERS / "generation.py", project, PACKAGE)
            found["generation"] = json.loads(written.splitlines()[-1])
            report(found)


def report(found: dict[str, Any]) -> None:
    """Publish what has been measured so far."""
    rows = []
    for minutes, budget in found.items():
        if minutes == "generation":
            continue
        adamw = {f"adamw {rate:g}": f"this template, AdamW for all (at {rate:g} for matrices)" for rate in ADAMW_RATES}
        for name, title in {"ours": "this template", **adamw, **RECIPES}.items():
            if name not in budget:
                continue
            each, ours = budget[name], budget["ours"]["bits_per_character"]
            target = "" if name == "ours" else f"ours is ahead: {verdict(ours < each['bits_per_character'])}"
            figures = [f"{each['bits_per_character']:.3f}", f"{each['seconds']:.0f}", f"{each['steps']}"]
            rows.append([minutes, title, *figures, f"{each['tokens_s']:,.0f}", target])
    headers = ["minutes", "model and loop", "validation bits per character", "seconds", "steps", "tokens/s", "target"]
    tables = [table("Training on two cores", headers, rows)]
    if "generation" in found:
        tables.append(speed_of_writing(found["generation"]))
    how = "One run. Seconds are those of whole processes. A token of the README's recipe is a character."
    publish("text", how, tables, found)


def speed_of_writing(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table of how fast texts are written."""
    titles = {
        "service": "this template: ONNX Runtime, cached (the service)",
        "cached": "this template: PyTorch, cached",
        "uncached": "this template: PyTorch, not cached",
        "transformers": "transformers' `generate`, cached",
        "transformers_uncached": "transformers' `generate`, not cached",
    }
    speed = {name: found["tokens"] / median(seconds) for name, seconds in found["seconds"].items()}
    rows = []
    for name, title in titles.items():
        ratio = speed[name] / speed["transformers"]
        target = f"at least {WANTED_SPEED:g}: {verdict(ratio >= WANTED_SPEED)}" if name == "service" else ""
        rows.append([title, f"{speed[name]:,.0f}", f"{ratio:.2f}", target])
    headers = ["one text, sampled", "tokens/s", "times transformers'", "target"]
    return table(f"Writing {found['tokens']} tokens with {found['weights']:,} weights", headers, rows)


if __name__ == "__main__":
    main()
