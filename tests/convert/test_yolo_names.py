"""Class names in data.yaml: as YAML means them, and a message for whatever else stands there."""

import sys
import time

import pytest

from segbox.convert.yolo_names import LARGEST, read_names
from segbox.errors import DataError, UserError


def names(tmp_path, text: str) -> tuple[str, ...]:
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    return read_names(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('names:\n- "car, red"\n- b\n', ("car, red", "b")),
        ("names: ['car, red', \"it's: # no comment\"]", ("car, red", "it's: # no comment")),
        ('nc: 2\nnames:\n  1: "b: c"\n  0: a # first\npath: x\n', ("a", "b: c")),
        ("names: {0: 'a', '1': b}", ("a", "b")),
        ("names: [no, Yes, 1e3, 012, 2020-01-01, ~x]", ("no", "Yes", "1e3", "012", "2020-01-01", "~x")),
        ('names: ["Stra\\u00dfe", 車, "приве́т"]', ("Straße", "車", "приве́т")),
        ("\ufeffnames: [a]\r\nnc: 1\r\n", ("a",)),
        ("all: &all [a, b]\ntrain: {names: [x]}\nnames: *all\n", ("a", "b")),
        ("names: !!python/object/apply:os.system [a, b]\n", ("a", "b")),  # a list of two words, and nothing is run
        ("download: |\n  names: [wrong]\nnames: >-\n  [folded]\n", None),
        ("names:\n- >-\n  stop\n  sign\n", ("stop sign",)),
    ],
)
def test_names_are_what_yaml_means(tmp_path, text, expected):
    if expected is None:
        with pytest.raises(DataError, match="neither a list nor a table"):
            names(tmp_path, text)
    else:
        assert names(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 2\n", "has no `names`; give --classes"),
        ("", "is not a table with `names`"),
        ("- names\n", "is not a table with `names`"),
        ("names: []\n", "`names` is empty"),
        ("names: road\n", "neither a list nor a table"),
        ("names: [a]\nnames: [b]\n", "has `names` twice"),
        ("names: [a, b, a]\n", "holds 'a' twice"),
        ("names: {0: a, 0: b}\n", "does not number its classes from 0 on, each once"),
        ("names: {1: a, 2: b}\n", "does not number its classes from 0 on"),
        ("names:\n- a\n- [b, c]\n", "line 3: class 1 of `names` is a list, not a name"),
        ("names:\n- a\n- b: 1\n", "line 3: class 1 of `names` is a table, not a name"),
        ("names: [a, null]\n", "class 1 of `names` is empty"),
        ("names: [a, ' ']\n", "class 1 of `names` is empty"),
        ("names: {[0]: a}\n", "a number of `names` is a list"),
        ("names: [a, b\n", "line 2: is not readable as YAML"),
        ("names: [a]\n---\nnames: [b]\n", "is not readable as YAML"),
        ("names: [a, \0]\n", "is not readable as YAML"),
        ("names: " + "[" * 1000, "nested too deeply"),
        ("names: &a [*a]\n", "class 0 of `names` is a list"),
        ("#" * (LARGEST + 1), "a list of class names has up to"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, text, message):
    with pytest.raises(DataError) as caught:
        names(tmp_path, text)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}/data.yaml") and message in told and "\n" not in told and len(told) < 400


def test_anchors_that_would_grow_cost_nothing(tmp_path):
    lists = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghijklmno", "bcdefghijklmnop"))
    merged = "".join(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 15))
    start = time.process_time()
    assert names(tmp_path, f"a: &a [x]\n{lists}m0: &m0 {{k: v}}\n{merged}names: [road]\n") == ("road",)
    with pytest.raises(DataError, match="class 0 of `names` is a list"):
        names(tmp_path, f"a: &a [x]\n{lists}names: *p\n")
    assert time.process_time() - start < 20  # 9^14 steps are years


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UserError, match=r'pip install "segbox\[pyyaml\]"; or give --classes'):
        names(tmp_path, "names: [a]")
