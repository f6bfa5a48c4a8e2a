"""`segbox bench train`: a step of a run beside the bare loop and a peer's step with the same model and weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import repeat
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.benchmark.measure import COMPILED, FLOOR, OURS, Case, Side, local, told_first
from segbox.benchmark.models import (
    OPTIMIZER,
    PeerModel,
    Shape,
    images_and_labels,
    model_of,
    peer_model,
    refused,
    runner_of,
)
from segbox.benchmark.peer import shared
from segbox.benchmark.peers import Peer
from segbox.engine.optim import build_optimizer
from segbox.engine.runner import Runner
from segbox.errors import UserError
from segbox.models.heads.head import DecodeHead
from segbox.models.losses.cross_entropy import CrossEntropyLoss
from segbox.weights.loading import load_weights


def train_cases(
    peers: Sequence[Peer],
    config: Mapping[str, Any],
    shape: Shape,
    models: Mapping[str, str],
    device: str = "cpu",
    compile: bool = False,
) -> Iterator[Case]:
    """The config's own model; then the model of each peer that trains, with the optimizer SGD."""
    with ExitStack() as stack:
        notes: list[str] = []
        sides = own_sides(stack, config, shape, device)
        if compile:
            sides.insert(1, told_first(compiled_side(stack, config, shape, device), notes))
        yield Case(f"the config's model, {shape}", sides, notes)
    for peer in peers:
        with ExitStack() as stack:
            try:
                found = peer_model(peer, "train", models.get(peer.name), shape)
                sides = peer_sides(stack, found, shape, device)
            except UserError as error:
                yield Case(f"a model of {peer.name}", [], [refused(peer, error)])
                continue
            yield Case(f"{found.name} of {peer.name}, {shape}", [*sides, peer.side()])


def peer_sides(stack: ExitStack, found: PeerModel, shape: Shape, device: str) -> list[Side]:
    return own_sides(stack, {"model": found.section, "optimizer": OPTIMIZER}, shape, device, found.weights)


def own_sides(
    stack: ExitStack,
    config: Mapping[str, Any],
    shape: Shape,
    device: str,
    weights: Mapping[str, Tensor] | None = None,
) -> list[Side]:
    """The runner and the bare loop, from the same weights. Both return the loss of the step."""
    runner = stack.enter_context(runner_of(config, shape, device))
    bare = model_of(config["model"], shape.classes, weights).to(device)
    load_weights(runner.model, bare.state_dict(), "the weights to compare with")
    optimizer = build_optimizer(config.get("optimizer", OPTIMIZER), bare)
    batch = batch_of(shape, device)
    bare.train()
    steps = {
        OURS: lambda: step_of(runner, batch),
        FLOOR: lambda: bare_step(bare, optimizer, batch["images"], batch["labels"]),
    }
    return [local(name, step, partial(seeded, step), device) for name, step in steps.items()]


def compiled_side(stack: ExitStack, config: Mapping[str, Any], shape: Shape, device: str) -> Side:
    """The runner with `train.compile`, which draws random numbers as without it: otherwise it drops other values."""
    from torch._inductor import config as inductor  # seconds to import

    stack.enter_context(inductor.patch(fallback_random=True))
    train = {**config.get("train", {}), "compile": True}
    runner = stack.enter_context(runner_of({**config, "train": train}, shape, device))
    load_weights(runner.model, model_of(config["model"], shape.classes).state_dict(), "the weights to compare with")
    batch = batch_of(shape, device)

    def step() -> Tensor:
        return step_of(runner, batch)

    return local(COMPILED, step, partial(seeded, step), device)


def batch_of(shape: Shape, device: str) -> dict[str, Any]:
    images, labels = images_and_labels(shape, device)
    return {"images": images, "labels": labels, "paths": ["a.png"] * shape.batch}


def seeded(step: Callable[[], Tensor]) -> Tensor:
    """A step that drops the same values on every side."""
    torch.manual_seed(0)
    return step()


def step_of(runner: Runner, batch: Any) -> Tensor:
    return sum(runner.train_step(repeat(batch)).values())


def bare_step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    optimizer.zero_grad(set_to_none=True)
    loss = bare_loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss


def bare_loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Resize and cross entropy as PyTorch has them, where the model has no other loss; else the model's own losses."""
    if not is_plain(model):
        return sum(model(images, labels).values())
    maps, features = model.maps_and_features(images)
    pairs = [(model.decode_head, features), *((head, maps) for head in model.auxiliary_heads)]
    total = images.new_zeros((), dtype=torch.float)
    for (head, inputs), criterion in zip(pairs, model.criteria, strict=True):
        wide = F.interpolate(head(inputs), labels.shape[-2:], mode="bilinear", align_corners=model.align_corners)
        total = total + criterion.weights[0] * F.cross_entropy(wide, labels.long(), ignore_index=shared.IGNORED)
    return total


def is_plain(model: nn.Module) -> bool:
    """Whether every head has cross entropy as its only loss, and its loss is that of its logits."""
    heads = [model.decode_head, *model.auxiliary_heads]
    return all(type(head).loss is DecodeHead.loss for head in heads) and all(
        len(criterion.losses) == 1 and type(criterion.losses[0]) is CrossEntropyLoss for criterion in model.criteria
    )
