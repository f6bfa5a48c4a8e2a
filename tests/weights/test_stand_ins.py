"""Checkpoints with objects of other packages: tensors are read, objects are not made."""

import collections
import datetime
import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch

from segbox.errors import CheckpointError
from segbox.weights.loading import read_checkpoint, read_weights
from segbox.weights.stand_ins import StandIn

MADE = []


@pytest.fixture
def foreign():
    """A package of another toolbox, which is absent again when its file is read."""
    module = types.ModuleType("mmengine_like")

    class HistoryBuffer:
        def __init__(self) -> None:
            self.values = np.arange(3.0)
            self.method = self.mean

        def mean(self):
            return 0

        def __setstate__(self, state):
            MADE.append(state)

    class ConfigDict(dict):
        pass

    class Log(list):
        pass

    class Missing:
        def __reduce__(self):
            return run, ("x",)

    def run(text):
        MADE.append(text)

    for part in (HistoryBuffer, ConfigDict, Log, Missing, run):
        part.__module__, part.__qualname__ = module.__name__, part.__name__
        setattr(module, part.__name__, part)
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("lazily", [True, False])
def test_tensors_and_plain_values_are_read_beside_foreign_objects(tmp_path, foreign, is_zip, protocol, lazily):
    weight = torch.arange(6.0).reshape(2, 3)
    content = {
        "meta": {
            "CLASSES": ("road", "sky"),
            "score": np.float64(0.5),
            "time": datetime.datetime(2020, 1, 1),
            "config": foreign.ConfigDict(a=1),
            "log": foreign.Log([1, 2]),
            "groups": {1, 2},
            "counts": collections.Counter("aab"),
            "array": np.ones(3),
            "dtype": torch.float16,
            "called": foreign.Missing(),
        },
        "message_hub": collections.OrderedDict(loss=foreign.HistoryBuffer()),
        "state_dict": collections.OrderedDict(w=weight, t=weight.T, p=torch.nn.Parameter(torch.ones(2))),
    }
    path = tmp_path / "a.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip, pickle_protocol=protocol)
    sys.modules.pop(foreign.__name__)
    read = read_checkpoint(path, lazily)
    assert not MADE
    assert read["meta"]["CLASSES"] == ("road", "sky") and read["meta"]["groups"] == {1, 2}
    assert read["meta"]["dtype"] is torch.float16
    assert isinstance(read["message_hub"]["loss"], StandIn) and isinstance(read["meta"]["called"], StandIn)
    torch.testing.assert_close(dict(read_weights(path)), dict(w=weight, t=weight.T, p=torch.ones(2)))
    assert torch.equal(read["state_dict"]["w"], weight)


@pytest.mark.parametrize(
    "call",
    [(os.system, ("touch x",)), (eval, ("1",)), (__import__, ("os",)), (exec, ("1",)), (open, ("x", "w"))],
    ids=lambda call: call[0].__name__,
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_code_beside_foreign_objects_is_refused_and_does_not_run(tmp_path, monkeypatch, foreign, call, is_zip):
    class Code:
        def __reduce__(self):
            return call

    monkeypatch.chdir(tmp_path)
    content = {"hub": foreign.HistoryBuffer(), "state_dict": {"w": torch.ones(1)}, "code": Code()}
    torch.save(content, "a.pth", _use_new_zipfile_serialization=is_zip)
    sys.modules.pop(foreign.__name__)
    with pytest.raises(CheckpointError, match="a pickle that wants to run code") as caught:
        read_checkpoint("a.pth")
    assert call[0].__name__ in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_a_function_that_loads_more_is_not_called(tmp_path):
    class Nested:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (pickle.dumps(1),)

    torch.save({"w": torch.ones(1), "nested": Nested()}, tmp_path / "a.pt")
    assert isinstance(read_checkpoint(tmp_path / "a.pt")["nested"], StandIn)


def test_a_whole_model_is_no_state_dict(tmp_path, foreign):
    torch.save(foreign.HistoryBuffer(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"expected weights .*, found HistoryBuffer"):
        read_weights(tmp_path / "a.pt")
