"""What fits a model, and how it is told."""

import pytest
import torch
from torch import nn

from segbox.errors import CheckpointError
from segbox.weights.fit import compare, grouped, is_part
from segbox.weights.loading import load_weights, read_weights
from tests.tiny import tiny_model


def test_another_model_is_refused_with_a_report():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    weights = {"0.weight": torch.zeros(4, 3), "0.bias": torch.ones(2), "strange": torch.zeros(1)}
    fit = compare(model, weights)
    assert fit.fitting == ["0.bias"] and fit.unused == ["strange"]
    assert fit.resized == [("0.weight", (4, 3), (2, 3))]
    assert fit.missing == ["1.weight", "1.bias", "1.running_mean", "1.running_var"]
    before = model[0].bias.clone()
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, weights, "a.pt")
    assert str(caught.value).splitlines() == [
        "a.pt: belongs to another model",
        "1 tensors fit, 1 have another shape, 4 are missing, 1 are not used",
        "  another shape: 0.weight: 4x3 in the file, 2x3 in the model",
        "  missing in the file: 1.*, 4 tensors",
        "  not in the model: strange",
    ]
    assert torch.equal(model[0].bias, before)
    load_weights(model, weights, "a.pt", skip_unfitting=True)
    assert torch.equal(model[0].bias, torch.ones(2))
    for weights in ({"strange": torch.zeros(1)}, {"w": torch.zeros(1), "1.num_batches_tracked": torch.tensor(5)}):
        with pytest.raises(CheckpointError, match="nothing in it fits"):
            load_weights(model, weights, "a.pt", skip_unfitting=True)


def test_names_are_grouped_by_the_largest_module_without_others():
    names = ["a.b.x", "a.b.y", "a.c.x", "d.x", "e.f.x", "e.f.y", "w"]
    assert grouped(names, ["a.c.y", "e.g"]) == {
        "a.b.*": ["a.b.x", "a.b.y"],
        "a.c.x": ["a.c.x"],
        "d.x": ["d.x"],
        "e.f.*": ["e.f.x", "e.f.y"],
        "w": ["w"],
    }
    assert grouped(["a.x", "a.y"], ["ab.x"]) == {"a.*": ["a.x", "a.y"]}
    assert grouped(["a.x"], ["a"]) == {"a.x": ["a.x"]}


def test_a_backbone_of_another_width_is_one_line():
    model = tiny_model(auxiliary_head={"type": "FCNHead", "level": -2})
    own = model.state_dict()
    weights = {
        name: value.repeat_interleave(2, 0) if name.startswith("backbone.") and value.dim() else value
        for name, value in own.items()
    }
    weights = {name: value for name, value in weights.items() if not name.startswith("auxiliary_heads")}
    weights |= {f"teacher.{i}.weight": torch.zeros(1) for i in range(30)}
    tensors = sum(name.startswith("backbone.") and not name.endswith("num_batches_tracked") for name in own)
    assert compare(model, weights).report().splitlines()[1:] == [
        f"  another shape: backbone.*, {tensors} tensors, such as conv1.weight: 16x3x7x7 in the file, 8x3x7x7 in the"
        " model",
        "  missing in the file: auxiliary_heads.*, 7 tensors",
        "  not in the model: teacher.*, 30 tensors",
    ]


def test_only_what_is_named_may_be_missing():
    assert is_part("a.b.x", ["c", "a.b"]) and is_part("w", ["w"]) and not is_part("a.bc.x", ["a.b"])
    weights = tiny_model().state_dict()
    model = tiny_model(auxiliary_head={"type": "FCNHead", "level": -2})
    assert load_weights(model, weights, "a.pt", may_miss=["auxiliary_heads"]).missing
    assert load_weights(model, {**weights, "ema.w": torch.ones(1)}, "a.pt", may_miss=["auxiliary_heads", "ema"])
    for may_miss in ([], ["auxiliary_heads.0.classify"], ["backbone"]):
        with pytest.raises(CheckpointError, match=r"a\.pt: belongs to another model( \(only .* may be missing\))?\n"):
            load_weights(model, weights, "a.pt", skip_unfitting=True, may_miss=may_miss)
    with pytest.raises(CheckpointError, match=r"'auxilary_heads', which may be missing,.* mean \"auxiliary_heads\"\?"):
        load_weights(model, weights, "a.pt", may_miss=["auxilary_heads"])


def test_names_that_are_none(tmp_path):
    torch.save({1: torch.zeros(1), "\x1b[31mred\n": torch.zeros(1)}, tmp_path / "a.pt")
    report = compare(nn.Linear(1, 1), read_weights(tmp_path / "a.pt")).report()
    assert "model: 1\n" in report and r"model: \x1b[31mred\n" in report and "\x1b" not in report


def test_long_reports_are_cut_and_counted():
    fit = compare(nn.Linear(1, 1), {f"layer{i}": torch.zeros(1) for i in range(30)})
    assert "  not in the model: 24 more" in fit.report() and len(fit.report().splitlines()) < 25


def test_old_files_without_counters_fit():
    model = nn.BatchNorm2d(2)
    weights = {name: value for name, value in model.state_dict().items() if "num_batches" not in name}
    assert load_weights(model, weights, "a.pt").is_perfect()
