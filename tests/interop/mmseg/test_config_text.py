"""Configs of mmsegmentation are read, not run."""

import json
import math

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.config_file import read_config_file, refuse_unreadable
from segbox.interop.mmseg.config_text import read_text
from segbox.interop.mmseg.expressions import Unreadable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = dict(type='A', lr=1e-3)", {"type": "A", "lr": 1e-3}),
        ("n = dict(a=1)\nx = dict(b=2, **n)", {"b": 2, "a": 1}),
        ("x = dict({'.norm': 1}, b=2)", {".norm": 1, "b": 2}),
        ("a, b = 2, 3\nx = [a * 8, -b, a + b // 2, 7 % b, 2**a]", [16, -3, 3, 1, 4]),
        ("x = [1, *(2, 3)]\nx += [4]", [1, 2, 3, 4]),
        ("x = {'a': [1, 2]}\nx['a'][0] = 5\nx.update(b=6)\nx['a'].append(7)", {"a": [5, 2, 7], "b": 6}),
        ("x = [dict(i=i) for i in range(3) if i != 1]", [{"i": 0}, {"i": 2}]),
        ("n = 2\nx = {f'stage{i}.{j}': i for i in range(n) for j in range(2)}", None),
        ("x = sum([18, 36, 72])", 126),
        ("x = dict(a=dict(b=1))\ny = x.a.b\ndel x['a']\nx['y'] = y", {"y": 1}),
        ("x = 'a' if 1 < 2 < 3 and not None else 'b'", "a"),
        ("x = max([1, 5]), min(1, 2), len('abc'), int(2.5), (1, 2, 3)[1:]", (5, 1, 3, 2, (2, 3))),
        ("x: int = inf", math.inf),
    ],
)
def test_values_of_expressions(text, expected):
    found = read_text(text, "a.py")["x"]
    assert found == ({"stage0.0": 0, "stage0.1": 0, "stage1.0": 1, "stage1.1": 1} if expected is None else expected)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def child(tmp_path):
    """A config with two bases."""
    write(tmp_path / "_base_" / "model.py", "norm = dict(type='BN')\nmodel = dict(a=dict(norm=norm, b=1), c=[1, 2])\n")
    write(tmp_path / "_base_" / "data.json", json.dumps({"crop": [512, 1024], "pipeline": [{"type": "Load"}]}))
    return tmp_path / "psp" / "psp.py"


def test_bases_are_merged(child):
    write(
        child,
        '"""A child."""\n_base_ = ["../_base_/model.py", "../_base_/data.json"]\n'
        "model = dict(a=dict(b=2), c=[3], d=dict(_delete_=True, e=1))\nsize = {{_base_.crop}}\n"
        "steps = '{{_base_.pipeline}}'\nfirst = _base_.crop[0]\nname = '{{ fileBasenameNoExtension }}'\n",
    )
    assert read_config_file(child) == {
        "norm": {"type": "BN"},
        "model": {"a": {"norm": {"type": "BN"}, "b": 2}, "c": [3], "d": {"e": 1}},
        "crop": [512, 1024],
        "pipeline": [{"type": "Load"}],
        "size": [512, 1024],
        "steps": [{"type": "Load"}],
        "first": 512,
        "name": "psp",
    }


def test_delete_replaces_what_a_base_has(child):
    write(child, "_base_ = '../_base_/model.py'\nmodel = dict(a=dict(_delete_=True, z=1))\n")
    assert read_config_file(child)["model"] == {"a": {"z": 1}, "c": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("_base_ = 'psp.py'\n", "circle"),
        ("_base_ = '../_base_/modell.py'\n", r"there is no config file .*modell.py \(a base of .*psp.py\)"),
        ("_base_ = ['../_base_/model.py', '../_base_/model.py']\n", "two of its bases define model, norm"),
        ("_base_ = 'mmdet::rcnn.py'\n", "is in another package"),
        ("_base_ = 3\n", "_base_ is the path of a config"),
        ("_base_ = '../_base_/model.py'\nmodel = dict(c=dict(x=1))\n", "c is a dict here and list in its base"),
        ("x = (\n", "line 1: is no config"),
        ("def f():\n    pass\n", "line 1: cannot be read without running code: 'def f"),
        ("print('x')\n", "cannot be read without running code"),
        ("with read_base():\n    from a import b\n", "cannot be read without running code"),
        ("x = [1]\nx[5] = 2\n", "line 2: cannot be read"),
        ("custom_imports = dict(imports=['my_package.heads'])\n", "custom_imports: my_package.heads is a module"),
        ("x = 'a' * 10**9\n", "too long"),
        ("x = [[0] * 90000 for i in range(9000)]\n", "too many steps"),
        ("x = 9**20\ny = x * x * x\n", "number that is too large"),
        ("a = [1]\n" + "a = [a, a]\n" * 40 + "model = a\n", "expand to more than"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(child, text, message):
    write(child, text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config_file(child)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_configs(tmp_path):
    with pytest.raises(ConfigError, match="there is no config file"):
        read_config_file(tmp_path / "a.py")
    with pytest.raises(ConfigError, match=r"\.py and \.json"):
        read_config_file(write(tmp_path / "a.yaml", "a: 1"))
    with pytest.raises(ConfigError, match="is no JSON"):
        read_config_file(write(tmp_path / "a.json", "{"))
    with pytest.raises(ConfigError, match="holds no object"):
        read_config_file(write(tmp_path / "b.json", "[1]"))


def test_modules_of_its_own_packages_may_be_imported():
    assert read_text("custom_imports = dict(imports='mmpretrain.models', allow_failed_imports=False)", "a.py")


CODE = """
import os
from pathlib import Path
root = os.environ.get('DATA', 'data')
os_free = 1
model = dict(size=os_free, head=dict(classes=len(Path(root).read_text())))
exec = __import__('os').system('touch pwned')
"""


def test_nothing_is_run_and_only_what_a_model_needs_must_be_readable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = read_text(CODE, "a.py")
    assert isinstance(found["root"], Unreadable) and found["model"]["size"] == 1
    assert not (tmp_path / "pwned").exists()
    with pytest.raises(ConfigError, match=r"model.head.classes: cannot be read without running code: len\(Path"):
        refuse_unreadable(found["model"], "model")
