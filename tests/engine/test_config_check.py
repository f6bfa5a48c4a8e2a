"""All mistakes of a config are told at once, with their places, before its data is opened."""

import sys

import numpy as np
import pytest

from segbox.config import Config, load_config
from segbox.engine.build import build_runner
from segbox.engine.config_check import check_config
from segbox.errors import ConfigError
from segbox.registry import HEADS
from tests.processes import CPU
from tests.runs import run_tool, write_config

NEEDED = ("model", "data", "optimizer", "train")
NO_DATA = """
data = dict(
    train=dict(type="RepeatDataset", times=2, dataset=dict(type="ADE20K", root="/no/such", pipeline=[])),
    val=dict(type="FolderDataset", root="/no/such/either", transform_labels=False),
)
"""


def without_data(folder, text=""):
    """A config whose data is nowhere."""
    write_config(folder)
    write_config(folder, NO_DATA, "no_data.py")
    (folder / "child.py").write_text(f"_base_ = 'no_data.py'\n{text}")
    return folder / "child.py"


def mistakes(folder, text):
    with pytest.raises(ConfigError) as caught:
        check_config(load_config(without_data(folder, text)), *NEEDED)
    return str(caught.value).splitlines()


def test_a_right_config_is_passed_without_its_data(tmp_path):
    check_config(load_config(without_data(tmp_path)), *NEEDED)


def test_mistakes_of_all_sections_at_every_depth_are_told_at_once(tmp_path):
    text = """
model = dict(
    backbone=dict(typ="ResNet"),
    decode_head=dict(dropuot=0.1, loss=[dict(type="DiceLoss", smooth=-1), dict(type="FocalLos")]),
    auxiliary_head=[dict(type="PSPHead", pool_scales=(1, "2"))],
    mean=[1, "x", 3],
)
data = dict(
    train=dict(dataset=dict(split=3.5), pipeline=[
        dict(type="RandomCrop", size=["a", 3]), dict(type="RandomResize", ratio_range=(0.5, "b")), dict(type="Flip"),
    ]),
    worker=2,
)
optimizer = dict(momentum=-1.0, rules={"head.*": dict(lr=1)})
hooks = dict(checkpoint=dict(keep=0), log=dict(intervall=3), lr_schedule=dict(warmup_steps="x"))
train = dict(amp="half")
test = dict(scales=(1.0, "y"))
metric = dict(extra=["mBIOU"])
seed = "s"
"""
    head, *lines = mistakes(tmp_path, text)
    assert head == "the config has several mistakes:"
    assert sorted(line.split(":")[0] for line in lines) == sorted(
        [
            "model.backbone.typ",
            "model.decode_head.dropuot",
            "model.decode_head.loss.0",
            "model.decode_head.loss.1",
            "model.auxiliary_head.0.pool_scales.1",
            "model.mean.1",
            "data.train.dataset.split",
            "data.train.pipeline.0.size.0",
            "data.train.pipeline.1.ratio_range.1",
            "data.train.pipeline.2",
            "data.worker",
            "optimizer.rules.head.*.lr",
            "hooks.checkpoint",
            "hooks.log.intervall",
            "hooks.lr_schedule.warmup_steps",
            "train",
            "test.scales.1",
            "metric",
            "seed",
        ]
    )
    assert "data.train.pipeline.0.size.0: expected a whole number, got 'a'" in lines
    assert "model.decode_head.loss.1: there is no loss 'FocalLos'. Did you mean \"FocalLoss\"?" in "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "model = dict(decode_head=dict(dropout=2), auxiliary_head=dict(type='FCNHead', dropout=3))",
            ["model.decode_head.dropout: expected", "model.auxiliary_head.dropout: expected"],
        ),
        ("model = dict(backbone=dict(variant='51'))", ["model.backbone: there is no ResNet '51'; variants"]),
        (
            "model = dict(decode_head=dict(loss=dict(type='FocalLoss', class_weight='ennet')))",
            ["model.decode_head.loss.class_weight: there is no rule 'ennet'. Did you mean \"enet\"?"],
        ),
        (
            "model = dict(decode_head=dict(loss=dict(type='FocalLoss', class_weight=[1, 2])), num_classes=150)",
            ["model.decode_head.loss: class_weight has 2 numbers for 150 classes"],
        ),
        ("model = dict(decode_head=dict(loss=[]))", ["model.decode_head.loss: expected a loss"]),
        ("model = dict(num_classes=7)", ["model.num_classes: 7, but the data set has 150 classes"]),
        ("train = dict(max_epochs=2)", ["train: give either max_steps or max_epochs"]),
        ("data = dict(train=dict(skip_unreadable='x'))", ["data.train.skip_unreadable: expected True or False"]),
        ("data = dict(train=dict(dataset=3))", ["data.train.dataset: expected dict(type=..., ...), got 3"]),
        ("data = dict(val=dict(label_map={'a': 1}))", ["data.val.label_map, the key 'a': expected a whole number"]),
        ("data = dict(val=dict(classes='abc'))", ["data.val.classes: expected a list of strings or None, got 'abc'"]),
        ("data = dict(val=dict(root=None))", ["data.val.root: expected a string, got None"]),
        ("optimizer = dict(lr=float('nan'))", ["optimizer.lr: expected a finite number, got nan"]),
        ("test = dict(window=(1, 2, 3))", ["test.window: expected 2 whole numbers, got (1, 2, 3)"]),
        ("hooks = dict(x=3)", ["hooks.x: expected dict(type=..., ...) or None, got 3"]),
        ("imports = 3", ["imports: expected a list of strings, got 3"]),
        (
            "train = dict(gradient_accumulation_steps=True)",
            ["train.gradient_accumulation_steps: expected a whole number, got True"],
        ),
    ],
)
def test_mistakes(tmp_path, text, lines):
    told = [line for line in mistakes(tmp_path, text) if not line.startswith("the config has several")]
    assert len(told) == len(lines)
    assert all(line.startswith(start) for line, start in zip(told, lines))


def test_class_weights_that_the_data_will_say_are_no_mistake(tmp_path):
    text = "model = dict(decode_head=dict(loss=dict(type='FocalLoss', class_weight='auto')))"
    check_config(load_config(without_data(tmp_path, text)), *NEEDED)


def test_a_missing_section_is_told_beside_the_rest(tmp_path):
    config = load_config(write_config(tmp_path))
    del config["optimizer"]
    config.seed = -1
    with pytest.raises(ConfigError) as caught:
        check_config(config, *NEEDED)
    assert str(caught.value).splitlines()[1:] == [
        "the config has no section 'optimizer'.",
        "seed: expected a number of 0 or more, of up to 63 bits, got -1",
    ]
    with pytest.raises(ConfigError, match=r"^seed: expected"):
        check_config(config, "model")


def test_a_config_made_in_python_holds_plain_values_too(tmp_path):
    config = load_config(write_config(tmp_path))
    config.optimizer.lr = np.float64(0.01)
    runner = build_runner(config, tmp_path, CPU)
    assert type(runner.description["config"]["optimizer"]["lr"]) is float
    with pytest.raises(ConfigError, match=r"model\.x: configs hold plain values .* not set"):
        check_config(Config({**config, "model": {"x": {1}}}))


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A head and a data set of a user's own, which count how often they are built."""
    (tmp_path / "outside_parts.py").write_text(
        "from segbox.data.datasets.shapes import ShapesDataset\nfrom segbox.registry import DATASETS, HEADS\n"
        "from segbox.models.heads.fcn import FCNHead\nbuilt = []\n"
        "@HEADS.register\nclass OwnHead(FCNHead):\n"
        "    def __init__(self, in_channels: tuple[int, ...], num_classes: int, depth: 'Depth' = 1, width: int = 4):\n"
        "        built.append(depth)\n"
        "        if depth == 'wrong':\n            raise ValueError('depth is wrong')\n"
        "        super().__init__(in_channels, num_classes, channels=width)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield "imports = ['outside_parts']\nmodel = dict(decode_head=dict(_delete_=True, type='OwnHead', {}))\n"
    HEADS._builders.pop("OwnHead", None)
    del sys.modules["outside_parts"]


def test_parts_from_outside_are_checked_by_their_signatures_and_built_once(tmp_path, outside):
    write_config(tmp_path)
    config = load_config(write_config(tmp_path, outside.format("depth=5"), "child.py"))
    check_config(config, *NEEDED)
    built = sys.modules["outside_parts"].built
    assert built == []
    build_runner(config, tmp_path, CPU)
    assert built == [5]
    config.model.decode_head |= {"width": "x", "dropout": 1}
    with pytest.raises(ConfigError) as caught:
        check_config(config, *NEEDED)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "model.decode_head.width",
        "model.decode_head.dropout",
    ]


def test_a_value_error_of_a_part_from_outside_keeps_its_stack(tmp_path, outside, monkeypatch):
    write_config(tmp_path)
    write_config(tmp_path, outside.format("depth='wrong'"), "child.py")
    with pytest.raises(ValueError, match="depth is wrong") as caught:
        run_tool(monkeypatch, "train.py", "child.py", "--device", "cpu")
    assert not isinstance(caught.value, ConfigError) and caught.traceback[-1].path.name == "outside_parts.py"
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[0] == "This was raised while model.decode_head of the config was built"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("train.py", []),
        ("test.py", ["none.pt"]),
        ("predict.py", ["none.pt", "none.jpg"]),
        ("browse_dataset.py", []),
        ("check_dataset.py", []),
        ("get_params.py", []),
    ],
)
def test_every_tool_checks_the_whole_config_first(tmp_path, monkeypatch, capsys, tool, arguments):
    monkeypatch.chdir(tmp_path)
    without_data(tmp_path)
    wrong = ["model.backbone.typ=ResNet", "hooks.log.interval=x", "data.train.dataset.splt=train"]
    assert run_tool(monkeypatch, tool, "child.py", *arguments, "--cfg-options", *wrong) == 2
    lines = capsys.readouterr().err.splitlines()
    told = {line.split(":")[0] for line in lines[1:]}
    assert told == {"model.backbone.typ", "data.train.dataset.splt", "hooks.log.interval"}
    assert not (tmp_path / "work_dirs").exists()
