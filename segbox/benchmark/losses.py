"""`segbox bench loss`: cross entropy with its gradient, from small logits and full-size labels."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segbox.benchmark.measure import FLOOR, OURS, Case, local
from segbox.benchmark.peer import shared
from segbox.benchmark.peers import Peer, sides_of
from segbox.models.losses.cross_entropy import CrossEntropyLoss


def loss_cases(
    peers: Sequence[Peer], classes: Sequence[int], size: tuple[int, int], batch: int, device: str = "cpu"
) -> Iterator[Case]:
    for count in classes:
        others, notes = sides_of(peers, "loss", {"classes": count, "size": size, "batch": batch})
        name = f"{count} classes, {batch} x {size[0]} x {size[1]}, logits at stride {shared.STRIDE}"
        yield Case(name, [*own_sides(count, size, batch, device), *others], notes)


def own_sides(classes: int, size: tuple[int, int], batch: int, device: str) -> list:
    logits = torch.from_numpy(shared.scores(batch, classes, *shared.strided(size))).to(device).requires_grad_()
    labels = torch.from_numpy(shared.class_ids(classes, batch, *size)).to(device)
    criterion = CrossEntropyLoss(classes).to(device)

    def ours() -> Tensor:
        return torch.autograd.grad(criterion(logits, labels), logits)[0]

    def bare() -> Tensor:
        wide = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        return torch.autograd.grad(F.cross_entropy(wide, labels.long(), ignore_index=shared.IGNORED), logits)[0]

    return [local(OURS, ours, device=device), local(FLOOR, bare, device=device)]
