"""What must be the same in all processes of a run, and what must not: statistics in evaluation, and dropout."""

import pytest
import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.engine.hooks.hook import Hook
from segbox.engine.runner import Runner
from tests.processes import CPU, together
from tests.runs import scored


class Noisy(nn.Module):
    """A batch norm and a dropout; it remembers which numbers the dropout let through."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(3, 8, 1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.5)
        self.masks: list[list[bool]] = []

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        x = self.norm(self.mix(images))
        mask = self.dropout(torch.ones_like(x))
        self.masks.append(mask.flatten().bool().tolist())
        return {"square": ((mask * x).mean(dim=1) - labels).square().mean()}


class EvaluateAfterEach(Hook):
    def after_step(self, runner):
        self.before = [buffer.clone() for buffer in runner.model.buffers()]
        runner.evaluate()


def run(folder, max_steps, resume=None):
    """A run on images that depend on the draw and the process."""

    def batches(draw):
        while True:
            generator = torch.Generator().manual_seed(1000 * draw + distributed.rank())
            images = torch.rand(2, 3, 4, 5, generator=generator)
            yield {"images": images, "labels": images.mean(dim=1), "paths": ["a.png", "b.png"]}
            draw += 2 * distributed.world_size()

    model = Noisy()
    watch = EvaluateAfterEach()
    runner = Runner(
        model, torch.optim.SGD(model.parameters(), lr=0.1), {"watch": watch}, batches, None,
        lambda model, is_stopped: scored(mean=model.norm.running_mean.tolist()), max_steps=max_steps,
        batch_size=2 * distributed.world_size(), epoch=4, work_dir=folder, device=CPU, classes=["a"], description={},
    )  # fmt: skip
    runner.scores = []
    watch.after_eval = lambda runner, scores: runner.scores.append(scores["mean"])
    if resume is not None:
        runner.resume(resume)
    runner.train()
    return runner, watch


def test_an_evaluation_uses_the_statistics_of_the_first_process(tmp_path):
    def work():
        runner, watch = run(tmp_path, max_steps=2)
        return watch.before[0].tolist(), runner.scores, [buffer.tolist() for buffer in runner.model.buffers()]

    (first, scores, buffers), (second, other_scores, other_buffers) = together(2, work)
    assert first != pytest.approx(second, rel=1e-3), "the processes have seen other images"
    assert scores == other_scores and scores[-1] == first
    assert buffers == other_buffers


def test_each_process_drops_other_numbers_and_a_resumed_run_the_same(tmp_path):
    def work():
        whole, _ = run(tmp_path / "whole", max_steps=4)
        half, _ = run(tmp_path / "half", max_steps=2)
        path = half.save("half.pt")
        rest, _ = run(tmp_path / "half", max_steps=4, resume=path)
        return whole.model.masks, half.model.masks + rest.model.masks

    for name in ("whole", "half"):
        (tmp_path / name).mkdir()
    (masks, resumed), (other_masks, other_resumed) = together(2, work)
    assert (resumed, other_resumed) == (masks, other_masks)
    assert len({tuple(mask) for mask in masks + other_masks}) == 8  # at each step, in each process
