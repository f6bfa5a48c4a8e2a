"""Which parameter gets which rate and decay."""

import pytest
import torch
from torch import nn

from segbox.engine.optim import build_optimizer, load_optimizer_state, optimizer_state
from segbox.errors import CheckpointError, ConfigError
from tests.tiny import tiny_model


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.LayerNorm(2))
        self.head = nn.Conv2d(4, 2, 1)
        self.head.extra = nn.Parameter(torch.zeros(1), requires_grad=False)


def settings(config):
    """name -> (rate, decay) as the optimizer has them."""
    model = Net()
    optimizer = build_optimizer(config, model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        assert group["lr"] == group["base_lr"]
    return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}


SGD = {"type": "SGD", "lr": 0.5, "weight_decay": 0.25, "momentum": 0.9}


def test_head_rate_norms_and_biases():
    found = settings({**SGD, "head_lr_mult": 10.0, "decay_norms": False, "decay_biases": False})
    assert found == {
        "backbone.0.weight": (0.5, 0.25),
        "backbone.0.bias": (0.5, 0.0),
        "backbone.1.weight": (0.5, 0.0),
        "backbone.1.bias": (0.5, 0.0),
        "backbone.2.weight": (0.5, 0.0),
        "backbone.2.bias": (0.5, 0.0),
        "head.weight": (5.0, 0.25),
        "head.bias": (5.0, 0.0),
    }


def test_by_default_backbone_and_head_have_a_group_each():
    assert [group["in_backbone"] for group in build_optimizer(SGD, Net()).param_groups] == [True, False]
    assert set(settings(SGD).values()) == {(0.5, 0.25)}


def test_later_rules_win_and_replace_the_head_rate():
    rules = {
        "head.*": {"lr_mult": 0.5},
        "*.bias": {"weight_decay": 0.125},
        "head.bias": {"lr_mult": 2, "weight_decay": 1},
    }
    found = settings({**SGD, "head_lr_mult": 10.0, "rules": rules})
    assert found["head.weight"] == (0.25, 0.25) and found["head.bias"] == (1.0, 1)
    assert found["backbone.1.bias"] == (0.5, 0.125) and found["backbone.1.weight"] == (0.5, 0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": None}, "optimizer.lr: expected a number, got None"),
        ({"lr": "0,1"}, "optimizer.lr: expected a number, got '0,1'"),
        ({"lr": float("inf")}, "optimizer.lr: expected a finite number, got inf"),
        ({"lr": float("nan")}, "optimizer.lr: expected a finite number, got nan"),
        ({"type": "SDG"}, "optimizer: there is no optimizer 'SDG'. Did you mean \"SGD\"?"),
        (
            {"momentun": 0.9},
            "optimizer.momentun: SGD takes no argument 'momentun'. Did you mean \"momentum\"? It takes: lr",
        ),
        ({"head_lr_mul": 10}, 'Did you mean "head_lr_mult"?'),
        ({"rules": {"haed.*": {}}}, "optimizer.rules.haed.*: matches no parameter"),
        (
            {"rules": {"head.*": {"lr_mul": 1}}},
            "optimizer.rules.head.*.lr_mul: Rule takes no argument 'lr_mul'. Did you mean \"lr_mult\"? It takes: lr_m",
        ),
        ({"rules": {"head.*": 0.1}}, "optimizer.rules.head.*: expected a dict, got 0.1"),
        ({"rules": {"head.*": {"lr_mult": "x"}}}, "optimizer.rules.head.*.lr_mult: expected a number or None, got 'x'"),
        ({"lr": -1.0}, "optimizer: lr=-1.0: expected a number of 0 or more"),
        ({"momentum": -1.0}, "optimizer: Invalid momentum value"),
    ],
)
def test_mistakes(change, message):
    with pytest.raises(ConfigError) as caught:
        build_optimizer({**SGD, **change}, Net())
    assert message in str(caught.value)


def test_no_rate():
    with pytest.raises(ConfigError, match=r"optimizer: SGD needs the argument 'lr'"):
        build_optimizer({"type": "SGD"}, Net())


def trained(config):
    model = Net()
    optimizer = build_optimizer(config, model)
    for number, parameter in enumerate(model.parameters(), 1):
        parameter.grad = torch.full_like(parameter, number)  # so that each remembers something else
    optimizer.step()
    return model, optimizer


AGAIN = {"type": "AdamW", "lr": 0.2, "weight_decay": 0.01}


def test_memory_follows_the_names_when_groups_change():
    model, optimizer = trained({"type": "AdamW", "lr": 0.1})
    state = optimizer_state(optimizer, model)
    assert set(state["head.bias"]) == {"step", "exp_avg", "exp_avg_sq"}
    other = build_optimizer({**AGAIN, "head_lr_mult": 3.0, "decay_biases": False}, model)
    load_optimizer_state(other, model, state)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert torch.equal(other.state[parameter]["exp_avg"], state[name]["exp_avg"])
    assert sorted({group["lr"] for group in other.param_groups}) == pytest.approx([0.2, 0.6])
    orders = [[id(p) for group in each.param_groups for p in group["params"]] for each in (optimizer, other)]
    assert orders[0] != orders[1], "the groups are in another order than the names"


def test_memory_of_strangers_is_refused():
    model, optimizer = trained(SGD)
    state = optimizer_state(optimizer, model)
    model.head.requires_grad_(False)
    with pytest.raises(
        CheckpointError, match=r"parameters that this run does not train: \['head\.bias', 'head\.weight'\]"
    ):
        load_optimizer_state(build_optimizer(SGD, model), model, state)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_fused_kernels_are_used_where_there_are_some_and_update_the_same(name):
    models = [tiny_model() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    config = {"type": name, "lr": 0.01, **({"momentum": 0.9} if name == "SGD" else {})}
    fused, plain = build_optimizer(config, models[0]), build_optimizer({**config, "fused": False}, models[1])
    assert fused.defaults["fused"] and not plain.defaults["fused"]
    assert not build_optimizer({**config, "foreach": True}, models[0]).defaults["fused"]
    for step in range(3):
        for model, optimizer in zip(models, (fused, plain)):
            torch.manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
    for a, b in zip(*(model.parameters() for model in models)):
        assert torch.allclose(a, b, atol=1e-6)


def test_the_memory_of_another_format_is_laid_out_anew():
    """Fused kernels read weights and their memory in the order of the storage."""
    model = nn.Conv2d(4, 6, 3)
    optimizer = build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9, "fused": True}, model)
    model.to(memory_format=torch.channels_last)
    momentum = torch.randn(6, 4, 3, 3)
    load_optimizer_state(
        optimizer, model, {"weight": {"momentum_buffer": momentum}, "bias": {"momentum_buffer": torch.ones(6)}}
    )
    found = optimizer.state[model.weight]["momentum_buffer"]
    assert torch.equal(found, momentum) and found.stride() == model.weight.stride() != momentum.stride()


def test_parameters_that_were_frozen_before_begin_without_momentum():
    models = [nn.Linear(3, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    state = {"weight": {"momentum_buffer": torch.ones(2, 3)}}
    for model, fused in zip(models, (None, False)):
        optimizer = build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9, "fused": fused}, model)
        load_optimizer_state(optimizer, model, state)
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    for a, b in zip(*(model.parameters() for model in models)):
        assert torch.allclose(a, b)
