"""One training program for a CPU, one GPU, several GPUs and several machines: Hugging Face Accelerate tells them apart.

How many processes there are is decided by the command that starts `train.py`, `train.launcher` in params.yaml:

    python                                      one process, on the GPU if there is one
    torchrun --standalone --nproc-per-node 2    two on this machine, on two GPUs or two groups of CPU cores
    torchrun --nnodes 2 --rdzv-endpoint …       several machines, as PyTorch's documentation of torchrun says

The batch size in params.yaml is the size of all processes together, so the result does not depend on their number.
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed


def make_accelerator(seed: int) -> Accelerator:
    """Find out where training runs, and fix every source of chance.

    On a GPU matrix products run in half precision: bfloat16 where the GPU has it, because it needs no care with small
    gradients; float16 with Accelerate's scaling of the loss elsewhere.
    """
    set_seed(seed)
    precision = "no"
    if torch.cuda.is_available():
        precision = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return Accelerator(mixed_precision=precision, step_scheduler_with_optimizer=False)


def describe(accelerator: Accelerator) -> dict[str, str]:
    """Say where training runs, for the run's record."""
    device = accelerator.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "device": name,
        "processes": str(accelerator.num_processes),
        "precision": accelerator.mixed_precision,
        "torch": torch.__version__,
    }
