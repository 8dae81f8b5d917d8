"""The plain two-layer CNN of PyTorch's MNIST example, trained for given times on the images of a project.

    python mnist_cnn.py PROJECT SECONDS ...

Network and recipe are those of https://github.com/pytorch/examples/tree/main/mnist: two convolutions, dropout, two
linear layers; Adadelta with a learning rate of 1, times 0.7 after each epoch; batches of 64. It runs in the project's
environment and prints what it reached on the test images after each time, as JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import Tensor, nn

BATCH = 64
JUDGED_AT_ONCE = 500


class Net(nn.Module):
    """From (n, 1, 28, 28) to the logarithms of probabilities, (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = self.dropout1(x).flatten(1)
        return F.log_softmax(self.fc2(self.dropout2(F.relu(self.fc1(x)))), dim=1)


def images(project: Path, name: str) -> tuple[Tensor, Tensor]:
    """Return images as floats, shape (n, 1, 28, 28), and labels."""
    with np.load(project / "data" / "prepared" / f"{name}.npz") as part:
        pixels = torch.from_numpy(part["images"]).permute(0, 3, 1, 2).float() / 255
        return pixels, torch.from_numpy(part["labels"])


def main(project: Path, budgets: list[float]) -> None:
    """Train, and test whenever one of the budgets, in seconds, is over; testing takes none of the time."""
    torch.manual_seed(1)
    (x, y), (x_test, y_test) = images(project, "train"), images(project, "test")
    mean, std = x.mean(), x.std()
    x, x_test = (x - mean) / std, (x_test - mean) / std
    model = Net()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    left = sorted(budgets)
    started, seen = time.perf_counter(), 0
    while left:
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            F.nll_loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
            seen += len(rows)
            took = time.perf_counter() - started
            if took >= left[0]:
                figures = {"accuracy": accuracy(model, x_test, y_test), "seconds": took}
                print(json.dumps({**figures, "images_s": seen / took, "epochs": seen / len(x)}), flush=True)
                left.pop(0)
                if not left:
                    return
                started = time.perf_counter() - took
        schedule.step()


def accuracy(model: Net, x: Tensor, y: Tensor) -> float:
    """Return the share of images that are classified right, and go on training."""
    model.eval()
    with torch.inference_mode():
        named = torch.cat([model(some).argmax(1) for some in x.split(JUDGED_AT_ONCE)])
    model.train()
    return (named == y).double().mean().item()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(seconds) for seconds in sys.argv[2:]])
