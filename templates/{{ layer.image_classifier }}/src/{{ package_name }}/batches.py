"""Batches of training images, and their augmentation as tensor operations on whole batches.

The whole data set is a tensor in memory, so that a batch is one indexing operation. Order and augmentation are drawn
for the batch of all processes together, from the seed and the number of the epoch alone: each process then takes its
part. So two processes see what one would see, and an epoch that is repeated after a kill is the same epoch.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import Generator, Tensor

from .images import Pixels
from .params import AugmentSection


def as_tensor(images: Pixels) -> Tensor:
    """Turn (n, height, width, channels) of uint8 into the order of convolutions: (n, channels, height, width)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def batches(
    images: Tensor, labels: Tensor, size: int, params: AugmentSection, *, seed: int, epoch: int, rank: int, world: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield this process' part of each batch of an epoch; the last, incomplete batch is left out.

    Args:
        images: All training images, shape (n, channels, height, width), uint8.
        labels: Their classes, shape (n,).
        size: Images in a batch of all processes together; a multiple of `world`.
        params: The augmentation.
        seed: Decides order and augmentation, together with the epoch.
        epoch: Its number.
        rank: Number of this process.
        world: How many processes there are.

    Yields:
        Augmented images, shape (size / world, channels, height, width), uint8, and their classes.
    """
    chance = Generator().manual_seed(1_000_003 * seed + epoch)
    order = torch.randperm(len(images), generator=chance)
    for rows in order[: len(order) // size * size].split(size):  # type: ignore[no-untyped-call]
        change = draw(size, params, chance)
        mine = slice(rank * size // world, (rank + 1) * size // world)
        yield (
            augment(images[rows[mine]], {name: each[mine] for name, each in change.items()}, params),
            labels[rows[mine]],
        )


def draw(count: int, params: AugmentSection, chance: Generator) -> dict[str, Tensor]:
    """Draw how each image of a batch is changed."""
    reach = 2 * params.shift + 1
    return {
        "mirrored": torch.rand(count, generator=chance) < 0.5,
        "down": torch.randint(0, reach, (count,), generator=chance),
        "right": torch.randint(0, reach, (count,), generator=chance),
        # Where the blank square's centre lies, from 0 (first row or column) to 1.
        "centre": torch.rand(count, 2, generator=chance),
    }


def augment(images: Tensor, change: dict[str, Tensor], params: AugmentSection) -> Tensor:
    """Change each image of a batch in its own way.

    Args:
        images: Shape (n, channels, height, width), uint8.
        change: What `draw` has drawn.
        params: What is switched on.
    """
    if params.flip:
        images = torch.where(change["mirrored"].view(-1, 1, 1, 1), images.flip(3), images)
    if params.shift > 0:
        images = shifted(images, change["down"], change["right"], params.shift)
    if params.erase > 0:
        images = erased(images, change["centre"], params.erase)
    return images


def shifted(images: Tensor, down: Tensor, right: Tensor, reach: int) -> Tensor:
    """Cut each image out of its padded self at its own place.

    Args:
        images: Shape (n, channels, height, width).
        down: Where the cut begins, from 0 to 2 * reach, shape (n,).
        right: Likewise.
        reach: Rows and columns of padding on each side; black.
    """
    count, _, height, width = images.shape
    padded = F.pad(images, (reach,) * 4)
    rows = down.view(-1, 1, 1) + torch.arange(height).view(1, -1, 1)  # (n, height, 1)
    columns = right.view(-1, 1, 1) + torch.arange(width).view(1, 1, -1)  # (n, 1, width)
    # Indices around the colon put the channels last: (n, height, width, channels).
    cut = padded[torch.arange(count).view(-1, 1, 1), :, rows, columns]
    return cut.permute(0, 3, 1, 2)


def erased(images: Tensor, centre: Tensor, side: int) -> Tensor:
    """Blank out a square of each image (DeVries and Taylor 2017, "Cutout"); at a border it is cut off.

    Args:
        images: Shape (n, channels, height, width).
        centre: From 0 to 1, shape (n, 2).
        side: In pixels.
    """
    height, width = images.shape[2:]
    middle = (centre * torch.tensor([height, width])).long()
    in_rows = (torch.arange(height) - middle[:, :1] + side // 2) // side == 0  # (n, height)
    in_columns = (torch.arange(width) - middle[:, 1:] + side // 2) // side == 0  # (n, width)
    hidden = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return images.masked_fill(hidden, 0)
