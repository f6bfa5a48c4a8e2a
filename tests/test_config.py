"""The seven rules of configs, dumping, overriding, and where every value comes from."""

import logging
import re

import pytest

from segbox.config import load_config, load_with_origins
from segbox.errors import ConfigError
from segbox.literals import read_literal
from segbox.renamed import tell_new_name


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def refused(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_dicts_merge_and_everything_else_is_replaced(write):
    write("base.py", "data = dict(size=(1, 2), pipeline=[1, 2, 3], train=dict(a=1, b=2))\nseed = 1")
    path = write("child.py", '_base_ = "base.py"\ndata = dict(pipeline=[4], train=dict(b=3), size=(5,))')
    assert load_config(path) == {"data": {"size": (5,), "pipeline": [4], "train": {"a": 1, "b": 3}}, "seed": 1}


def test_several_bases_merge_in_their_order(write):
    write("deep/a.py", "seed = 1\ntrain = dict(x=1, y=1)")
    write("deep/b.py", 'train = dict(y=2)\n_base_ = ["../c.py"]')
    write("c.py", "train = dict(y=3, z=3)")
    path = write("child.py", '_base_ = ["deep/a.py", "deep/b.py"]')
    assert load_config(path) == {"seed": 1, "train": {"x": 1, "y": 2, "z": 3}}


def test_another_type_replaces(write):
    write("base.py", 'model = dict(head=dict(type="A", channels=5), neck=dict(x=1), tail=dict(type="T", x=1))')
    child = 'model = dict(head=dict(type="B"), neck=dict(_delete_=True, y=2), tail=dict(type="T", y=2))'
    model = load_config(write("child.py", f'_base_ = "base.py"\n{child}')).model
    assert model == {"head": {"type": "B"}, "neck": {"y": 2}, "tail": {"type": "T", "x": 1, "y": 2}}


def test_delete_leaves_no_trace_where_there_was_nothing(write):
    assert load_config(write("a.py", "model = dict(a=dict(_delete_=True, x=[dict(_delete_=True)]))")).model == {
        "a": {"x": [{}]}
    }


def test_references_are_looked_up_after_merging_and_overriding(write):
    write("base.py", 'crop = (1, 2)\ndata = dict(pipeline=[dict(size="${crop}")], name="crop-${crop}.${run}")\nrun = 7')
    path = write("child.py", '_base_ = "base.py"\ncrop = (3, 4)')
    assert load_config(path).data == {"pipeline": [{"size": (3, 4)}], "name": "crop-(3, 4).7"}
    assert load_config(path, ["crop=9"]).data.pipeline[0].size == 9
    assert "crop" not in load_config(path)


def test_references_to_references_and_to_sections(write):
    path = write("a.py", 'one = "${two}"\ntwo = dict(x="${seed}")\nseed = 5\nmodel = dict(a="${one}", b=("${seed}",))')
    assert load_config(path).model == {"a": {"x": 5}, "b": (5,)}


def test_two_users_of_a_reference_do_not_share_it(write):
    path = write("a.py", 'one = dict(x=[1])\nmodel = dict(a="${one}", b="${one}")')
    model = load_config(path).model
    model.a.x.append(2)
    assert model.b.x == [1]


def test_references_that_lead_nowhere_or_in_circles(write):
    assert "model.a.0: '${crp}' refers to no name of the config. Did you mean \"crop\"?" in refused(
        write("a.py", 'crop = 1\nmodel = dict(a=["${crp}"], b="${crop}")')
    )
    assert "refers to itself: one -> two -> one" in refused(
        write("b.py", 'one = "${two}"\ntwo = ["${one}"]\nmodel = "${one}"')
    )
    assert "refers to itself: model -> model" in refused(write("c.py", 'model = dict(a="${model}")'))


def test_a_name_that_nobody_uses_is_a_typo(write):
    message = refused(write("a.py", "modle = dict(a=1)"))
    assert "a.py: 'modle' is not a section" in message and 'Did you mean "model"?' in message
    write("base.py", 'crop_size = 1\ndata = dict(a="${crop_size}")')
    message = refused(write("b.py", '_base_ = "base.py"\ncropsize = 2'))
    assert "b.py: 'cropsize'" in message and 'Did you mean "crop_size"?' in message


def test_a_name_stays_allowed_where_the_child_replaced_what_referred_to_it(write):
    write("base.py", 'crop = 1\ndata = dict(a="${crop}")')
    assert load_config(write("a.py", '_base_ = "base.py"\ndata = dict(a=3)')).data.a == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "data.bacth_size=4",
            "data has no 'bacth_size'. Did you mean \"batch_size\"? It has: batch_size, pipeline, sizes",
        ),
        ("dta.batch_size=4", "the config has no 'dta'. Did you mean \"data\"?"),
        ("data.pipeline.2.size=1", "data.pipeline is a list of 2, it has no item '2'"),
        ("data.pipeline.x=1", "data.pipeline is a list of 2"),
        ("data.pipeline.²=1", "data.pipeline is a list of 2"),
        ("data.pipeline.--1=1", "data.pipeline is a list of 2"),
        (f"data.pipeline.{'9' * 5000}=1", "data.pipeline is a list of 2"),
        ("data.__class__.__init__.__globals__=1", "data has no '__class__'"),
        (f"data.batch_size={2**63}", "whole numbers have at most 63 bits, this one has 64"),
        ("data.batch_size.x=1", "data.batch_size is 2, nothing in it can be set"),
        ("data.sizes.0=1", "data.sizes is a tuple; give all of it"),
        ("data.batch_size", "expected name.of.the.value=value"),
        ("data.sizes={1, 2}", "configs hold plain values (numbers, strings, lists, dicts), not set"),
        ("data..batch_size=1", "expected name.of.the.value=value"),
        ("=1", "expected name.of.the.value=value"),
    ],
)
def test_an_override_must_override_something(write, override, message):
    path = write("a.py", "data = dict(batch_size=2, pipeline=[dict(type='R', size=1), dict(type='F')], sizes=(1, 2))")
    assert refused(path, override).startswith(f"override {override!r}")
    assert message in refused(path, override)


def test_overrides(write):
    path = write(
        "a.py", "data = dict(b=2, pipeline=[dict(type='R', size=1), dict(type='F')], map={255: 0})\nhooks = {}"
    )
    overrides = ["data.pipeline.0.size=(3, 4)", "data.pipeline.-1.p=0.5", "data.map.255=1", "data.b= some = text "]
    config = load_config(path, [*overrides, "seed=3", "imports=['a.b']"])
    assert config.data.pipeline == [{"type": "R", "size": (3, 4)}, {"type": "F", "p": 0.5}]
    assert config.data.map == {255: 1} and config.data.b == "some = text"
    assert config.seed == 3 and config.imports == ["a.b"]


@pytest.mark.parametrize("override", ["model=3", "data=[]", "hooks=1", "test=5", "metric=None", "train='x'"])
def test_sections_are_dicts_on_the_command_line_too(write, override):
    name, _, value = override.partition("=")
    message = refused(write("a.py", "data = dict(b=2)\nhooks = {}"), override)
    assert message == f"{name}: expected a dict, got {value} (from command line)"


def test_an_overridden_dict_takes_further_overrides(write):
    path = write("a.py", "hooks = dict(ema=None)")
    config = load_config(path, ["hooks.ema=dict(type='EMA')", "hooks.ema.momentum=0.5"])
    assert config.hooks.ema == {"type": "EMA", "momentum": 0.5}


def test_a_number_in_the_place_of_a_name_made_of_digits_is_a_name(write):
    path = write("a.py", "model = dict(variant='50', channels=1, size='${crop}')\ncrop = 5")
    model = load_config(path, ["model.variant=101", "model.channels=34", "model.size=7"]).model
    assert model == {"variant": "101", "channels": 34, "size": 7}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("None", None),
        ("(1,)", (1,)),
        ("word", "word"),
        ("dict(a=[dict(b=1)], c=())", {"a": [{"b": 1}], "c": ()}),
        ("dict(**x)", "dict(**x)"),
        ("dict([1])", "dict([1])"),
        ("__import__('os')", "__import__('os')"),
        ("9**9**9", "9**9**9"),
        ("{[]: 1}", "{[]: 1}"),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
        ("9" * 5000, "9" * 5000),
        ("a/b.pt", "a/b.pt"),
        ("", ""),
    ],
)
def test_literals(text, value):
    assert read_literal(text) == value


def test_circular_bases(write):
    write("a.py", '_base_ = "b.py"')
    write("b.py", '_base_ = ["c.py"]')
    assert refused(write("c.py", '_base_ = "a.py"')) == "c.py: its bases form a circle: c.py -> a.py -> b.py -> c.py"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 1\nmodel = dict(a=1\n", "a.py, line 2: '(' was never closed"),
        ("seed = 1\n\nseed = 1 / 0", "a.py, line 3: ZeroDivisionError: division by zero"),
        ("import no_such_module", "a.py, line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "a.py, line 1: SystemExit: 3"),
        (
            "model = dict(a={1, 2})",
            "a.py: model.a: configs hold plain values (numbers, strings, lists, dicts), not set",
        ),
        ("seed = 10 ** 5000", "a.py: seed: whole numbers have at most 63 bits, this one has 16610"),
        ("x = dict()\nx['y'] = [x]", "a.py: x.y.0: contains itself"),
        ("x = []\nx += [x, x]", "a.py: x.0: contains itself"),
        ("x = 1\nfor _ in range(200): x = [x]", "...: is nested more than 100 deep"),
        ("model = dict(a=[1, b'x'])", "a.py: model.a.1: configs hold plain values"),
        (
            "import fractions\nmodel = dict(a=fractions.Fraction(1))",
            "model.a: configs hold plain values (numbers, strings",
        ),
        ("model = {(1, 2): 3}", "a.py: model: the keys of a dict are strings or numbers, not tuple ((1, 2))"),
        ("def model(): pass", "a.py: model: configs hold plain values (numbers, strings, lists, dicts), not function"),
        ("import numpy as np\nmodel = dict(a=dict(b=1j * np.ones(2)))", "a.py: model.a.b.0: configs hold plain values"),
        ("from pathlib import Path\nmodel = {'a': 2, Path('a'): 3}", "a.py: model: two keys of this dict become 'a'"),
        ("_base_ = 5", "a.py: _base_ is the path of a config, or a list of paths, not 5"),
        ('_base_ = "bb.py"', 'there is no config file bb.py (a base of a.py). Did you mean "b.py"?'),
        ('_base_ = "x/b.py"', "there is no config file x/b.py (a base of a.py): there is no folder x"),
        ('_base_ = "b\\0.py"', "there is no config file b\0.py (a base of a.py): embedded null"),
        ('_base_ = "\\ud800.py"', "(a base of a.py)"),
        ('_base_ = "' + "b" * 5000 + '"', "(a base of a.py): [Errno 36] File name too long"),
        ("model = 3", "model: expected a dict, got 3 (from a.py)"),
        ("train = [dict(a=1)]", "train: expected a dict, got [{'a': 1}] (from a.py)"),
    ],
)
def test_files_that_cannot_be_read_are_told_with_file_and_line(write, text, message):
    write("b.py", "")
    assert message in refused(write("a.py", text))


NUMPY = """
import enum
from math import sqrt
from pathlib import Path
import numpy as np

class Way(enum.IntEnum):
    UP = 2

class Own(str):
    def __repr__(self): return "Own()"

root = Path("/data") / "x"
model = dict(
    mean=list(np.array([1.5, 2])), std=np.array([[1, 2], [3, 4]], np.uint8), zero=np.array(3), single=np.float32(0.5),
    long=np.longdouble(2), true=np.bool_(True), name=np.str_("a"), way=Way.UP, own=Own("me"), ids=range(3),
)
data = {"map": {np.int64(255): np.int64(0), Way.UP: 1}, np.str_("root"): "${root}"}
optimizer = dict(lr=0.01 * np.sqrt(2))
"""


def kinds_of(value):
    if isinstance(value, dict):
        return {dict}.union(*map(kinds_of, value.values()), *map(kinds_of, value))
    return {type(value)}.union(*map(kinds_of, value)) if isinstance(value, list | tuple) else {type(value)}


def test_what_has_a_plain_form_is_converted(write, tmp_path):
    config = load_config(write("a.py", NUMPY)).to_dict()
    assert kinds_of(config) == {dict, list, int, float, str, bool}
    assert config["optimizer"] == {"lr": 0.01 * 2**0.5}
    assert config["data"] == {"map": {255: 0, 2: 1}, "root": "/data/x"}
    assert config["model"] == {
        "mean": [1.5, 2.0], "std": [[1, 2], [3, 4]], "zero": 3, "single": 0.5, "long": 2.0, "true": True,
        "name": "a", "way": 2, "own": "me", "ids": [0, 1, 2],
    }  # fmt: skip
    load_config(tmp_path / "a.py").dump(tmp_path / "dumped.py")
    assert load_config(tmp_path / "dumped.py") == config


def test_bases_without_end(write, tmp_path):
    text = (
        "from pathlib import Path\nnumber = int(Path(__file__).stem) + 1\n"
        "Path(__file__).with_name(f'{number}.py').write_text(Path(__file__).read_text())\n_base_ = f'{number}.py'"
    )
    message = refused(write("0.py", text))
    assert message == "0.py: its chain of bases does not end: a chain of more than 50 bases, the last is 51.py"
    for number in range(20):
        write(f"twice/{number}.py", f"_base_ = ['{number + 1}.py'] * 2")
    write("twice/20.py", "seed = 1")
    assert "does not end: more than 1000 files in all" in refused(tmp_path / "twice" / "0.py")
    (tmp_path / "again").symlink_to(tmp_path)
    assert "its bases form a circle" in refused(write("own.py", "_base_ = 'again/own.py'"))


def test_modules_functions_and_private_names_are_no_values(write):
    text = "import math\nfrom pathlib import Path\n_half = 2\ndef double(x): return x * 2\nseed = double(_half)"
    assert load_config(write("a.py", text)) == {"seed": 4}


ODD = """
model = dict(
    inf=float("inf"), minus=-float("inf"), one=(1,), none=None, empty={}, nothing=(), nested=[[1, [2, (3, [])]]],
    ids={255: 0, -1: "x"}, words={"class": 1, "a b": 2, "lambda": dict(x=1)}, tiny=1e-300, text="a'b\\"c\\n${seed",
    true=True, number="50", long=["word" * 9] * 40, unicode="größe",
)
seed = 2**62
"""


def test_a_dump_loads_back_to_the_same(write, tmp_path):
    config = load_config(write("a.py", ODD))
    config.dump(tmp_path / "dumped.py")
    again = load_config(tmp_path / "dumped.py")
    assert again == config and again.to_dict() == config.to_dict()
    assert isinstance(again.model.one, tuple) and max(map(len, (tmp_path / "dumped.py").read_text().splitlines())) < 140


def test_long_tables_are_dumped_quickly_and_whole(write, tmp_path):
    config = load_config(write("a.py", "data = dict(palette=[(i % 256, i % 251, i % 7) for i in range(3000)])"))
    config.dump(tmp_path / "dumped.py")
    assert load_config(tmp_path / "dumped.py") == config


def test_origins(write):
    write("bases/base.py", 'crop = (1, 2)\ntrain = dict(a=1, b=2)\ndata = dict(p=[dict(s="${crop}"), dict(s=1)])')
    path = write("child.py", '_base_ = "bases/base.py"\ntrain = dict(b=3)\nmodel = dict(x=dict(type="A"))')
    _, origins = load_with_origins(path, ["data.p.1.s=5"])
    assert {".".join(way): origin for way, origin in origins.items()} == {
        "train.a": "bases/base.py",
        "train.b": "child.py",
        "model.x.type": "child.py",
        "data.p.0.s": "bases/base.py (${crop})",
        "data.p.1.s": "command line",
    }


def test_a_name_that_is_not_there_is_an_error(write):
    config = load_config(write("a.py", "seed = 1"))
    with pytest.raises(KeyError, match="sead"):
        _ = config.sead
    assert re.fullmatch(r"\{'seed': 1\}", str(dict(config)))


# --- old names --------------------------------------------------------------------------------------------------------

NEW = """train = dict(gradient_accumulation_steps=1)
hooks = dict(lr_schedule=dict(type='PolyLR', warmup_steps=5), ema=None)
"""
OLD = "train = dict(accumulate=1)\nhooks = dict(lr=dict(type='PolyLR', warmup=5), ema=None)\n"


@pytest.mark.parametrize("base", [NEW, OLD])
@pytest.mark.parametrize("child", ["train = dict(accumulate=2)\nhooks = dict(lr=dict(warmup=7, power=1.0))\n", None])
def test_a_child_and_the_command_line_override_the_same_value_by_either_name(tmp_path, base, child):
    (tmp_path / "base.py").write_text(base)
    text = (
        child
        or "train = dict(gradient_accumulation_steps=2)\nhooks = dict(lr_schedule=dict(warmup_steps=7, power=1.0))\n"
    )
    (tmp_path / "child.py").write_text(f"_base_ = 'base.py'\n{text}")
    train, warmup = ("gradient_accumulation_steps", "warmup_steps") if base == NEW else ("accumulate", "warmup")
    schedule = {"type": "PolyLR", warmup: 7, "power": 1.0}
    config, origins = load_with_origins(tmp_path / "child.py")
    assert config == {"train": {train: 2}, "hooks": {"lr_schedule": schedule, "ema": None}}
    assert list(config.hooks) == ["lr_schedule", "ema"]  # hooks run in this order
    assert origins[("train", train)].endswith("child.py") and set(origins) == {
        ("train", train),
        *(("hooks", "lr_schedule", name) for name in ("type", warmup, "power")),
        ("hooks", "ema"),
    }
    for names in (("accumulate", "lr", "warmup"), ("gradient_accumulation_steps", "lr_schedule", "warmup_steps")):
        overrides = [f"train.{names[0]}=4", f"hooks.{names[1]}.{names[2]}=9"]
        config = load_config(tmp_path / "child.py", overrides)
        assert config.train == {train: 4} and config.hooks.lr_schedule == {**schedule, warmup: 9}


def test_old_names_are_told_with_their_new_ones(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("segbox"), "propagate", True)  # a test of a run may have ended it
    tell_new_name.cache_clear()
    (tmp_path / "base.py").write_text(NEW)
    (tmp_path / "child.py").write_text("_base_ = 'base.py'\nhooks = dict(lr=dict(warmup=7))\n")
    load_config(tmp_path / "child.py", ["train.accumulate=2", "hooks.lr=None"])
    messages = dict.fromkeys(caplog.messages)  # a test of the tools may have left the logger with a handler of its own
    told = [message.removesuffix("; the old name is still accepted") for message in messages]
    assert told == [
        f"{tmp_path / 'child.py'}: hooks.lr is now called 'lr_schedule'",
        "hooks.lr_schedule.warmup is now called 'warmup_steps'",
        "train.accumulate is now called 'gradient_accumulation_steps'",
        "hooks.lr is now called 'lr_schedule'",
    ]
    (tmp_path / "child.py").write_text("hooks = dict(lr=None, lr_schedule=None)\n")
    with pytest.raises(ConfigError, match="'lr' is the old name of 'lr_schedule'; give 'lr_schedule' alone"):
        load_config(tmp_path / "child.py")
