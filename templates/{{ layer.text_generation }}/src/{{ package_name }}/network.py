"""The network that is trained: new weights, or pretrained ones with LoRA. `train.py` calls it.

LoRA (Hu et al. 2021) leaves the pretrained matrices as they are and adds the product of two thin ones to each. Those
begin as nothing, so that training starts from what the pretrained model knows, and are added into the matrices in the
end: the service cannot tell a fine-tuned network from another.
"""

from pathlib import Path
from typing import Any

from torch import nn

from .model import Decoder, Shape
from .params import ModelSection
from .pretrained import FOLDER, load_pretrained

# Every matrix of a block: with so few, the rank can be small (Biderman et al. 2024, "LoRA Learns Less and Forgets
# Less").
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def new_shape(params: ModelSection, vocabulary: int) -> Shape:
    """Return the shape of a network from scratch.

    Two thirds of four times the width make a gated layer as large as a plain one of four times the width (Shazeer
    2020); multiples of 32 are what processors like.
    """
    hidden = 32 * round(params.width * 8 / 3 / 32)
    return Shape(vocabulary, params.width, max(32, hidden), params.layers, params.heads, params.heads)


def new_network(params: ModelSection, vocabulary: int, folder: Path = FOLDER) -> nn.Module:
    """Return the network to train.

    Args:
        params: Which one.
        vocabulary: Tokens of the tokenizer.
        folder: Where `pretrained.py` has put the pretrained one.
    """
    return (
        Decoder(new_shape(params, vocabulary))
        if params.pretrained is None
        else with_lora(load_pretrained(folder), params)
    )


def with_lora(network: Decoder, params: ModelSection) -> nn.Module:
    """Return a network with LoRA's matrices, which alone are trained."""
    from peft import LoraConfig, get_peft_model

    # A factor of alpha / rank = 2 on what is added is the usual choice.
    config = LoraConfig(r=params.lora_rank, lora_alpha=2 * params.lora_rank, target_modules=TARGETS)
    adapted: nn.Module = get_peft_model(network, config)
    return adapted


def plain(network: Any) -> Decoder:
    """Return the network itself, with LoRA's matrices added in."""
    return network if isinstance(network, Decoder) else network.merge_and_unload()
