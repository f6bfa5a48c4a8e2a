"""Several processes (gloo) draw, learn, score and end as one does."""

import hashlib
import json
import os
import signal
import time

import pytest
import torch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from segbox import IGNORE_INDEX, distributed
from segbox.config import load_config
from segbox.data.datasets import folder
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import read_run
from segbox.engine.devices import wrap_for_training
from segbox.engine.hooks.hook import Hook
from segbox.errors import DataError, UserError
from segbox.evaluation.evaluator import Evaluator
from segbox.models.norms import convert_norm, sync_on_cpus
from segbox.registry import LOSSES
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.processes import CPU, fork, free_port, kill, together, wait
from tests.runs import write_config


class Take(Hook):
    """What was seen and lost at each step; the loss is the mean over processes."""

    def __init__(self):
        self.losses, self.paths = [], []

    def after_step(self, runner):
        losses = {} if runner.is_skipped else runner.losses
        self.losses.append({k: distributed.mean(v.double()).item() for k, v in losses.items()})

    def watch(self, runner):
        batches = runner.train_batches

        def watched(draw):
            for batch in batches(draw):
                self.paths.append(sorted(path for own in distributed.gather(list(batch["paths"])) for path in own))
                yield batch

        runner.train_batches = watched
        runner.hooks = {**runner.hooks, "take": self}
        return runner


def digest(state):
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()


def run(folder, overrides=(), resume=None, double=False):
    """A run in this process or its group: what it saw, its losses, its end."""
    runner = build_runner(load_config(folder / "tiny.py", overrides), folder, CPU)
    if double:
        runner.forward = wrap_for_training(runner.model.double(), CPU, False)
    if resume is not None:
        runner.resume(resume)
    take = Take()
    take.watch(runner).train()
    end = {name: digest(dict(found)) for name, found in ends_of(runner).items()}
    counts = Evaluator(runner_config(folder, overrides), CPU)(runner.averaged_model or runner.model).counts
    return {"losses": take.losses, "paths": take.paths, "end": end, "counts": counts.tolist()}


def ends_of(runner):
    weights = {name: parameter.detach() for name, parameter in runner.model.named_parameters()}
    return {"weights": weights, "all": runner.model.state_dict()}


def runner_config(folder, overrides):
    return load_config(folder / "tiny.py", overrides)


SIX = ["data.batch_size=6", "hooks.log=None", "hooks.evaluate=None", "hooks.checkpoint=None"]
PADDED = [
    *SIX,
    "hooks.lr_schedule=None",
    "data.train.size=(20, 28)",
    "model.backbone=dict(type='VGG',variant='test')",  # a norm to share behind each of its few layers
    "optimizer.lr=0.01",
    "optimizer.head_lr_mult=1.0",
    "crop_size=(24, 32)",
    "train.sync_batch_norm=True",
    "model.decode_head.dropout=0.0",
]


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    """The same 20 steps on 1, 2 and 3 processes, in 64 bits: in 32, units at the kink of their ReLU amplify noise.

    The crop is larger than many of the images, so that pixels are ignored, and not everywhere as many.
    """
    folder = tmp_path_factory.mktemp("twenty")
    write_config(folder)

    return [together(count, lambda: run(folder, [*PADDED, "train.max_steps=20"], double=True)) for count in (1, 2, 3)]


def test_one_two_and_three_processes_learn_the_same(twenty):
    (one,), *others = twenty
    assert len(one["losses"]) == 20 and one["losses"][-1]["decode.ce"] < 0.8 * one["losses"][0]["decode.ce"]
    for processes in others:
        for own in processes:
            assert own["paths"] == one["paths"]
            for step, (a, b) in enumerate(zip(own["losses"], one["losses"], strict=True)):
                assert a == pytest.approx(b, rel=1e-9), f"step {step}"
        assert len({own["end"]["all"] for own in processes}) == 1


def test_own_batch_statistics_and_own_means_would_not_be_the_same(twenty, tmp_path):
    """That the test above sees what it is about."""
    write_config(tmp_path)
    overrides = [*PADDED, "train.max_steps=11", "train.sync_batch_norm=False"]
    losses = together(2, lambda: run(tmp_path, overrides, double=True))[0]["losses"]
    assert losses[10] != pytest.approx(twenty[0][0]["losses"][10], rel=1e-3)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_scores_and_samples_are_those_of_one_process(tmp_path, count):
    write_config(tmp_path)
    torch.manual_seed(0)
    alone = run(tmp_path, [*SIX, "train.max_steps=1", "optimizer.lr=1e-12"])
    several = together(count, lambda: run(tmp_path, [*SIX, "train.max_steps=1", "optimizer.lr=1e-12"]))
    assert [own["paths"] for own in several] == [alone["paths"]] * count
    assert sum(map(sum, alone["counts"])) > 1000
    config = load_config(tmp_path / "tiny.py", SIX)
    model = build_runner(config, tmp_path, CPU).model
    counts = Evaluator(config, CPU)(model).counts.tolist()
    assert together(count, lambda: Evaluator(config, CPU)(model).counts.tolist()) == [counts] * count


def test_a_run_goes_on_with_another_number_of_processes_and_another_batch(tmp_path):
    write_config(tmp_path)
    keep = ["hooks.log=None", "hooks.evaluate=None", "hooks.checkpoint.interval=3", "model.decode_head.dropout=0.0"]
    straight = run(tmp_path, [*keep, "data.batch_size=6", "train.max_steps=6", "hooks.checkpoint=None"])
    together(3, lambda: run(tmp_path, [*keep, "data.batch_size=6", "train.max_steps=3"]))
    content = read_run(tmp_path / "last.pt")
    assert (content["step"], content["draws"]) == (3, 18)
    more = together(2, lambda: run(tmp_path, [*keep, "data.batch_size=6", "train.max_steps=6"], tmp_path / "last.pt"))
    assert [own["paths"] for own in more] == [straight["paths"][3:]] * 2
    (tmp_path / "step_00000006.pt").unlink()
    smaller = run(tmp_path, [*keep, "data.batch_size=3", "train.max_steps=9"], tmp_path / "step_00000003.pt")
    pairs = zip(smaller["paths"][0::2], smaller["paths"][1::2], strict=True)
    assert [sorted(a + b) for a, b in pairs] == straight["paths"][3:]


def test_accumulated_parts_are_exchanged_once(tmp_path):
    """An all-reduce of gradients for each bucket of the last part, none in the parts before."""
    write_config(tmp_path)

    def work(accumulate):
        overrides = [*SIX, "data.batch_size=12", f"train.gradient_accumulation_steps={accumulate}", "train.max_steps=4"]
        runner = build_runner(load_config(tmp_path / "tiny.py", overrides), tmp_path, CPU)
        exchanged = []

        def count(state, bucket):
            exchanged.append(runner.step)
            return allreduce_hook(None, bucket)

        runner.forward.register_comm_hook(None, count)
        runner.train()
        return [exchanged.count(step) for step in range(4)], digest(ends_of(runner)["weights"])

    (plain, _), (again, _) = together(2, lambda: work(1))
    (first, weights), (_, others) = together(2, lambda: work(3))
    assert first == plain == again and first[0] == 1  # later on DDP has two buckets
    assert weights == others


def test_the_processes_stay_together_and_write_one_log(tmp_path):
    write_config(tmp_path)
    first, second = together(2, lambda: run(tmp_path, ["train.gradient_accumulation_steps=2"]))
    assert first["end"]["weights"] == second["end"]["weights"]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 6, 6]
    two = [sum(losses["decode.ce"] for losses in first["losses"][i : i + 2]) / 2 for i in (0, 2, 4)]
    logged = [row["decode.ce"] for row in rows if "decode.ce" in row]
    assert logged == pytest.approx(two, rel=1e-5)


def test_images_per_second_are_those_of_all(tmp_path, monkeypatch):
    write_config(tmp_path)
    clock = iter(range(0, 10**9, 1))
    monkeypatch.setattr("segbox.engine.hooks.log.time.perf_counter", lambda: float(next(clock)))
    overrides = ["hooks.evaluate=None", "hooks.checkpoint=None", "train.max_steps=2"]
    together(2, lambda: run(tmp_path, overrides))
    (row,) = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    alone = tmp_path / "alone"
    alone.mkdir()
    write_config(alone)
    clock = iter(range(0, 10**9, 1))
    run(alone, overrides)
    (same,) = map(json.loads, (alone / "log.jsonl").read_text().splitlines())
    assert row["images_per_second"] == same["images_per_second"]


# --- what several processes share -------------------------------------------------------------------------------------


def synced(module):
    return sync_on_cpus(convert_norm(module, "SyncBN"))


def images(*size):
    return torch.randn(*size, generator=torch.Generator().manual_seed(0), dtype=torch.double)


@pytest.mark.parametrize(
    ("norm", "size"),
    [
        (lambda: nn.BatchNorm2d(4), (7, 4, 3, 5)),
        (lambda: nn.BatchNorm2d(4, affine=False), (7, 4, 3, 5)),
        (lambda: nn.BatchNorm2d(4, momentum=None), (7, 4, 1, 1)),
        (lambda: nn.BatchNorm2d(4, track_running_stats=False), (7, 4, 3, 5)),
        (lambda: nn.BatchNorm1d(4), (7, 4)),
    ],
    ids=["2d", "not affine", "cumulative", "untracked", "1d"],
)
def test_a_shared_norm_is_the_norm_of_the_joined_batch(norm, size):
    """The processes have 1, 2 and 4 of the images."""
    plain = norm().double()
    if plain.affine:
        nn.init.normal_(plain.weight)
        nn.init.normal_(plain.bias)

    def through(layer, x):
        x = x.clone().requires_grad_()
        for _ in range(2):
            y = layer(x)
        (y**3 + y).sum().backward()
        gradients = [p.grad for p in layer.parameters()]
        return y.detach(), x.grad, torch.stack(gradients) if gradients else torch.zeros(1), layer.state_dict()

    def work():
        shared = synced(plain)
        return through(shared, images(*size).split([1, 2, 4])[distributed.rank()])

    found = together(3, work)
    y, by_x, by_parameters, state = through(plain, images(*size))
    torch.testing.assert_close(torch.cat([own[0] for own in found]), y)
    torch.testing.assert_close(torch.cat([own[1] for own in found]), by_x)
    torch.testing.assert_close(sum(own[2] for own in found), by_parameters)
    for own in found:
        torch.testing.assert_close(own[3], state)


def test_a_shared_norm_alone_is_a_batch_norm_and_in_half_precision_stays_there():
    x = images(4, 3, 5, 5).float()
    plain, shared = nn.BatchNorm2d(3), synced(nn.BatchNorm2d(3))
    assert torch.equal(plain(x), shared(x)) and torch.equal(plain.eval()(x), shared.eval()(x))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        shared.train()(x[:1, :, :1, :1])

    def work():
        layer = synced(nn.BatchNorm2d(3))
        y = layer(x.bfloat16())
        return y.dtype, layer.running_mean.dtype, (y - layer(x)).abs().max().item()

    for dtype, of_statistics, distance in together(2, work):
        assert (dtype, of_statistics) == (torch.bfloat16, torch.float32) and distance < 0.05


def test_a_shared_norm_of_timm_keeps_its_activation():
    timm = pytest.importorskip("timm")
    plain = timm.layers.BatchNormAct2d(4, act_layer=nn.ReLU).double()
    x = images(6, 4, 3, 3)

    def work():
        return synced(nn.Sequential(plain))(x.split(3)[distributed.rank()]).detach()

    torch.testing.assert_close(torch.cat(together(2, work)), plain(x).detach())


POOLED = [
    dict(type="CrossEntropyLoss", class_weight=[0.5, 2.0]),
    dict(type="FocalLoss"),
    dict(type="BCEWithLogitsLoss", pos_weight=2.0),
    dict(type="SoftCrossEntropyLoss"),
    dict(type="DiceLoss"),
    dict(type="DiceLoss", per_image=True),
    dict(type="TverskyLoss"),
    dict(type="BoundaryLoss", classes="all"),
]


def test_a_loss_is_that_of_the_joined_batch():
    """With one image on the first process, half of it ignored, and two on the second."""
    logits = images(3, 2, 6, 8)
    labels = (images(3, 6, 8) > 0).to(torch.uint8)
    labels[0, 2:] = IGNORE_INDEX
    labels[1, :1] = IGNORE_INDEX

    def through(config, logits, labels):
        logits = logits.clone().requires_grad_()
        value = LOSSES.build(config, num_classes=2).double()(logits, labels)
        value.backward()
        return value.item(), logits.grad

    def work():
        own = [each.split([1, 2])[distributed.rank()] for each in (logits, labels)]
        return [through(config, *own) for config in POOLED]

    found = together(2, work)
    for i, config in enumerate(POOLED):
        value, gradient = through(config, logits, labels)
        assert (found[0][i][0] + found[1][i][0]) / 2 == pytest.approx(value, rel=1e-5), config
        torch.testing.assert_close(torch.cat([own[i][1] for own in found]) / 2, gradient, rtol=1e-4, atol=1e-7)


def test_a_loss_that_is_nothing_for_one_process_counts_for_the_other():
    def work():
        labels = torch.full((1, 4, 4), IGNORE_INDEX if distributed.rank() == 0 else 1, dtype=torch.uint8)
        logits = images(1, 2, 4, 4).requires_grad_()
        value = LOSSES.build(dict(type="CrossEntropyLoss"), num_classes=2).double()(logits, labels)
        value.backward()
        return value.item(), logits.grad.abs().sum().item()

    (nothing, still), (value, moved) = together(2, work)
    alone = nn.functional.cross_entropy(images(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.long)).item()
    assert nothing == still == 0 and value / 2 == pytest.approx(alone, rel=1e-5) and moved > 0


def test_nan_on_one_process_is_skipped_by_all(tmp_path):
    write_config(tmp_path, "train = dict(max_steps=6, on_nan='skip')\n")

    def work():
        overrides = [*SIX, "data.batch_size=8", "train.gradient_accumulation_steps=2", "train.max_steps=4"]
        runner = build_runner(load_config(tmp_path / "tiny.py", overrides), tmp_path, CPU)
        batches = runner.train_batches

        def spoiled(draw):
            for number, batch in enumerate(batches(draw)):
                if distributed.rank() == 1 and number in (1, 4):  # the second part of step 1, the first of step 3
                    batch["images"] = torch.full(batch["images"].shape, float("nan"))
                yield batch

        runner.train_batches = spoiled
        runner.train()
        return runner.step, runner.skipped, digest(ends_of(runner)["weights"])

    first, second = together(2, work)
    assert first == second and first[:2] == (4, 2)


# --- how processes end ------------------------------------------------------------------------------------------------


def lose(how, folder, minutes=10.0):
    """A group of two in which the second is lost; what the first says, and how long it waits."""
    port = free_port()

    def work(rank):
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        distributed.MESSAGE_SECONDS = 0.3
        try:
            with distributed.process_group(CPU, minutes, folder / "log.txt"):
                distributed.barrier()
                if rank == 1:
                    os.kill(os.getpid(), how)
                distributed.barrier()
        except UserError as error:
            (folder / "told").write_text(str(error))
            raise SystemExit(2) from None

    begin = time.monotonic()
    children = [fork(lambda rank=rank: work(rank)) for rank in (0, 1)]
    try:
        assert wait(children[:1], 30) == [2]
    finally:
        kill(children)
    return (folder / "told").read_text(), time.monotonic() - begin


def test_a_process_that_dies_is_named_to_the_others(tmp_path):
    told, seconds = lose(signal.SIGKILL, tmp_path)
    assert "another process of this run (number 1) has ended, or hung for 10 minutes" in told and seconds < 5
    assert f"The log: {tmp_path / 'log.txt'}. Go on with --resume" in told


def test_a_process_that_hangs_is_named_to_the_others_within_the_timeout(tmp_path):
    told, seconds = lose(signal.SIGSTOP, tmp_path, minutes=0.02)
    assert "(number 1) has ended, or hung for 0.02 minutes" in told and 1.2 < seconds < 5


def test_alone_everything_is_a_no_op(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.process_group(CPU):
        assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
        assert distributed.gather(5) == [5] and distributed.any_says(True) and not distributed.any_says(False)
        assert torch.equal(distributed.mean(torch.ones(2)), torch.ones(2))
        assert torch.equal(distributed.gather_tensors(torch.ones(2)), torch.ones(1, 2))
        distributed.barrier()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert distributed.restarts() == 2 and distributed.store_prefix() == "attempt 2"
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert distributed.store_prefix() == "attempt any"


def test_a_bug_stays_a_bug():
    def work():
        os.environ["WORLD_SIZE"] = "1"
        raise RuntimeError("a bug")

    with pytest.raises(AssertionError):
        together(1, work)


def test_once_per_machine():
    def work():
        done = []
        result = distributed.once_per_machine(lambda: done.append(1) or {"rank": distributed.rank()})
        distributed.machine_name = lambda: f"machine {distributed.rank() % 2}"
        return result["rank"], len(done), distributed.once_per_machine(distributed.rank)

    assert together(3, work) == [(0, 1, 0), (0, 0, 1), (0, 0, 0)]


def test_an_error_in_the_work_of_one_machine_is_raised_in_all():
    def work():
        def fail():
            raise DataError(f"there is no folder {distributed.rank()}")

        with pytest.raises(DataError, match="there is no folder 0"):
            distributed.once_per_machine(fail)
        return distributed.once_per_machine(lambda: "goes on")

    assert together(2, work) == ["goes on"] * 2


def test_processes_of_a_machine_list_the_files_of_a_data_set_once(tmp_path):
    for i in range(5):
        write_image(tmp_path / "images" / f"{i}.png", smooth_image(8, 9, seed=i))
        write_image(tmp_path / "masks" / f"{i}.png", blocky_label(8, 9, num_classes=2))

    def work():
        listed = []
        original = folder.list_files
        folder.list_files = lambda *arguments, **options: listed.append(1) or original(*arguments, **options)
        dataset = folder.FolderDataset(str(tmp_path), classes=["a", "b"], images="images", annotations="masks")
        return len(listed), [dataset.files(i) for i in range(len(dataset))], dataset.missing

    (first, files, missing), other = together(2, work)
    assert (first, len(files), missing) == (2, 5, ([], [])) and other == (0, files, missing)
