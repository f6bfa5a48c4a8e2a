"""Processes that exchange by NCCL: DDP, FSDP2 and batch norms, in a group of one; and two GPUs, where there are two."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from torch import nn

from segbox import distributed
from segbox.config import load_config
from segbox.engine import sharding
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import read_run
from segbox.engine.devices import wrap_for_training
from segbox.engine.state import run_state
from segbox.evaluation.evaluator import Evaluator
from segbox.models.norms import convert_norm, sync_on_cpus
from tests.gpu.runs import CPU, SAME, OneOfSeveral, apart, run, without_config
from tests.runs import ROOT, differences, write_config

SHARD = "train.shard=True"


@contextlib.contextmanager
def alone(monkeypatch):
    """Without the group that the test is in."""
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "world_size", lambda: 1)
        yield


# --- what the processes exchange --------------------------------------------------------------------------------------


def test_tensors_of_the_gpu_and_numbers_of_the_cpu(group, device):
    values = torch.arange(6.0, device=device).view(2, 3)
    assert distributed.gather_tensors(values.T).tolist() == [values.T.tolist()]
    assert distributed.gather_tensors(torch.tensor((2, 3))).tolist() == [[2, 3]]
    for own in (values, values.double(), values.long(), values.cpu()):
        assert distributed.mean(own).device == own.device and torch.equal(distributed.mean(own).long(), own.long())
    assert distributed.any_says(True) and not distributed.any_says(False)
    assert distributed.gather({"a": [1]}) == [{"a": [1]}]
    leaf = values.clone().requires_grad_()
    distributed.sum_for_mean(leaf.square()).sum().backward()
    assert torch.equal(leaf.grad, 2 * values)
    shared = [values.clone(), torch.tensor(5, device=device), torch.tensor([True], device=device)]
    distributed.broadcast(shared)
    assert torch.equal(shared[0], values) and shared[1].item() == 5 and shared[2].item()
    distributed.barrier()


def test_both_backends_are_there(group, device):
    name = dist.get_backend(dist.group.WORLD)
    assert ("nccl" in name) == (device.type == "cuda")
    own = dist.group.WORLD._get_backend(device).name().lower()
    assert own == ("nccl" if device.type == "cuda" else "gloo")


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["train.gradient_accumulation_steps=2", "train.clip_grad=0.05"],
        ["train.sync_batch_norm=True"],
        ["train.channels_last=True", "train.sync_batch_norm=False"],
        [SHARD],
        [SHARD, "train.gradient_accumulation_steps=2", "train.clip_grad=0.05"],
        [SHARD, "train.deterministic=True", "optimizer=dict(type='AdamW',lr=0.001)"],
    ],
    ids=" ".join,
)
def test_runs_learn_what_they_learn_without_a_group(tmp_path, device, double, group, monkeypatch, overrides):
    """Losses, weights, the optimizer's memory and the moving average."""
    with alone(monkeypatch):
        plain, of_plain = run(tmp_path / "plain", device, [one for one in overrides if one != SHARD])
        expected = without_config(read_run(of_plain.save("end.pt")))
    found, runner = run(tmp_path / "group", device, overrides)
    assert sharding.is_sharded(runner.model) == (SHARD in overrides)
    assert isinstance(runner.forward, nn.parallel.DistributedDataParallel) == (SHARD not in overrides)
    assert found.losses == pytest.approx(plain.losses, rel=1e-9)
    assert not apart(without_config(read_run(runner.save("end.pt"))), expected, 1e-8)


@pytest.mark.parametrize("overrides", [[], [SHARD]], ids=" ".join)
@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_and_dropped_steps(tmp_path, device, group, monkeypatch, amp, overrides):
    more = [f"train.precision={amp}", "train.on_nan=skip", "train.clip_grad=1.0", "train.max_steps=6"]
    with alone(monkeypatch):
        plain, _ = run(tmp_path / "plain", device, more, spoil=(2,))
    found, runner = run(tmp_path / "group", device, [*more, *overrides], spoil=(2,))
    assert found.losses[2] is None and runner.skipped == 1 and found.scales == plain.scales
    pairs = [(a, b) for a, b in zip(found.losses, plain.losses) if a is not None]
    assert [a for a, _ in pairs] == pytest.approx([b for _, b in pairs], rel=0.02)


@pytest.mark.parametrize("overrides", [[], [SHARD]], ids=" ".join)
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, device, group, overrides):
    text = SAME.replace("checkpoint=None", "checkpoint=dict(interval=2)")
    overrides = ["train.deterministic=True", "train.precision=bf16", *overrides]
    whole, runner = run(tmp_path / "whole", device, overrides, text)
    middle = runner.work_dir / "step_00000002.pt"
    rest, resumed = run(tmp_path / "rest", device, overrides, text, resume=middle)
    assert rest.losses == whole.losses[2:]
    assert not differences(*(without_config(read_run(each.work_dir / "last.pt")) for each in (runner, resumed)))


@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_sharded_models_score_what_plain_ones_score(tmp_path, device, double, group, monkeypatch, mode):
    test = f"test=dict(mode='{mode}',window=(24,24),flip=True)"
    _, runner = run(tmp_path, device, [SHARD, test])
    config = load_config(tmp_path / "small.py", [test])
    models = (runner.model, runner.averaged_model)
    counts = [Evaluator(config, device)(model).counts.tolist() for model in models]
    assert all(sharding.is_dtensor(p) for model in models for p in model.parameters())
    runner.save("end.pt")
    with alone(monkeypatch):
        plain = build_runner(config, tmp_path / "plain", device)
        plain.resume(tmp_path / "end.pt")
        plain.call("before_train")
        expected = [Evaluator(config, device)(m).counts.tolist() for m in (plain.model, plain.averaged_model)]
    assert counts == expected


def test_what_is_sharded_lies_on_the_gpu(tmp_path, device, group):
    _, runner = run(tmp_path, device, [SHARD, "train.max_steps=1"])
    for model in (runner.model, runner.averaged_model):
        assert all(part.device == device for part in sharding.local_parameters(model))
        assert all(buffer.device == device for buffer in model.buffers())
    content = sharding.unsharded(run_state(runner))
    assert all(value.device == CPU for value in content["optimizer"]["backbone.conv1.weight"].values())


@pytest.mark.parametrize("overrides", [[], [SHARD]], ids=" ".join)
def test_compiled(device, group, overrides):
    def work(compile):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 40), nn.Linear(40, 1))
        model = sharding.shard(model, device) if overrides else model.to(device)
        forward = wrap_for_training(model, device, compile)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        values = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = forward(torch.randn(5, 4).to(device)).square().mean()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return values

    plain = work(False)
    torch._dynamo.reset()
    assert work(True) == pytest.approx(plain, rel=1e-4)


# --- batch norms that are shared --------------------------------------------------------------------------------------


def network():
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4))
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_shared_batch_norm_is_a_batch_norm(device, group, monkeypatch, layout):
    """PyTorch's takes a short cut for one process, too, by a number of its own."""
    plain, shared = network(), convert_norm(network(), "SyncBN")
    shared = (sync_on_cpus(shared) if device.type == "cpu" else shared).to(device, memory_format=layout)
    images, weights = torch.randn(2, 3, 12, 13).double(), torch.randn(2, 4, 8, 9).double()
    (plain(images) * weights).sum().backward()
    if device.type == "cuda":
        monkeypatch.setattr(dist, "get_world_size", lambda *group: OneOfSeveral(1))
    (shared(images.to(device, memory_format=layout)) * weights.to(device)).sum().backward()
    for (name, own), expected in zip(shared.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad.cpu(), expected.grad, rtol=1e-8, atol=1e-10, msg=name)
    for (name, own), expected in zip(shared.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own.cpu(), expected, rtol=1e-8, atol=1e-10, msg=name)


# --- two GPUs ---------------------------------------------------------------------------------------------------------


def test_two_commands_on_two_gpus_learn_what_one_does(tmp_path, device):
    """The real thing, as a user starts it."""
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs, and there is one")
    config = write_config(tmp_path)
    rows = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        options = ["train.sync_batch_norm=True", "model.decode_head.dropout=0.0", "train.max_steps=4"]
        command = [*launch, ROOT / "tools/train.py", config, "--work-dir", folder, "--device", device.type]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [*map(str, command), "--cfg-options", *options]
        done = subprocess.run(command, env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        rows.append([json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()])
    losses = [[row["loss"] for row in own if "loss" in row] for own in rows]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
