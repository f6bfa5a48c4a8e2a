"""What every head must bear: export, saving, bf16, channels_last. Whatever is registered is tested."""

import io

import pytest
import torch
import torch.nn.functional as F

from segbox import IGNORE_INDEX
from segbox.models.heads.mask_head import MaskHead
from segbox.models.layers import resize
from segbox.registry import HEADS
from tests.models.mask_heads import with_logits_of_pixels
from tests.tiny import HEADS_OF_MAPS, SMALL, others_are_slow, random_batch, tiny_model

# strides of the maps of: dilated nets, a transformer, VGG before its pools, an FPN with one more level, plain ViTs
MAPS = [(2, 4, 8, 8, 8), (4, 8, 16, 32), (1, 2, 4, 8, 16), (4, 8, 16, 32, 64), (8, 16, 32), (16,) * 4, (16,), (14,)]
# One per way to compute; the export of each of the others takes seconds and is a slow test.
EXPORTED = ("FCNHead", "PSPHead", "SegFormerHead", "OCRHead", "PointRendHead", "SETRUPHead")


@pytest.fixture(params=list(HEADS))
def model(request):
    torch.manual_seed(0)
    model = tiny_model("ResNet", request.param).eval()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # not the identity, as after training
            torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return model


@pytest.fixture
def images():
    return random_batch(1, 34, 49, num_classes=5)[0].float()


@torch.no_grad()
@pytest.mark.parametrize("model", others_are_slow(HEADS_OF_MAPS, EXPORTED), indirect=True)
def test_exports(model, images):
    """Alone: the backbone would be exported again and again. Heads that read tokens are exported by test_eomt.py."""
    head = model.double().decode_head
    features = model.backbone(images.double())  # in float64, where only a mistake differs
    features = (images.double(), *features) if head.sees_images else features
    exported = torch.export.export(head, (features,), strict=False).module()
    torch.testing.assert_close(exported(features), head(features))


@torch.no_grad()
def test_comes_back_from_a_file(model, images):
    expected = model(images)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    for parameter in model.parameters():
        parameter.normal_()
    model.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(model(images), expected, rtol=0, atol=0)


@torch.no_grad()
def test_channels_last(model, images):
    model, images = model.double(), images.double()  # so that only a mistake differs
    expected = model(images)
    model.to(memory_format=torch.channels_last)
    found = model(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, check_stride=False)


def test_learns_in_bf16(model):
    images, labels = random_batch(2, 33, 47, num_classes=5, ignored_rows=5)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(images, labels)
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def test_answers_in_bf16(model, images):
    with torch.autocast("cpu", torch.bfloat16):
        assert model(images).isfinite().all()


@pytest.mark.parametrize("strides", MAPS)
@pytest.mark.parametrize("name", HEADS_OF_MAPS)
def test_takes_any_maps(name, strides):
    torch.manual_seed(0)
    strides = (1, *strides) if HEADS[name].sees_images else strides
    channels = tuple(min(32, 4 * stride) for stride in strides)
    head = HEADS.build({"type": name, **SMALL.get(name, {})}, in_channels=channels, in_strides=strides, num_classes=5)
    is_of_masks = isinstance(head, MaskHead)
    head.__class__ = with_logits_of_pixels(type(head)) if is_of_masks else type(head)
    features = tuple(torch.rand(2, c, -(-45 // s), -(-67 // s)) for c, s in zip(channels, strides))
    labels = torch.randint(0, 5, (2, 45, 67))
    sum(head.loss(features, labels, cross_entropy).values()).backward()
    assert not [name for name, p in head.named_parameters() if p.requires_grad and p.grad is None]
    with torch.no_grad():
        assert head.eval()(tuple(x[:1] for x in features)).shape[:2] == (1, 5 + is_of_masks)


def cross_entropy(logits, labels):
    return {"ce": F.cross_entropy(resize(logits, labels.shape[-2:]), labels, ignore_index=IGNORE_INDEX)}
