"""Sharded processes (gloo) learn, score and save what plain ones do, and each keeps its part alone."""

import pytest
import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.config import load_config
from segbox.engine import build, sharding
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import read_run
from segbox.engine.devices import wrap_for_training
from segbox.engine.not_finite import non_finite_parameters
from segbox.errors import ConfigError, TrainingError
from segbox.evaluation.evaluator import Evaluator
from segbox.models.layers.masks import Masks
from segbox.models.segmentors import build_segmentor
from segbox.registry import BACKBONES, HEADS
from tests import processes
from tests.processes import CPU
from tests.runs import differences, write_config
from tests.test_distributed import Take
from tests.tiny import random_batch, tiny_model

if "fully_shard" not in vars(pytest.importorskip("torch.distributed.fsdp")):
    pytest.skip("PyTorch 2.4 and 2.5 shard models on GPUs only", allow_module_level=True)
# Imported here once, not in every forked process, and before any test replaces what it imports.
fsdp = pytest.importorskip("segbox.engine.fsdp")

RUN = """
hooks = dict(lr=None, log=None, evaluate=None, checkpoint=dict(interval=100))
model = dict(_delete_=True, type="EncoderDecoder", backbone=dict(type="VGG", variant="test"),
             decode_head=dict(type="FCNHead", dropout=0.0))
data = dict(batch_size=6, train=dict(size=(20, 28)))
crop_size = (24, 32)
train = dict(max_steps=4, sync_batch_norm=True)
optimizer = dict(lr=0.01, head_lr_mult=1.0)
"""
SHARD = "train.shard=True"


def together(count, work):
    """With patience: sharding's first step takes seconds of a processor in each process."""
    return processes.together(count, work, seconds=300)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sharding, "SMALLEST_BLOCK", 500)


@pytest.fixture
def double(monkeypatch):
    """Models of 64 bits, in which the order of sums leaves no trace."""
    monkeypatch.setattr(build, "build_segmentor", lambda *given: build_segmentor(*given).double())


def small_config(folder):
    write_config(folder)
    write_config(folder, RUN, "small.py")


def run(folder, *overrides, resume=None, spoil=()):
    """In this process or its group: the losses of each step and the runner at the end.

    The second process's batches of the numbers `spoil` are NaN.
    """
    runner = build_runner(load_config(folder / "small.py", overrides), folder, CPU)
    if resume is not None:
        runner.resume(resume)
    batches = runner.train_batches

    def spoiled(draw):
        for number, batch in enumerate(batches(draw)):
            if distributed.rank() == 1 and number in spoil:
                batch["images"] = torch.full(batch["images"].shape, float("nan"))
            yield batch

    runner.train_batches = spoiled
    take = Take()
    runner.hooks = {**runner.hooks, "take": take}
    runner.train()
    return [losses.get("decode.ce") for losses in take.losses], runner


def ran(tmp_path, count, runs, resume=None, spoil=()):
    """The losses and the last checkpoint of each run of `runs`: the name of its folder, and its overrides.

    The same `count` processes do one after the other, for what each first learns of sharding takes longer than a run.
    `resume` has the checkpoints that runs begin from.
    """
    for name in runs:
        (tmp_path / name).mkdir(exist_ok=True)
        small_config(tmp_path / name)

    def work():
        found = []
        for name, overrides in runs.items():
            found.append(run(tmp_path / name, *overrides, resume=(resume or {}).get(name), spoil=spoil)[0])
            distributed.barrier()  # what the first process has written is there
        return found

    losses = together(count, work)
    assert all(own == losses[0] for own in losses)
    return [(own, read_run(tmp_path / name / "last.pt")) for own, name in zip(losses[0], runs)]


def close(a, b, tolerance, way=""):
    """Where two checkpoints have other keys, shapes or types, or tensors that are further apart."""
    if isinstance(a, dict):
        assert list(a) == list(b), way
        return [d for key in a for d in close(a[key], b[key], tolerance, f"{way}.{key}")]
    if not isinstance(a, Tensor):
        return [] if a == b else [way]
    same = type(a) is type(b) and (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device)
    return [] if same and torch.allclose(a, b, rtol=tolerance, atol=tolerance) else [way]


def without_config(content):
    return {key: value for key, value in content.items() if key != "config"}


# --- what is learned and saved ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_twenty_steps_and_their_checkpoint_are_those_of_one_process(tmp_path, double, count):
    steps = "train.max_steps=20"
    ((alone, of_one),) = ran(tmp_path, 1, {"alone": [steps]})
    (plain, of_plain), (sharded, of_sharded) = ran(tmp_path, count, {"plain": [steps], "sharded": [steps, SHARD]})
    assert len(sharded) == 20 and sharded[-1] < 0.9 * sharded[0]
    assert sharded == pytest.approx(plain, rel=1e-9) and sharded == pytest.approx(alone, rel=1e-9)
    for other in (of_one, of_plain):
        assert not close(without_config(of_sharded), without_config(other), 1e-9)
    assert close(of_sharded["model"], of_sharded["ema"], 1e-3)  # that the average is not the model
    sizes = [(tmp_path / name / "last.pt").stat().st_size for name in ("plain", "sharded")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_accumulated_and_clipped_gradients_are_those_of_plain_processes(tmp_path, double):
    parts, clip = "train.gradient_accumulation_steps=3", "train.clip_grad=0.05"
    runs = {"plain": [parts, clip], "sharded": [parts, clip, SHARD], "free": [parts]}
    (plain, of_plain), (sharded, of_sharded), (free, _) = ran(tmp_path, 2, runs)
    assert sharded == pytest.approx(plain, rel=1e-9) and sharded[1:] != pytest.approx(free[1:], rel=1e-6)
    assert not close(without_config(of_sharded), without_config(of_plain), 1e-9)


@pytest.mark.parametrize("amp", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_half_precision_is_that_of_plain_processes(tmp_path, amp):
    """Under fp16 the first scales are too large: the steps that all processes skip are the same ones."""
    precision = f"train.precision={amp}"
    runs = {"plain": [precision], "sharded": [precision, SHARD]}
    (plain, of_plain), (sharded, of_sharded) = ran(tmp_path, 2, runs)
    assert sharded == pytest.approx(plain, rel=1e-5)
    assert of_sharded["scaler"] == of_plain["scaler"] and bool(of_plain["scaler"]) == (amp == "fp16")
    assert not close(of_sharded["model"], of_plain["model"], 1e-5)


def test_steps_with_nan_are_dropped_by_all(tmp_path, double):
    more = ["train.on_nan=skip", "train.gradient_accumulation_steps=3", "train.max_steps=5"]
    runs = {"plain": more, "sharded": [*more, SHARD]}
    (plain, of_plain), (sharded, of_sharded) = ran(tmp_path, 2, runs, spoil=(1, 6))
    assert of_sharded["skipped"] == 2 and [loss is None for loss in sharded] == [True, False, True, False, False]
    assert [loss for loss in sharded if loss] == pytest.approx([loss for loss in plain if loss], rel=1e-9)
    assert not close(without_config(of_sharded), without_config(of_plain), 1e-9)


def test_nan_stops_with_the_state_of_before(tmp_path, double):
    runs = {"plain": [], "sharded": [SHARD]}
    for name in runs:
        (tmp_path / name).mkdir()
        small_config(tmp_path / name)

    def work():
        for name, overrides in runs.items():
            with pytest.raises(TrainingError, match="the loss of step 3 is not finite") as caught:
                run(tmp_path / name, *overrides, spoil=(2,))
            assert "The state before this step is in" in str(caught.value)

    together(2, work)
    plain, sharded = (read_run(tmp_path / name / "before_nan.pt") for name in runs)
    assert sharded["step"] == 2 and not close(without_config(sharded), without_config(plain), 1e-9)


def test_weights_that_are_not_finite_on_one_process_are_named_by_all(tmp_path):
    small_config(tmp_path)

    def work():
        runner = run(tmp_path, SHARD, "train.max_steps=1", "hooks.checkpoint=None")[1]
        sharding.local_parameters(runner.model)[0][-1] = float("nan")  # of what this process has of the first parameter
        names = [name for name, _ in runner.model.named_parameters()]
        if distributed.rank() == 1:
            sharding.local_parameters(runner.model)[-1][0] = float("inf")
        return non_finite_parameters(runner.model) == [names[0], names[-1]]

    assert together(2, work) == [True, True]


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_sharded_run_goes_on_with_and_without_sharding(tmp_path, double, count):
    """And a plain one with it, on any number of processes. With as many, the end is the same to the last bit."""
    adam = "optimizer=dict(type='AdamW',lr=0.003)"
    half, plain_half = tmp_path / "straight" / "step_00000002.pt", tmp_path / "plain" / "last.pt"
    runs = {
        "straight": [adam, SHARD, "hooks.checkpoint.interval=2"],
        "plain": [adam, "train.max_steps=2"],
        "again": [adam, SHARD],
        "with": [adam, SHARD],
    }
    found = ran(tmp_path, 2, runs, resume={"again": half, "with": plain_half})
    (straight, end), (plain, _), (again, of_again), with_it = found
    assert plain == pytest.approx(straight[:2], rel=1e-9)
    assert again == straight[2:] and not differences(without_config(of_again), without_config(end))
    (others,) = ran(tmp_path, count, {"others": [adam, *([SHARD] if count > 1 else [])]}, resume={"others": half})
    for losses, content in (with_it, others):
        assert losses == pytest.approx(straight[2:], rel=1e-9)
        assert not close(without_config(content), without_config(end), 1e-9)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    ran(tmp_path, 1, {"one": ["train.max_steps=1", "model.decode_head.channels=7"]})

    def work():
        with pytest.raises(Exception, match="belongs to another model") as caught:
            run(tmp_path / "one", SHARD, resume=tmp_path / "one" / "last.pt")
        return "another shape" in str(caught.value)

    assert together(2, work) == [True, True]


# --- what a process keeps ---------------------------------------------------------------------------------------------


def bytes_of(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def kept(tensors):
    """Bytes of the memory behind them."""
    memories = [tensor.untyped_storage() for tensor in tensors]
    return sum({memory.data_ptr(): memory.nbytes() for memory in memories}.values())


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_process_keeps_its_part(tmp_path, count):
    """Of parameters, gradients, optimizer's state and average. Rows that it has less than others are padding."""
    small_config(tmp_path)
    more = ["optimizer=dict(type='AdamW',lr=0.001)", "hooks.checkpoint=None", "train.gradient_accumulation_steps=2"]

    def work():
        runner = run(tmp_path, *more, "data.batch_size=12", SHARD)[1]
        parameters = list(runner.model.parameters())
        states = [value for state in runner.optimizer.state.values() for key, value in state.items() if key != "step"]
        lists = [parameters, [p.grad for p in parameters], states, list(runner.averaged_model.parameters())]
        parts = [[tensor.to_local() for tensor in tensors] for tensors in lists]
        return [bytes_of(tensors) for tensors in (*lists, *parts)], [kept(tensors) for tensors in parts]

    several = together(count, work)
    for i, copies in enumerate((1, 1, 2, 1)):
        whole = several[0][0][i]
        assert whole == copies * several[0][0][0] > 20_000
        assert sum(sizes[4 + i] for sizes, _ in several) == whole
        assert all(memory[i] < 1.2 * whole / count for _, memory in several)


def test_a_resumed_process_keeps_its_part(tmp_path):
    """A view into the checkpoint's tensors would keep all of them."""
    ran(tmp_path, 1, {"one": ["train.max_steps=1"]})

    def work():
        runner = build_runner(load_config(tmp_path / "one" / "small.py", [SHARD]), tmp_path / "one", CPU)
        runner.resume(tmp_path / "one" / "last.pt")
        momenta = [state["momentum_buffer"] for state in runner.optimizer.state.values()]
        return kept([momentum.to_local() for momentum in momenta]) / bytes_of(momenta)

    assert together(2, work) == [pytest.approx(0.5, abs=0.02)] * 2


def test_it_is_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(build.logger, "propagate", True)
    caplog.set_level("INFO", "segbox")
    small_config(tmp_path)

    def work():
        build_runner(load_config(tmp_path / "small.py", [SHARD]), tmp_path, CPU)
        return caplog.messages[-2]  # the last one says how steps are computed

    assert work() == "train.shard: there is one process, which keeps the whole model"
    assert together(2, work)[0].startswith("the model is sharded over 2 processes in 6 groups: 0.0 of its 0.0 MB")


# --- evaluation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "images"), [(2, 2), pytest.param(3, 1, marks=pytest.mark.slow)])
def test_scores_are_those_of_one_process(tmp_path, count, images):
    """With one image more, of another size: processes have different numbers of images and passes, one of three none.

    Both models are scored, the averaged one first, and the run goes on afterwards.
    """
    small_config(tmp_path)
    sets = [dict(type="ShapesDataset", num_images=n, size=size) for n, size in ((images, (32, 40)), (1, (50, 70)))]
    val = [f"data.val=dict(type='ConcatDataset',datasets={sets})", "data.val_batch_size=2", "train.precision=bf16"]
    tests = ["test.mode=whole", "test=dict(mode='slide',window=(24,24),flip=True)"]
    configs = [load_config(tmp_path / "small.py", [*val, test, SHARD]) for test in tests]

    def work():
        runner = run(tmp_path, *val, SHARD)[1]
        passes = []
        runner.averaged_model.decode_head.register_forward_hook(lambda *_: passes.append(1))
        models = (runner.averaged_model, runner.model)
        counts = [scored(c, model) for c in configs for model in models]
        assert [model.training for model in models] == [False, True]
        assert all(sharding.is_dtensor(p) for model in models for p in model.parameters())  # nothing is left whole
        runner.save("scored.pt")
        runner.max_steps += 1
        runner.train()
        return counts, len(passes), runner.step

    several = together(count, work)
    alone = build_runner(configs[0], tmp_path, CPU)
    alone.resume(tmp_path / "scored.pt")
    alone.call("before_train")
    models = (alone.averaged_model, alone.model)
    expected = [scored(c, model) for c in configs for model in models]
    assert sum(map(sum, expected[0])) > 3000 and expected[0] != expected[1] != expected[2]
    assert [counts for counts, _, _ in several] == [expected] * count
    assert len({passes for _, passes, _ in several}) == 1 and {step for _, _, step in several} == {5}


def scored(config, model, is_stopped=lambda: False):
    evaluation = Evaluator(config, CPU, "bf16")
    model, batches = sharding.synchronized(model, evaluation.batches(), is_stopped)
    return evaluation(model, batches=batches).counts.tolist()


# --- what can be sharded ----------------------------------------------------------------------------------------------


def gradients(model, images, labels):
    torch.manual_seed(1)
    sum(model(images, labels).values()).backward()
    found = {name: sharding.full_tensor(p.grad) for name, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        logits = model.eval().logits(images)
    parts = logits if isinstance(logits, Masks) else [logits]
    return {**found, **{f"output {i}": part for i, part in enumerate(parts)}}


def same_when_sharded(backbone, head):
    """The gradients and logits of a model, in two processes with the same images; all begin as the first does."""

    def build(seed):
        torch.manual_seed(seed)
        return tiny_model(backbone, head)

    def work():
        images, labels = random_batch(2, 33, 47, num_classes=5, ignored_rows=5)
        expected = gradients(build(0), images, labels)
        model = sharding.shard(build(distributed.rank()), CPU)
        found = gradients(model, images, labels)
        assert list(found) == list(expected) and len(sharding.fsdp_blocks(model)) > 1
        for name, value in expected.items():
            torch.testing.assert_close(
                found[name], value, rtol=1e-3, atol=max(1e-6, 1e-4 * value.abs().max().item()), msg=name
            )

    together(2, work)


def test_a_model_is_what_it_was():
    same_when_sharded("MixTransformer", "SegFormerHead")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module .* returned a view")  # nothing is done in place on it
@pytest.mark.parametrize("head", list(HEADS))
def test_every_head_can_be_sharded(head):
    same_when_sharded("ResNet", head)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_every_backbone_can_be_sharded(backbone):
    same_when_sharded(backbone, "LinearHead")


def test_blocks_are_elements_of_lists_inner_ones_first():
    def layers(*widths):
        return [nn.Linear(a, b, bias=False) for a, b in zip(widths, widths[1:])]

    model = nn.ModuleDict(
        {
            "stage": nn.Sequential(nn.Sequential(*layers(30, 30, 30)), nn.Sequential(*layers(20, 30, 5), nn.ReLU())),
            "lists": nn.ModuleList([nn.ModuleList(layers(30, 30)), *layers(10, 10)]),
            "bare": nn.Linear(99, 99),
        }
    )
    names = {module: name for name, module in model.named_modules()}
    # stage.1 is left with less than a block beside its first layer; nobody calls a ModuleList. The model is an element
    # of nothing; its direct children are.
    found = [names[block] for block in sharding.fsdp_blocks(model)]
    assert set(found) == {"lists.0.0", "stage.1.0", "stage.0.0", "stage.0.1", "bare"}
    (first, second), (_, _) = layers(30, 30, 30), layers(1, 1, 1)
    nested = nn.Sequential(nn.Sequential(first, nn.Conv2d(1, 600, 1)))
    assert sharding.fsdp_blocks(nested) == [first, nested[0][1]] and second not in sharding.fsdp_blocks(nested)


def test_a_network_that_reads_weights_of_blocks_from_outside_is_told_so(tmp_path):
    class Outside(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(30, 30)])

        def forward(self, images, labels):
            return {"a": (self.blocks[0].weight @ torch.ones(30)).sum() + torch.ones(1)}

    def work():
        model = sharding.shard(Outside(), CPU)
        with pytest.raises(TrainingError, match=r"train\.shard: the network uses weights of a block without calling"):
            small_runner(tmp_path, model).train()

    from tests.engine.test_runner import small_runner

    together(2, work)


def test_a_parameter_without_gradient_is_named(tmp_path, monkeypatch):
    def with_a_dead_part(*given):
        model = build_segmentor(*given)
        model.decode_head.dead = nn.Sequential(nn.Linear(40, 40))
        return model

    monkeypatch.setattr(build, "build_segmentor", with_a_dead_part)
    small_config(tmp_path)

    def work():
        with pytest.raises(TrainingError, match=r"no loss depends on decode_head\.dead\.0\.weight, decode_head\.dead"):
            run(tmp_path, SHARD)

    together(2, work)


def test_a_pytorch_that_cannot_is_named(monkeypatch):
    def refuse(*given, **named):
        raise NotImplementedError("no reduce_scatter\nhere")

    monkeypatch.setattr(fsdp, "fully_shard", refuse)

    def work():
        with pytest.raises(ConfigError, match=r"cannot shard models on cpu \(NotImplementedError: no reduce_scatter\)"):
            sharding.shard(nn.Linear(1, 1), CPU)

    together(2, work)


@pytest.mark.slow
def test_a_compiled_sharded_model_learns_the_same():
    def work(compile):
        torch.manual_seed(0)
        model = sharding.shard(nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 40), nn.Linear(40, 1)), CPU)
        forward = wrap_for_training(model, CPU, compile)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        values = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = forward(torch.randn(5, 4)).square().mean()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return values

    (plain, _), (compiled, _) = together(2, lambda: work(False)), together(2, lambda: work(True))
    assert compiled == pytest.approx(plain, rel=1e-5)
