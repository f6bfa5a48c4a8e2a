"""`segbox bench eval`, `slide` and `metric`: from files or logits to class maps to counts, without a network."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segbox.benchmark.measure import FLOOR, OURS, Case, Side, local
from segbox.benchmark.peer import shared
from segbox.benchmark.peers import Peer, sides_of
from segbox.benchmark.samples import CLASSES, FORMATS, decoded, write_pair
from segbox.data.datasets.folder import FolderDataset
from segbox.data.loader import val_loader
from segbox.evaluation.inference import build_inference, starts
from segbox.evaluation.loop import evaluate
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.models.layers import resize

WINDOW, STEP = 512, 336  # multiples of the stride of the logits
WINDOWS_DIFFER = 0.05  # libraries average logits or probabilities, and borders of windows are read differently


class Known(torch.nn.Module):
    """Stands for a network: the logits of a window are those of the whole image there, and a bit more."""

    def __init__(self, whole: Tensor, window: tuple[int, int]) -> None:
        super().__init__()
        self.whole, self.cells = whole, shared.strided(window)

    def logits(self, images: Tensor) -> Tensor:
        return torch.cat([shared.window_of(self.whole, y, x, *self.cells) for y, x in shared.places_of(images)])


def eval_cases(
    peers: Sequence[Peer], classes: Sequence[int], size: tuple[int, int], device: str = "cpu", is_slide: bool = False
) -> Iterator[Case]:
    """The whole image at once, or by windows that overlap."""
    window = tuple(min(WINDOW, side) for side in size) if is_slide else size
    step = tuple(min(STEP, side) for side in window)
    for count in classes:
        arguments = {"classes": count, "size": size, "window": window, "step": step}
        others, notes = sides_of(peers, "slide" if is_slide else "eval", arguments)
        name = f"{count} classes, {size[0]} x {size[1]}, logits at stride {shared.STRIDE}"
        sides = [*own_sides(count, size, window, step, device), *others]
        yield Case(name, sides, notes, WINDOWS_DIFFER if is_slide else 1e-3)


def own_sides(classes: int, size: Any, window: Any, step: Any, device: str) -> list[Side]:
    labels = shared.class_ids(classes, *size)
    truth = torch.from_numpy(labels)
    image = torch.from_numpy(shared.with_places(*size)).to(device)
    model = Known(torch.from_numpy(shared.scores(1, classes, *shared.strided(size))).to(device), window)
    names = [str(k) for k in range(classes)]
    predict = build_inference(model, "whole" if window == size else "slide", window, step)

    def ours() -> Any:
        matrix = ConfusionMatrix(names)
        matrix.update(predict(image).classes(size)[0], truth)
        return matrix.counts

    def bare() -> np.ndarray:
        guess = bare_windows(model, image, window, step).argmax(dim=1)[0]
        return shared.confusion(guess.cpu().numpy(), labels, classes)

    return [local(OURS, ours, device=device), local(FLOOR, bare, device=device)]


def bare_windows(model: Known, image: Tensor, window: tuple[int, int], step: tuple[int, int]) -> Tensor:
    """Sums of full-size probabilities, as a plain loop adds them; the logits where the image is one window."""
    size = tuple(image.shape[-2:])
    if window == size:
        return resize(model.logits(image), size)
    total = image.new_zeros(1, model.whole.shape[1], *size, dtype=torch.float)
    for y in starts(size[0], window[0], step[0]):
        for x in starts(size[1], window[1], step[1]):
            own = image[..., y : y + window[0], x : x + window[1]]
            total[..., y : y + window[0], x : x + window[1]] += resize(model.logits(own), window).softmax(dim=1)
    return total


class Prepared(torch.nn.Module):
    """Stands for a network: it normalises the images, as models do, and always gives the same logits."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores
        self.mean = torch.tensor(shared.MEAN, device=scores.device).view(-1, 1, 1)
        self.std = torch.tensor(shared.STD, device=scores.device).view(-1, 1, 1)

    def logits(self, images: Tensor) -> Tensor:
        self.images = (images - self.mean) / self.std
        return self.scores


def files_cases(peers: Sequence[Peer], size: tuple[int, int], device: str = "cpu") -> Iterator[Case]:
    """From the files of an image and its label to counts, as `segbox test` goes through a data set."""
    for suffix in FORMATS:
        with tempfile.TemporaryDirectory() as name:
            yield files_case(peers, Path(name), suffix, size, device)


def files_case(peers: Sequence[Peer], root: Path, suffix: str, size: tuple[int, int], device: str) -> Case:
    image, label = write_pair(root, suffix, size)
    dataset = FolderDataset(str(root), classes=CLASSES, transform_labels=False)
    model = Prepared(torch.from_numpy(shared.scores(1, len(CLASSES), *shared.strided(size))).to(device))

    def ours() -> np.ndarray:
        matrix = ConfusionMatrix(CLASSES)
        evaluate(model, build_inference(model), val_loader(dataset), matrix, torch.device(device))
        return areas(matrix.counts)

    arguments = {"root": str(root), "suffix": suffix, "classes": len(CLASSES), "size": size}
    others, notes = sides_of(peers, "files", arguments)
    bare = local(FLOOR, lambda: decoded(image, label), checked=False)
    title = f"{suffix} and label to scores, {len(CLASSES)} classes, {size[0]} x {size[1]}; bare: decoding the two files"
    return Case(title, [local(OURS, ours, device=device), bare, *others], notes)


def metric_cases(peers: Sequence[Peer], classes: Sequence[int], size: tuple[int, int]) -> Iterator[Case]:
    """Counting the pixels of a class map; a sixteenth of them is ignored."""
    for count in classes:
        others, notes = sides_of(peers, "metric", {"classes": count, "size": size})
        yield Case(f"{count} classes, {size[0]} x {size[1]}", [*metric_sides(count, size), *others], notes)


def metric_sides(classes: int, size: tuple[int, int]) -> list[Side]:
    labels = shared.class_ids(classes, *size)
    guess = np.roll(labels % classes, 5, axis=1)
    names = [str(k) for k in range(classes)]
    guess_tensor, truth = torch.from_numpy(guess), torch.from_numpy(labels)

    def ours() -> Any:
        matrix = ConfusionMatrix(names)
        matrix.update(guess_tensor, truth)
        return matrix.counts

    def bare() -> np.ndarray:
        return shared.confusion(guess, labels, classes)

    return [
        local(OURS, ours, lambda: areas(np.asarray(ours()))),
        local(FLOOR, bare, lambda: areas(bare())),
    ]


def areas(counts: np.ndarray) -> np.ndarray:
    """The pixels of each class: found, guessed, true."""
    return np.stack([counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)])
