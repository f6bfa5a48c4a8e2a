"""The loop: what a step is, how it stops, and that a resumed run is the same to the last bit."""

import os
import signal
from multiprocessing import Pipe

import pytest
import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.engine import signals, step_errors
from segbox.engine.checkpoint import read_run
from segbox.engine.hooks.hook import Hook
from segbox.engine.runner import Runner
from segbox.engine.settings import total_steps
from segbox.engine.state import run_state
from segbox.errors import CheckpointError, TrainingError
from tests.runs import differences, scored, tiny_runner


class Small(nn.Module):
    """Convolution and, if asked for, a batch norm; the loss is the mean square of the distance to the labels."""

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(3, 1, 1)
        self.norm = nn.BatchNorm2d(1) if norm else nn.Identity()

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"square": (self.norm(self.mix(images))[:, 0] - labels).square().mean()}


class At(Hook):
    """Does something after a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def after_step(self, runner):
        if runner.step == self.step:
            self.action()


def image_of(number: int) -> Tensor:
    return torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(number))


def small_runner(folder, model=None, batch=4, accumulate=1, lr=0.1, momentum=0.9, spoil=None, hooks=None, **settings):
    model = model or Small()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)

    def batches(draw):
        part = batch // accumulate
        while True:
            images = torch.stack([image_of(draw + i) for i in range(part)])
            if spoil is not None and draw <= spoil < draw + part:
                images[spoil - draw] = float("nan")
            paths = [f"image{draw + i}.png" for i in range(part)]
            yield {"images": images, "labels": images.nan_to_num().mean(dim=1) * 3, "paths": paths}
            draw += part

    return Runner(
        model, optimizer, hooks or {}, batches, None, lambda *_: scored(), batch_size=batch, epoch=4,
        gradient_accumulation_steps=accumulate,
        work_dir=folder, device=torch.device("cpu"), classes=["a"], description={}, **{"max_steps": 4, **settings},
    )  # fmt: skip


def test_accumulated_parts_are_the_big_batch(tmp_path):
    whole, parts = small_runner(tmp_path), small_runner(tmp_path, accumulate=2)
    whole.train()
    parts.train()
    assert torch.allclose(whole.model.mix.weight, parts.model.mix.weight, atol=1e-6)
    assert torch.allclose(whole.losses["square"], parts.losses["square"], atol=1e-6)
    assert not torch.allclose(whole.model.mix.weight, Small().mix.weight, atol=1e-2)


def test_a_step_is_plain_pytorch(tmp_path):
    runner, model = small_runner(tmp_path), Small()
    runner.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(4):
        images = torch.stack([image_of(4 * step + i) for i in range(4)])
        optimizer.zero_grad()
        model(images, images.mean(dim=1) * 3)["square"].backward()
        optimizer.step()
    assert torch.equal(runner.model.mix.weight, model.mix.weight)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_are_clipped(tmp_path, accumulate):
    before = Small()
    runner = small_runner(tmp_path, lr=1.0, momentum=0.0, clip_grad=0.01, max_steps=1, accumulate=accumulate)
    runner.train()
    moved = [a - b for a, b in zip(runner.model.parameters(), before.parameters())]
    assert torch.stack([m.square().sum() for m in moved]).sum().sqrt().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_nan_stops_with_the_files_and_the_state_of_before(tmp_path, accumulate):
    """Image 10 is of step 3; with two parts it is in the second, when the first has already moved the statistics."""
    whole = small_runner(tmp_path, Small(norm=True), accumulate=accumulate, max_steps=2)
    whole.train()
    runner = small_runner(tmp_path, Small(norm=True), accumulate=accumulate, spoil=10)
    with pytest.raises(TrainingError) as caught:
        runner.train()
    message = str(caught.value)
    assert message.startswith("the loss of step 3 is not finite (square nan); images: ")
    assert "image10.png" in message and f"The state before this step is in {tmp_path}/before_nan.pt" in message
    saved = read_run(tmp_path / "before_nan.pt")
    assert saved["step"] == 2
    assert not differences(saved["model"], whole.model.state_dict())
    assert not differences(saved["optimizer"], run_state(whole)["optimizer"])


def test_a_step_with_nan_is_dropped_if_the_config_says_so(tmp_path):
    """The weights are those of a run whose third step does nothing; the stream of images goes on."""
    runner = small_runner(tmp_path, Small(norm=True), spoil=10, on_nan="skip", accumulate=2, max_steps=5)
    seen = []
    runner.hooks = {"see": Hook()}
    runner.hooks["see"].after_step = lambda runner: seen.append((not runner.is_skipped, runner.draws))
    runner.train()
    assert seen == [(True, 4), (True, 8), (False, 12), (True, 16), (True, 20)] and runner.skipped == 1
    model = Small(norm=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in (0, 1, 3, 4):
        optimizer.zero_grad()
        for part in (0, 2):
            images = torch.stack([image_of(4 * step + part + i) for i in range(2)])
            (model(images, images.mean(dim=1) * 3)["square"] / 2).backward()
        optimizer.step()
    assert not differences(runner.model.state_dict(), model.state_dict())
    resumed = small_runner(tmp_path, Small(norm=True))
    resumed.resume(runner.save("a.pt"))
    assert (resumed.skipped, resumed.draws) == (1, 20)


def test_too_many_steps_with_nan_in_a_row_end_the_run(tmp_path):
    model = Small()
    model.register_buffer("spoiled", torch.tensor(float("nan")))
    model.forward = lambda images, labels: {"square": Small.forward(model, images, labels)["square"] * model.spoiled}
    runner = small_runner(tmp_path, model, on_nan="skip", max_skips=3, max_steps=9)
    with pytest.raises(TrainingError, match=r"the loss of step 4 .*\nThat is 4 steps in a row\.\nThe state before"):
        runner.train()
    assert runner.skipped == 3


@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_gradient_that_is_not_finite_never_reaches_the_weights(tmp_path, clip):
    """The loss is finite: sqrt has an infinite slope at 0."""
    model = Small()
    model.forward = lambda images, labels: {"root": (model.mix(images) * 0).sum().sqrt()}
    runner = small_runner(tmp_path, model, clip_grad=clip)
    with pytest.raises(TrainingError, match=r"the gradient of step 1 is not finite images: image0\.png, .*image3\.png"):
        runner.train()
    assert not differences(read_run(tmp_path / "before_nan.pt")["model"], Small().state_dict())


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_out_of_memory_says_what_to_try(tmp_path, error):
    model = Small()

    def forward(images, labels):
        raise error

    model.forward = forward
    with pytest.raises(TrainingError) as caught:
        small_runner(tmp_path, model, batch=8, accumulate=2).train()
    assert str(caught.value) == (
        "cpu is out of memory with 4 image(s) of 4x5 per process and forward pass. Try"
        " train.gradient_accumulation_steps=4 (the same step of 8 images in smaller parts), then train.precision=bf16,"
        " or a crop of 32x32; if the model itself is too large, several processes with train.shard=True"
    )


def test_memory_that_runs_out_in_the_optimizer_is_told_too(tmp_path):
    def step(*given):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    runner = small_runner(tmp_path)
    runner.optimizer.step = step
    with pytest.raises(TrainingError, match=r"cpu is out of memory with 4 .* several processes with train\.shard=True"):
        runner.train()


def test_a_data_worker_that_is_lost_is_told_whatever_breaks_first(tmp_path):
    def cut_pipe():
        ours, theirs = Pipe()
        theirs.close()
        ours.recv()

    def killed():
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. \nmore")

    def unpinned():
        raise RuntimeError("Pin memory thread exited unexpectedly")

    cases = (
        (cut_pipe, "its pipe is closed"),
        (killed, r"DataLoader worker \(pid 7\) is killed"),
        (unpinned, "Pin memory thread exited"),
    )
    for action, words in cases:
        before = signal.getsignal(signal.SIGCHLD)
        with pytest.raises(TrainingError, match=rf"a data worker has ended \({words}.*fewer data\.workers"):
            small_runner(tmp_path, hooks={"lose": At(2, action)}).train()
        assert signal.getsignal(signal.SIGCHLD) == before
    with pytest.raises(FileNotFoundError):
        small_runner(tmp_path, hooks={"other": At(2, (tmp_path / "gone").read_text)}).train()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set",
            r"train\.deterministic: adaptive_avg_pool2d_backward_cuda is not reproducible",
        ),
        (
            "but this operation is not deterministic because it uses CuBLAS and you have CUDA >= 10.2.",
            r"train\.deterministic: .*CUBLAS_WORKSPACE_CONFIG has another value; set it to :4096:8",
        ),
    ],
)
def test_what_cannot_be_deterministic_is_named(tmp_path, text, message):
    model = Small()

    def forward(images, labels):
        raise RuntimeError(text)

    model.forward = forward
    with pytest.raises(TrainingError, match=message):
        small_runner(tmp_path, model).train()


@pytest.fixture(scope="module")
def after_a_step(tmp_path_factory):
    """The last checkpoint of a run of one step."""
    folder = tmp_path_factory.mktemp("after_a_step")
    tiny_runner(folder, ["train.max_steps=1", "hooks.evaluate=None"]).train()
    return folder / "last.pt"


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("model", lambda w: w * torch.nan, "cannot be used: backbone.conv1.weight holds numbers that are NaN"),
        ("model", lambda w: 5, "cannot be used: backbone.conv1.weight is no tensor"),
        ("ema", lambda w: w.int(), "cannot be used: backbone.conv1.weight holds int32, the model float32"),
        ("ema", lambda w: w - torch.inf, "cannot be used: backbone.conv1.weight holds numbers that are NaN"),
        ("optimizer", lambda memory: [1], "its optimizer state of backbone.conv1.weight has another shape"),
        ("optimizer", lambda memory: {"momentum_buffer": torch.ones(3)}, "has another shape or type"),
        ("optimizer", lambda memory: {"momentum_buffer": "x"}, "has another shape or type"),
    ],
)
def test_spoilt_numbers_are_refused_by_name_before_the_first_step(tmp_path, after_a_step, part, change, message):
    runner, content = tiny_runner(tmp_path), read_run(after_a_step)
    own = {**content[part], "backbone.conv1.weight": change(content[part]["backbone.conv1.weight"])}
    with pytest.raises(CheckpointError, match=rf"last\.pt: .*{message}"):
        runner.resume(after_a_step, {**content, part: own})


def test_changes_of_the_config_are_told_when_resuming(tmp_path):
    tiny_runner(tmp_path, ["train.max_steps=2", "hooks.evaluate=None"]).train()
    lines = []
    runner = tiny_runner(tmp_path, ["train.max_steps=4", "hooks.evaluate=None", "optimizer.lr=0.5"])
    runner.log = lines.append
    runner.resume(tmp_path / "last.pt")
    assert sorted(lines[1:]) == [
        "changed since that checkpoint: optimizer.lr 0.02 -> 0.5",
        "changed since that checkpoint: train.max_steps 2 -> 4",
    ]


@pytest.mark.parametrize(("now", "is_told"), [("fp32", True), ("bf16", False), (None, False)])
def test_another_precision_is_told_when_resuming(tmp_path, now, is_told):
    """What "auto" stands for may be another precision on another machine."""
    before, runner = small_runner(tmp_path), small_runner(tmp_path)
    before.description = {"precision": "bf16"}
    runner.description = {} if now is None else {"precision": now}
    lines = []
    runner.log = lines.append
    runner.resume(before.save("a.pt"))
    told = "precision: the checkpoint was trained in 'bf16', this run goes on in fp32; train.precision fixes it"
    assert (told in lines) is is_told


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    runner = small_runner(tmp_path)
    runner.hooks = {"break": At(2, lambda: nn.init.constant_(runner.model.mix.bias, float("inf")))}
    with pytest.raises(
        TrainingError, match=r"step 3 .*\n1 parameters are not finite either \(first: mix\.bias\).*clip"
    ):
        runner.train()
    assert not (tmp_path / "before_nan.pt").exists()


def test_a_parameter_without_gradient_is_named(tmp_path):
    model = Small()
    model.forgotten = nn.Linear(2, 2)
    model.frozen = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(TrainingError, match=r"no loss depends on forgotten\.weight, forgotten\.bias; remove"):
        small_runner(tmp_path, model).train()


def test_batch_norm_over_a_single_value_is_explained(tmp_path):
    model = Small(norm=True)
    model.mix = nn.Sequential(nn.AdaptiveAvgPool2d(1), model.mix)
    with pytest.raises(
        TrainingError, match=r"single value per channel with 1 image.*data\.batch_size.*gradient_accumulation_steps"
    ):
        small_runner(tmp_path, model, batch=1).train()


@pytest.fixture
def default_signals():
    """As in a shell; a test that is run in the background may have been told to ignore some."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.NUMBERS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", signals.NUMBERS)
def test_signals_end_the_run_after_the_step(tmp_path, number, default_signals):
    runner = small_runner(tmp_path, max_steps=100)
    ended = []
    runner.hooks = {"kill": At(3, lambda: os.kill(os.getpid(), number)), "end": Hook()}
    runner.hooks["end"].after_train = ended.append
    before = signal.getsignal(number)
    request = runner.train()
    assert request.signal == number and runner.step == 3 and ended == [runner]
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_stays_so(tmp_path, default_signals):
    """nohup ignores SIGHUP, a shell script the Ctrl-C of what it runs in the background."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    runner = small_runner(tmp_path, max_steps=5, hooks={"kill": At(3, lambda: os.kill(os.getpid(), signal.SIGHUP))})
    assert runner.train().signal is None and runner.step == 5
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_second_interrupt_ends_at_once(tmp_path, default_signals):
    runner = small_runner(tmp_path, max_steps=100)
    runner.hooks = {"kill": At(2, lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])}
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert runner.step == 2


def interrupted(folder, overrides, at):
    """A run that dies in the middle of things, and its whole checkpoints."""

    def die():
        raise ZeroDivisionError

    runner = tiny_runner(folder, overrides)
    runner.hooks = {"die": At(at, die), **runner.hooks}
    with pytest.raises(ZeroDivisionError):
        runner.train()


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.gradient_accumulation_steps=2", "train.clip_grad=1.0"],
        ["data.workers=2", "train.precision=bf16", "optimizer.lr=0.05"],
    ],
    ids=["accumulate", "workers"],
)
def test_a_resumed_run_is_the_same_to_the_last_bit(tmp_path, overrides):
    straight = tiny_runner(tmp_path / "straight", overrides)
    straight.train()
    interrupted(tmp_path / "other", overrides, at=5)
    for name, step in (("last.pt", 5), ("step_00000004.pt", 4)):  # what the error saved, and the one before
        resumed = tiny_runner(tmp_path / name, overrides)
        torch.manual_seed(12345)
        resumed.resume(tmp_path / "other" / name)
        assert resumed.step == step
        resumed.train()
        a, b = (read_run(tmp_path / folder / "step_00000006.pt") for folder in ("straight", name))
        for part in ("model", "ema", "optimizer", "hooks", "step", "scored_step"):
            assert a[part]
            assert not differences(a[part], b[part], part)
    assert differences(a["model"], read_run(tmp_path / "straight" / "step_00000004.pt")["model"])
    assert differences(a["model"], a["ema"])


def test_the_number_of_workers_changes_nothing_and_the_seed_does(tmp_path):
    found = {}
    for name, overrides in {"none": [], "two": ["data.workers=2"], "seed": ["seed=1"]}.items():
        runner = tiny_runner(tmp_path / name, [*overrides, "train.max_steps=2", "hooks.evaluate=None"])
        runner.train()
        found[name] = runner.model.state_dict()
    assert not differences(found["none"], found["two"])
    assert differences(found["none"], found["seed"])


def test_another_optimizer_state_or_model_is_refused(tmp_path):
    tiny_runner(tmp_path, ["train.max_steps=2"]).train()
    other = tiny_runner(tmp_path / "b", ["model.backbone.stem=D"])
    with pytest.raises(
        CheckpointError,
        match=r"last\.pt: belongs to another model\n\d+ tensors fit, 4 have another shape.*\n(.*\n)*  missing in ",
    ):
        other.resume(tmp_path / "last.pt")
    frozen = tiny_runner(tmp_path / "c", ["model.freeze_backbone=True"])
    with pytest.raises(CheckpointError, match=r"last\.pt: its optimizer state has parameters that this run does not"):
        frozen.resume(tmp_path / "last.pt")


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision(tmp_path, amp):
    plain, mixed = tiny_runner(tmp_path / "a"), tiny_runner(tmp_path / "b", [f"train.precision={amp}"])
    for runner in (plain, mixed):
        runner.hooks = {}
        runner.max_steps = 1
        runner.train()
    assert mixed.losses["decode.ce"].item() == pytest.approx(plain.losses["decode.ce"].item(), rel=0.03)
    assert mixed.losses["decode.ce"].dtype == torch.float32
    assert differences(plain.losses, mixed.losses) and mixed.scaler.is_enabled() == (amp == "fp16")
    assert all(p.dtype == torch.float32 for p in mixed.model.parameters())


def test_fp16_scale_is_resumed(tmp_path):
    runner = tiny_runner(tmp_path, ["train.precision=fp16", "train.max_steps=2", "hooks.evaluate=None"])
    runner.scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=1)
    runner.train()
    assert runner.scaler.get_scale() == 256
    resumed = tiny_runner(tmp_path, ["train.precision=fp16"])
    resumed.resume(tmp_path / "last.pt")
    assert resumed.scaler.get_scale() == 256


def test_channels_last_is_a_matter_of_memory_alone(tmp_path):
    runners = [tiny_runner(tmp_path / str(last), [f"train.channels_last={last}"]) for last in (True, False)]
    for runner in runners:
        runner.hooks = {}
        runner.max_steps = 1
        runner.train()
    weights = [next(p for p in runner.model.parameters() if p.ndim == 4 and p.shape[-1] == 3) for runner in runners]
    is_last = [weight.is_contiguous(memory_format=torch.channels_last) for weight in weights]
    assert is_last == [True, False] and torch.allclose(*weights, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_trains_and_its_checkpoint_has_plain_names(tmp_path):
    runner = tiny_runner(tmp_path, ["train.compile=True", "train.max_steps=2"])
    runner.train()
    assert list(read_run(tmp_path / "last.pt")["model"]) == list(runner.model.state_dict())


def test_the_averaged_model_is_the_one_that_is_scored(tmp_path):
    runner = small_runner(tmp_path)
    runner.score = lambda model, is_stopped: scored(same=float(model is runner.averaged_model))
    told = []
    runner.hooks = {"tell": Hook()}
    runner.hooks["tell"].after_eval = lambda runner, scores: told.append(scores)
    assert runner.evaluate() == {"same": 0.0}
    runner.averaged_model = Small()
    assert runner.evaluate() == {"same": 1.0} and len(told) == 2


# --- runs without labels ----------------------------------------------------------------------------------------------


def without_labels(folder, labelled=(), **settings):
    """The images of these draws are labelled, the others not."""
    runner = small_runner(folder, **{"batch": 2, **settings})
    real = runner.train_batches

    def batches(draw):
        for number, batch in enumerate(real(draw), draw // 2):
            labels = torch.full(batch["labels"].shape, IGNORE_INDEX)
            yield {**batch, "labels": batch["labels"] if number in labelled else labels * 1.0}

    runner.train_batches = batches
    return runner


NONE = r"no pixel of the {} images of {} steps is labelled: all are 255, .*segbox browse"


def test_a_run_without_any_label_is_refused_at_its_end(tmp_path):
    with pytest.raises(TrainingError, match=NONE.format(6, 3)):
        without_labels(tmp_path, lr=0, max_steps=3).train()
    without_labels(tmp_path, labelled=[2], lr=0, max_steps=3).train()


def test_a_run_without_any_label_is_refused_after_an_epoch_and_some_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(step_errors, "STEPS_WITHOUT_LABELS", 3)
    for epoch, steps in ((2, 3), (10, 5)):
        runner = without_labels(tmp_path, lr=0, max_steps=20)
        runner.labels.epoch = epoch
        with pytest.raises(TrainingError, match=NONE.format(2 * steps, steps)):
            runner.train()
        assert runner.step == steps - 1
    without_labels(tmp_path, labelled=[2], lr=0, max_steps=20).train()


def test_the_rest_of_a_resumed_run_may_have_no_label(tmp_path):
    runner = without_labels(tmp_path, lr=0, max_steps=3)
    runner.resume(without_labels(tmp_path, lr=0, max_steps=2).save("a.pt"))
    runner.step, runner.draws = 2, 4
    runner.train()
    assert runner.step == 3


def test_epochs_become_steps_once():
    assert total_steps(7, None, 100, 8) == 7
    assert total_steps(None, 2, 100, 8) == 25 and total_steps(None, 0.5, 3, 2) == 1
    for steps, epochs in ((None, None), (5, 5), (0, None), (-2, None), (None, 0)):
        with pytest.raises(ValueError, match="max_steps"):
            total_steps(steps, epochs, 100, 8)
