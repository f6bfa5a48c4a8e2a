"""Configs with something wrong in them: each is built, or refused by one of our own errors with its place."""

import copy
import random
import signal
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from segbox import registry
from segbox.arguments import parameters_of
from segbox.config import SECTIONS, Config, load_config
from segbox.engine.build import build_runner
from segbox.errors import UserError
from segbox.registry import Registry
from tests.faults.report import Row, quiet
from tests.processes import CPU
from tests.runs import write_config

SECONDS = 20  # for one config; longer, and it hangs
BASE = """
model = dict(
    auxiliary_head=dict(type="FCNHead", channels=4, loss=[dict(type="CrossEntropyLoss"), dict(type="DiceLoss")]),
    norm=None,
    mean=[120, 110.5, 100],
)
optimizer = dict(rules={"backbone.*": dict(lr_mult=0.5)})
data = dict(
    train=dict(pipeline=[
        dict(type="RandomResize", ratio_range=[0.75, 1.5]),
        dict(type="RandomCrop", size=[32, 48]),
        dict(type="RandomFlip"),
        dict(type="PhotoMetricDistortion"),
    ]),
)
test = dict(mode="slide", window=[32, 32], stride=(16, 16), flip=True, scales=[1.0, 0.5])
train = dict(
    max_steps=6, gradient_accumulation_steps=2, clip_grad=1.0, precision="fp32", on_nan="skip", sync_batch_norm=True
)
seed = 3
"""
VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 10**30, -(10**30), 0.5, -0.5, 1e308, float("nan"), float("inf"), "", "x", "0",
    "test", "../../../etc/passwd", "a\nb", "ünï", "\0", "${seed}", [], {}, (), [1], (1, 2), [0, 0], [None], [[]],
    {"type": "FCNHead"}, {"type": None}, {"type": []}, {"x": 1}, [{"type": "RandomFlip"}], ("a", "b"), (1e308, 0),
    ["a"], [0.5, "b"], [float("nan"), 1.0], [[1, 2], 3], [True], {"a": {}}, {0: "x"}, {1: 2}, 2**40, -(2**62),
]  # fmt: skip
PYTHON = (  # that only an operation on a value of a kind that nobody thought of says
    "object is not", "has no attribute", "unsupported operand", "not supported between", "object cannot be", "unpack",
    "could not convert", "invalid literal", "unhashable", "must be real", "must be an int", "NoneType", "not iterable",
)  # fmt: skip
REGISTRIES = [value for value in vars(registry).values() if isinstance(value, Registry)]


class Hung(BaseException):
    """Not an Exception: nothing on the way may take it for its own."""


def fuzz(seed: int, count: int) -> tuple[Row, Row]:
    rows = (
        Row(
            "config with 1 to 3 mistakes: built",
            "builds, or our own error with its place, in other words than Python's",
        ),
        Row("the same, written as a file", "loads, or our own error"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(Path(folder), BASE, "child.py")
        write_config(Path(folder))
        base = load_config(path).to_dict()
        for number in range(count):
            rng = random.Random(f"{seed} {number}")
            config = copy.deepcopy(base)
            changed = [mutate(config, rng) for _ in range(rng.randint(1, 3))]
            rows[0].count(problem(lambda config=config: build(config, Path(folder)), changed))
            if number % 10 == 0:
                rows[1].count(problem(lambda config=config, rng=rng: read_back(config, Path(folder), rng), changed))
    return rows


def build(config: dict, folder: Path) -> None:
    build_runner(Config(config), folder, CPU)


def read_back(config: dict, folder: Path, rng: random.Random) -> None:
    """The text of a config, with a few characters wrong."""
    from segbox.literals import as_source  # what format_config lays out for reading

    text = list("".join(f"{name} = {as_source(value)}\n" for name, value in config.items()))
    for _ in range(rng.randint(0, 3)):
        text[rng.randrange(len(text))] = rng.choice("()[]{}'\"=,:.\n\\ $#x0\0é")
    (folder / "mutated.py").write_text("".join(text), encoding="utf-8")
    load_config(folder / "mutated.py")


def problem(work: Any, changed: list[str]) -> str | None:
    """None if it is built, or refused with a place that the change could be at."""

    def alarm(number: int, frame: FrameType | None) -> None:
        raise Hung

    quiet()
    before = signal.signal(signal.SIGALRM, alarm)
    signal.alarm(SECONDS)
    try:
        work()
    except UserError as error:
        if not any(section in str(error) for section in (*SECTIONS, ".py")):
            return f"{changed}: no place in {error}"
        if any(words in str(error) for words in PYTHON):
            return f"{changed}: Python's words: {error}"
    except Hung:
        return f"{changed}: hangs"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{changed}: {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return None


def places(value: Any, way: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every container with each of its keys, and the dotted way to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, inner in items:
        here = f"{way}.{key}".lstrip(".")
        if isinstance(value, dict | list):
            yield value, key, here
        yield from places(inner, here)


def mutate(config: dict, rng: random.Random) -> str:
    """Change one thing in place; what was changed, for the report."""
    container, key, way = rng.choice(list(places(config)))
    kind = rng.choice(["value", "value", "value", "delete", "rename", "extra", "type", "swap", "argument"])
    if kind == "delete":
        del container[key]
        return f"without {way}"
    if kind == "swap":
        other, other_key, other_way = rng.choice(list(places(config)))
        container[key] = copy.deepcopy(other[other_key])
        return f"{way} = that of {other_way}"
    if kind in ("rename", "extra") and isinstance(container, dict):
        letters = list(str(key))
        rng.shuffle(letters)
        name = "".join(letters) if kind == "rename" else rng.choice(["type", "", "interval", "in_channels", "a.b", 7])
        container[name] = container.pop(key) if kind == "rename" else copy.deepcopy(rng.choice(VALUES))
        return f"{way} -> {name!r}: {container[name]!r}"
    typed = [(c, w) for c, k, w in places(config) if isinstance(c, dict) and k == "type"]
    if kind == "type" and typed:
        chosen, here = rng.choice(typed)
        chosen["type"] = rng.choice([name for known in REGISTRIES for name in known])
        return f"{here} = {chosen['type']}"
    if kind == "argument" and typed:
        chosen, here = rng.choice(typed)
        builder = next((known[chosen["type"]] for known in REGISTRIES if chosen["type"] in known), None)
        if names := list(parameters_of(builder)):
            name = rng.choice(names)
            chosen[name] = copy.deepcopy(rng.choice(VALUES))
            return f"{here.removesuffix('type')}{name} = {chosen[name]!r}"
    container[key] = copy.deepcopy(rng.choice(VALUES))
    return f"{way} = {container[key]!r}"
