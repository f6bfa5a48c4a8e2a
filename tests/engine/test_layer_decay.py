"""Which layer of a backbone has which rate, by the names of its parameters."""

import pytest

from segbox.engine.optim import EMBEDDING, build_optimizer
from segbox.errors import ConfigError
from tests.tiny import tiny_model

ADAMW = {"type": "AdamW", "lr": 0.5, "weight_decay": 0.25}


def settings(config, backbone):
    """name -> (rate, decay), as the optimizer has them."""
    model = tiny_model(backbone, "LinearHead")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = build_optimizer({**ADAMW, **config}, model).param_groups
    for group in groups:
        assert {names[id(p)].startswith("backbone.") for p in group["params"]} == {group["in_backbone"]}
    return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}


def multiples(config, backbone):
    return {name: rate / 0.5 for name, (rate, _) in settings(config, backbone).items()}


def test_blocks_of_a_plain_vit():
    pytest.importorskip("timm")
    found = multiples({"layer_decay": 0.8, "head_lr_mult": 3.0}, {"type": "Timm", "name": "test_vit"})
    for name, multiple in found.items():
        part = name.removeprefix("backbone.network.model.")
        if part.startswith("blocks."):
            expected = 0.8 ** (5 - int(part.split(".")[1]))
        elif part in ("cls_token", "pos_embed") or part.startswith("patch_embed."):
            expected = 0.8**5  # as block 0
        else:
            expected = 1.0 if part.startswith("norm.") else 3.0
        assert multiple == pytest.approx(expected), name
    assert {f"backbone.network.model.{part}" for part in ("cls_token", "pos_embed", "norm.bias")} < set(found)


# a part of names -> how many layers stand behind it
STAGES = {
    "ResNet": {"conv1.": 3, "layer1.": 3, "layer2.": 2, "layer3.": 1, "layer4.": 0},
    "MixTransformer": {"stages.0.": 3, "stages.1.": 2, "stages.2.": 1, "stages.3.": 0},
    "Swin": {"embed.": 3, "merges.0.": 3, "merges.2.": 1, "stages.0.": 3, "stages.2.": 1, "stages.3.": 0},
    "VisionTransformer": {"class_token": 3, "positions": 3, "embed.": 3, "blocks.0.": 3, "blocks.3.": 0},
    "BEiT": {"tables.0": 3, "tables.3": 0, "blocks.0.": 3, "blocks.2.": 1},
    "Twins": {"stages.0.": 3, "stages.3.": 0},
    "PoolFormer": {"embeds.0.": 3, "embeds.3.": 0, "stages.1.": 2},
    "test_convnext": {"network.stem_0.": 3, "network.stages_0.": 3, "network.stages_3.": 0, "map_norms.0.": 0},
}


@pytest.mark.parametrize("backbone", STAGES)
def test_stages_of_the_others(backbone):
    is_timm = backbone.startswith("test_")
    if is_timm:
        pytest.importorskip("timm")
    found = multiples(
        {"layer_decay": 0.5}, {"type": "Timm", "name": backbone, "map_norm": 1e-6} if is_timm else backbone
    )
    for part, behind in STAGES[backbone].items():
        own = {multiple for name, multiple in found.items() if name.startswith(f"backbone.{part}")}
        assert own == {0.5**behind}, part
    assert {multiple for name, multiple in found.items() if not name.startswith("backbone.")} == {1.0}


def test_a_rule_names_the_rate_itself():
    rules = {"backbone.layer1.*": {"lr_mult": 2.0}, "*.conv1.weight": {"weight_decay": 0.0}}
    found = settings({"layer_decay": 0.5, "rules": rules}, "ResNet")
    assert found["backbone.layer1.0.bn1.weight"] == (1.0, 0.25)
    assert found["backbone.layer2.0.conv1.weight"] == (0.125, 0.0)


def test_embeddings_are_excluded_from_the_decay():
    pytest.importorskip("timm")
    found = settings({"decay_embeddings": False}, {"type": "Timm", "name": "test_vit"})
    excluded = {name.rpartition(".")[2] for name, (_, decay) in found.items() if decay == 0}
    assert excluded == {"cls_token", "pos_embed"}
    found = settings({"decay_embeddings": False}, "Swin")
    assert {name.rpartition(".")[2] for name, (_, decay) in found.items() if decay == 0} == {"bias_table"}


def test_the_names_of_embeddings():
    yes = "a.cls_token", "reg_token", "pos_embed_win", "class_token", "b.positions", "tables.11", "attn.bias_table"
    no = "token_mixer.weight", "positions.bias", "norm.weight", "tables.proj.weight", "pos_embed.proj.weight"
    assert all(map(EMBEDDING.search, yes)) and not any(map(EMBEDDING.search, no))


def test_backbones_without_layers_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"layer_decay: VGG has no numbered layers .* Leave layer_decay=1\.0"):
        settings({"layer_decay": 0.9}, "VGG")
    with pytest.raises(ConfigError, match=r"optimizer\.layer_decay: expected"):
        settings({"layer_decay": 1.5}, "ResNet")
