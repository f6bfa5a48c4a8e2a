"""What a model can be told besides forward: freezing, exact statistics, weights, classes, norms."""

import copy
import logging
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segbox.errors import CheckpointError, ConfigError
from segbox.models.freezing import parameters_of_maps
from segbox.models.norms import batch_norms, convert_norm
from segbox.models.segmentors import build_segmentor, initialize_encoder
from segbox.registry import BACKBONES
from segbox.weights.input_channels import adapt_first_convolution
from tests.tiny import HEADS_WITH_CLASSES, random_batch, tiny_model

AUX = {"type": "FCNHead", "level": -2}


def with_backbone(config, **model):
    parts = {"type": "EncoderDecoder", "backbone": config, "decode_head": {"type": "FCNHead"}}
    return build_segmentor({**parts, **model}, num_classes=5)


def step(model):
    """One step of SGD; the tensors before and after it."""
    before = copy.deepcopy(model.state_dict())
    model.train()
    images, labels = random_batch(2, 33, 47, num_classes=5)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    sum(model(images, labels).values()).backward()
    optimizer.step()
    return before, model.state_dict()


def changed(before, after, prefix=""):
    return {n for n in before if n.startswith(prefix) and not torch.equal(before[n], after[n])}


def test_a_frozen_backbone_stays_as_it_is_through_train():
    model = tiny_model(freeze_backbone=True)
    before, after = step(model)
    assert not changed(before, after, "backbone.")
    assert changed(before, after, "decode_head.")
    assert model.training and not any(m.training for m in model.backbone.modules())
    model.train_backbone()
    before, after = step(model)
    assert len(changed(before, after, "backbone.")) > 50 and model.backbone.training


def test_the_first_stages_stay_as_they_are():
    model = tiny_model(freeze_stages=2)
    names = {n for n, _ in model.backbone.named_parameters()}
    assert {n.split(".")[0] for n in model.frozen} == {"conv1", "bn1", "layer1"}
    assert {n for n in names if n.split(".")[0] in ("conv1", "bn1", "layer1")} == model.frozen
    before, after = step(model)
    moved = changed(before, after, "backbone.")
    assert moved and all(n.split(".")[1] in ("layer2", "layer3", "layer4") for n in moved)
    assert not model.backbone.layer1.training and model.backbone.layer2.training and model.backbone.training
    model.freeze_batch_norm()
    model.train_batch_norm()
    assert not [n for n in changed(*step(model), "backbone.") if n.split(".")[1] not in ("layer2", "layer3", "layer4")]
    before = copy.deepcopy(model.state_dict())
    model.precise_batch_norm([random_batch(2, 32, 32, 5)[0]])
    moved = changed(before, model.state_dict(), "backbone.")
    assert moved and not [n for n in moved if n.split(".")[1] not in ("layer2", "layer3", "layer4")]


@pytest.mark.parametrize("stages", [-1, 6])
def test_stages_that_are_not_there(stages):
    with pytest.raises(ValueError, match="this backbone has 5 maps, so 1 to 5"):
        tiny_model(freeze_stages=stages)


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "Timm"])
def test_every_backbone_knows_its_first_stages(name):
    backbone = BACKBONES.build(dict(type=name, variant="test"))
    own = {n for n, _ in backbone.named_parameters()}
    grown = [parameters_of_maps(backbone, count, 3) for count in range(1, len(backbone.channels) + 1)]
    assert grown[0] and all(a < b for a, b in pairwise(grown)) and grown[-1] <= own
    assert all(p.requires_grad and p.grad is None for p in backbone.parameters()) and backbone.training


def norm_tensors(model, *names):
    layers = {n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    return {f"{layer}.{name}" for layer in layers for name in names}


@pytest.mark.parametrize(("statistics", "weights"), [(True, False), (False, True), (True, True)])
def test_frozen_batch_norms_stay_as_they_are_through_train(statistics, weights):
    model = tiny_model()
    model.freeze_batch_norm(freeze_running_mean_var=statistics, freeze_gamma_beta=weights)
    before, after = step(model)
    moved = changed(before, after)
    assert bool(moved & norm_tensors(model, "running_mean", "running_var")) != statistics
    assert bool(moved & norm_tensors(model, "weight", "bias")) != weights
    assert "backbone.conv1.weight" in moved
    model.train_batch_norm()
    moved = changed(*step(model))
    assert moved & norm_tensors(model, "running_mean") and moved & norm_tensors(model, "weight")


def test_thawing_one_keeps_the_other_frozen():
    model = tiny_model()
    model.freeze_backbone()
    model.freeze_batch_norm()
    model.train_batch_norm()
    assert not changed(*step(model), "backbone.")
    model.freeze_batch_norm()
    model.train_backbone()
    moved = changed(*step(model))
    assert "backbone.conv1.weight" in moved and not moved & norm_tensors(model, "weight", "running_mean")


def test_a_copy_is_frozen_too():
    model = copy.deepcopy(tiny_model(freeze_backbone=True)).train()
    assert not model.backbone.training and not any(p.requires_grad for p in model.backbone.parameters())


def test_precise_batch_norm_is_the_mean_of_the_batches():
    torch.manual_seed(0)
    model = tiny_model(auxiliary_head=AUX)
    batches = [random_batch(n, 32, 40, 5, seed=n)[0] for n in (2, 3, 4)]
    norms = batch_norms(model.backbone) + batch_norms(model.decode_head)
    seen = {norm: [] for norm in norms}

    def look(norm, inputs, output):
        x = inputs[0].double()
        seen[norm].append((x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))))  # the unbiased variance

    naive = copy.deepcopy(model)
    aux_before = copy.deepcopy(model.auxiliary_heads.state_dict())
    hooks = [norm.register_forward_hook(look) for norm in norms]
    assert model.train().precise_batch_norm([batches[0], (batches[1], None), {"images": batches[2]}]) == 3
    for hook in hooks:
        hook.remove()
    for norm in norms:
        means, variances = zip(*seen[norm])
        torch.testing.assert_close(norm.running_mean, (sum(means) / 3).float(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, (sum(variances) / 3).float(), rtol=1e-4, atol=1e-5)
        assert norm.momentum == 0.1
    assert model.training and all(m.training for m in model.modules())
    assert not changed(aux_before, model.auxiliary_heads.state_dict())
    assert not [n for n, p in naive.named_parameters() if not torch.equal(p, model.get_parameter(n))]


def test_precise_batch_norm_leaves_frozen_statistics():
    model = tiny_model(freeze_backbone=True)
    before = copy.deepcopy(model.state_dict())
    model.precise_batch_norm([random_batch(2, 32, 32, 5)[0]])
    moved = changed(before, model.state_dict())
    assert moved and all(n.startswith("decode_head.") for n in moved)
    with pytest.raises(ValueError, match="no batch"):
        model.precise_batch_norm([])
    model.freeze_batch_norm()
    with pytest.raises(ValueError, match="no batch norm whose statistics may change"):
        model.precise_batch_norm([])


def test_load_parameters(tmp_path):
    model, other = tiny_model(), tiny_model(num_classes=7)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    twin = tiny_model()
    assert twin.load_parameters(tmp_path / "model.pt", map_location="cpu").is_perfect()
    assert not changed(model.state_dict(), twin.state_dict())
    with pytest.raises(CheckpointError, match="another shape"):
        other.load_parameters(tmp_path / "model.pt")
    other.load_parameters(tmp_path / "model.pt", strict=False)
    assert not changed(model.state_dict(), other.state_dict(), "backbone.")
    third = tiny_model()
    assert third.load_backbone_parameters(tmp_path / "model.pt").is_perfect()
    assert not changed(model.state_dict(), third.state_dict(), "backbone.")


@pytest.mark.parametrize("head", HEADS_WITH_CLASSES)
def test_reset_classes(head):
    torch.manual_seed(0)
    model = tiny_model(head=head, auxiliary_head=AUX)
    before = copy.deepcopy(model.state_dict())
    model.reset_classes(7)
    after = model.state_dict()
    assert before.keys() == after.keys()
    same_shape = {n for n in before if before[n].shape == after[n].shape}
    assert not changed({n: before[n] for n in same_shape}, after)
    assert len(same_shape) < len(before)
    images, labels = random_batch(2, 33, 47, num_classes=7)
    sum(model(images, labels).values()).backward()
    assert model.eval()(images).shape == (2, 7, 33, 47)


def test_reset_to_the_same_number_begins_the_classifier_anew():
    model = tiny_model()
    before = copy.deepcopy(model.state_dict())
    model.reset_classes(5)
    assert changed(before, model.state_dict()) == {"decode_head.classify.weight", "decode_head.classify.bias"}


def test_reset_keeps_what_is_frozen_and_refuses_losses_of_another_number():
    model = tiny_model(norm="GN")
    model.freeze_batch_norm()
    model.eval().reset_classes(6)
    assert not model.decode_head.training and not batch_norms(model)
    weighted = {"type": "FCNHead", "loss": {"type": "CrossEntropyLoss", "class_weight": [1.0] * 5}}
    model = tiny_model(decode_head=weighted)
    with pytest.raises(ConfigError, match=r"model\.decode_head\.loss: class_weight has 5 numbers for 6 classes"):
        model.reset_classes(6)
    assert model.decode_head.classify.out_channels == 5


def test_group_norm():
    model = tiny_model(norm="GN", auxiliary_head=AUX, neck={"type": "JPU", "channels": 6})
    assert not batch_norms(model)
    groups = [m for m in model.modules() if isinstance(m, nn.GroupNorm)]
    assert {(m.num_channels, m.num_groups) for m in groups} >= {(6, 2), (18, 2), (64, 32), (8, 8)}
    assert step(model)
    norm = nn.BatchNorm2d(8)
    nn.init.normal_(norm.weight)
    converted = convert_norm(nn.Sequential(norm), "GN")[0]
    assert torch.equal(converted.weight, norm.weight) and converted.eps == norm.eps


def test_sync_batch_norm_keeps_names_and_numbers():
    torch.manual_seed(0)
    plain = tiny_model()
    model = tiny_model(norm="SyncBN")
    assert all(isinstance(m, nn.SyncBatchNorm) for m in batch_norms(model))
    model.load_state_dict(plain.state_dict())
    images, _ = random_batch(2, 33, 47, 5)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(images), plain.eval()(images))


def test_sync_batch_norm_keeps_the_activations_of_timm():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", features_only=True).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = network(images)[-1]
        torch.testing.assert_close(convert_norm(network, "SyncBN").eval()(images)[-1], expected)
    with pytest.raises(ValueError, match="BatchNormAct2d"):
        convert_norm(timm.create_model("test_efficientnet"), "GN")


def test_frozen_norms_from_the_config():
    moved = changed(*step(tiny_model(norm="frozen")))
    assert "backbone.conv1.weight" in moved and "decode_head.convs.0.norm.running_mean" in moved
    assert not {n for n in moved if n.startswith("backbone.") and ".bn" in n}
    with pytest.raises(ConfigError, match="SyncBN, GN, frozen"):
        tiny_model(norm="IN")


def test_convert_norm_to_frozen():
    module = convert_norm(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)), "frozen")
    assert not module[1].training and not module[1].weight.requires_grad and module[0].weight.requires_grad


def test_init_and_zero_init_residual():
    torch.manual_seed(0)
    weight = tiny_model(init="xavier").decode_head.convs[0].conv.weight
    bound = (6 / ((weight.shape[0] + weight.shape[1]) * 9)) ** 0.5
    assert 0.95 * bound < float(weight.detach().abs().max()) <= bound
    model = tiny_model(zero_init_residual=True)
    assert not any(
        block.bn3.weight.any() for layer in (model.backbone.layer1, model.backbone.layer4) for block in layer
    )
    with pytest.raises(ConfigError, match="no initialization"):
        tiny_model(init="zeros")
    with pytest.raises(ConfigError, match="no residual blocks"):
        tiny_model("MixTransformer", zero_init_residual=True)
    with pytest.raises(ConfigError, match="would undo"):
        initialize_encoder(nn.Identity(), {"type": "Timm", "pretrained": True}, "msra", False)


@pytest.mark.parametrize("channels", [1, 5, 6])
def test_first_convolution_of_other_channels(tmp_path, caplog, channels):
    torch.manual_seed(0)
    model = tiny_model()
    torch.save(model.backbone.state_dict(), tmp_path / "rgb.pth")
    backbone = {"type": "ResNet", "variant": "test", "in_channels": channels}
    with caplog.at_level(logging.INFO, "segbox"):
        other = with_backbone(backbone, mean=0, std=1, backbone_weights=str(tmp_path / "rgb.pth"))
    assert f"conv1.weight: its 3 input channels are adapted to {channels}" in caplog.text
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    old, new = model.backbone.conv1.weight, other.backbone.conv1.weight
    if channels == 1:
        torch.testing.assert_close(new, old.sum(1, keepdim=True))
    else:
        for i in range(channels):
            torch.testing.assert_close(new[:, i], old[:, i % 3] * 3 / channels)
    grey = torch.randn(1, 1, 16, 16)
    if channels != 5:  # a grey image gives the same if R, G and B are repeated equally often
        ours = F.conv2d(grey.expand(-1, channels, -1, -1), new)
        torch.testing.assert_close(ours, F.conv2d(grey.expand(-1, 3, -1, -1), old), rtol=1e-4, atol=1e-4)


def test_first_convolution_of_rgb_is_not_changed():
    model = tiny_model()
    weights = model.backbone.state_dict()
    assert adapt_first_convolution(weights, model.backbone)["conv1.weight"] is weights["conv1.weight"]
