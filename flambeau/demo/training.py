"""Training and testing of the demo's network."""

from __future__ import annotations

import contextlib
import importlib.util
import pickle
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, optim
from flambeau.demo import picture
from flambeau.demo.digits import SIDE, Digits, load_digits
from flambeau.demo.lenet import LeNet5
from flambeau.utils.data import DataLoader, TensorDataset

EPOCHS = 20
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
MAX_SHIFT = 2
# Mean and standard deviation of the training images.
MEAN, DEVIATION = 0.3058, 0.3240


def _normalise(images: Tensor) -> Tensor:
    return (images - MEAN) / DEVIATION


def _shift(images: Tensor) -> Tensor:
    """Moves a batch by up to two pixels at random: the digit stays the same, the numbers do not."""
    padded = torch.zeros(len(images), 1, SIDE + 2 * MAX_SHIFT, SIDE + 2 * MAX_SHIFT)
    padded[:, :, MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT] = images
    right, down = torch.randint(0, 2 * MAX_SHIFT + 1, (2,)).tolist()
    return padded[:, :, down : down + SIDE, right : right + SIDE]


def _predict(model: LeNet5, images: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(_normalise(images)).argmax(dim=1)


def _accuracy(predicted: Tensor, labels: Tensor) -> float:
    """The share of right answers, in per cent."""
    return 100 * (predicted == labels).float().mean().item()


class _Plain:
    """Stands in for tqdm's progress bar."""

    def update(self) -> None:
        pass

    def write(self, line: str) -> None:
        print(line, flush=True)


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A progress bar if tqdm is installed and somebody is watching."""
    if not sys.stderr.isatty() or importlib.util.find_spec("tqdm") is None:
        yield _Plain()
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="batch", leave=False) as bar:
        yield bar


def _train_epoch(model: LeNet5, batches: DataLoader, optimizer: optim.Optimizer, bar: Any) -> float:
    """One pass over the training digits; returns the mean loss."""
    model.train()
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(_normalise(_shift(images))), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.update()
    return sum(losses) / len(losses)


def train(epochs: int | None = None, output: Path | str = ".", seed: int = 0) -> int:
    """Trains LeNet-5, writes `lenet5.pt` and `lenet5.png` to `output` and prints the accuracy; returns the
    exit status."""
    epochs = EPOCHS if epochs is None else epochs
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()

    training, test = load_digits()
    print(
        f"LeNet-5 on {len(training.labels)} handwritten digits, tested on {len(test.labels)} others",
        flush=True,
    )
    torch.manual_seed(seed)
    model = LeNet5()
    batches = DataLoader(TensorDataset(*training), batch_size=BATCH_SIZE, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    history: list[picture.Epoch] = []
    with _progress(epochs * len(batches)) as bar:
        for epoch in range(1, epochs + 1):
            loss = _train_epoch(model, batches, optimizer, bar)
            schedule.step()
            accuracy = _accuracy(_predict(model, test.images), test.labels)
            history.append(picture.Epoch(loss, accuracy))
            bar.write(f"epoch {epoch:>3}/{epochs}   loss {loss:.4f}   test accuracy {accuracy:5.1f} %")

    saved = output / "lenet5.pt"
    torch.save(model.state_dict(), saved)
    print(f"trained in {time.perf_counter() - started:.1f} s; model: {saved}")
    predicted = _predict(model, test.images)
    if picture.available():
        print(f"picture: {picture.draw(history, test, predicted, output / 'lenet5.png')}")
    else:
        print("no picture, for matplotlib is not installed: pip install 'flambeau[demo]'")
    print(f"test accuracy {_accuracy(predicted, test.labels):.1f} %")
    return 0


def check(path: Path | str) -> int:
    """Tests a model that `train` has saved and prints its accuracy; returns the exit status."""
    model = LeNet5()
    try:
        model.load_state_dict(torch.load(path))
    except (OSError, EOFError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        print(f"flambeau demo: {path} holds no model of this demo: {error}", file=sys.stderr)
        return 1
    test: Digits = load_digits()[1]
    print(f"test accuracy {_accuracy(_predict(model, test.images), test.labels):.1f} %")
    return 0
