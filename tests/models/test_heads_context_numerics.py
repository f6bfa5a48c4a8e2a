"""The context heads against naive loops, against torchvision, and under bfloat16."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from segbox import IGNORE_INDEX
from segbox.models.heads.bisenet import BiSeNetHead
from segbox.models.heads.ccnet import CCNetHead, CrissCrossAttention, criss_cross_weights
from segbox.models.heads.danet import ChannelAttention, DANetHead, PositionAttention
from segbox.models.heads.encnet import EncNetHead, Encoding, classes_present, encode
from segbox.models.heads.lraspp import LRASPPHead
from segbox.models.heads.ocnet import ObjectContext
from segbox.models.heads.ocr import OCRHead, describe_regions
from segbox.models.layers.pixel_attention import pixel_attention
from tests.tiny import random_batch, tiny_model

CONTEXT_HEADS = (
    {"type": "DANetHead"},
    {"type": "OCNetHead"},
    {"type": "OCNetHead", "context": "asp"},
    {"type": "CCNetHead"},
    {"type": "EncNetHead"},
    {"type": "EncNetHead", "lateral": True},
    {"type": "BiSeNetHead"},
    {"type": "UPerHead", "channels": 32},
    {"type": "SegFormerHead"},
    {"type": "LRASPPHead"},
    {"type": "OCRHead"},
    {"type": "LinearHead"},
)
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def seeded():
    torch.manual_seed(0)


def softmax(numbers: list[float]) -> list[float]:
    powers = [math.exp(n - max(numbers)) for n in numbers]
    return [p / sum(powers) for p in powers]


def opened(attention: nn.Module) -> nn.Module:
    """With what it gathers let through: at first gamma is zero."""
    nn.init.constant_(attention.gamma, 0.7)
    return attention


def test_criss_cross_attention_is_the_naive_loop():
    attention = opened(CrissCrossAttention(16))
    x = torch.randn(2, 16, 3, 4)
    query, key, value = attention.query(x), attention.key(x), attention.value(x)
    expected = x.clone()
    for b in range(2):
        for i in range(3):
            for j in range(4):
                places = [(n, j) for n in range(3) if n != i] + [(i, n) for n in range(4)]
                weights = softmax([(query[b, :, i, j] @ key[b, :, n, m]).item() for n, m in places])
                for (n, m), weight in zip(places, weights, strict=True):
                    expected[b, :, i, j] += 0.7 * weight * value[b, :, n, m]
    torch.testing.assert_close(attention(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_criss_cross_weights_of_a_line_sum_to_one(size):
    weights = criss_cross_weights(torch.randn(1, 4, *size), torch.randn(1, 4, *size))
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, *size))


def test_two_criss_cross_steps_reach_every_pixel_and_one_does_not():
    attention = opened(CrissCrossAttention(8))
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    once = torch.autograd.grad(attention(x)[0, :, 0, 0].sum(), x)[0]
    assert once[0, :, 2, 3].abs().sum() == 0
    twice = torch.autograd.grad(attention(attention(x))[0, :, 0, 0].sum(), x)[0]
    assert (twice.abs().sum(dim=1) > 0).all()


def test_criss_cross_attention_has_gradients_everywhere():
    attention = opened(CrissCrossAttention(16))
    attention(torch.randn(1, 16, 5, 4)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in attention.parameters())


def test_criss_cross_attention_never_holds_all_pairs():
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            results = result if isinstance(result, tuple | list) else [result]
            largest = max([largest, *(r.numel() for r in results if isinstance(r, Tensor))])
            return result

    attention = CrissCrossAttention(8)
    with Watch():
        attention(torch.randn(1, 8, 24, 20)).sum().backward()
    assert 0 < largest <= 24 * 20 * (24 + 20)


def test_recurrence_shares_its_weights():
    head = CCNetHead((8,), 3, channels=16, recurrence=3)
    calls = []
    head.attention.register_forward_hook(lambda *_: calls.append(1))
    head((torch.randn(2, 8, 5, 6),))
    assert len(calls) == 3
    with pytest.raises(ValueError, match="recurrence 0"):
        CCNetHead((8,), 3, recurrence=0)


def test_position_attention_is_the_naive_loop():
    attention = opened(PositionAttention(16))
    x = torch.randn(2, 16, 3, 4)
    query, key, value = (layer(x).flatten(2) for layer in (attention.query, attention.key, attention.value))
    expected = x.flatten(2).clone()
    for b in range(2):
        for n in range(12):
            weights = softmax([(query[b, :, n] @ key[b, :, m]).item() for m in range(12)])
            for m in range(12):
                expected[b, :, n] += 0.7 * weights[m] * value[b, :, m]
    torch.testing.assert_close(attention(x), expected.view_as(x), rtol=1e-5, atol=1e-5)


def test_channel_attention_is_the_naive_loop():
    attention = opened(ChannelAttention())
    x = torch.randn(2, 6, 3, 4)
    rows = x.flatten(2)
    expected = rows.clone()
    for b in range(2):
        for c in range(6):
            energies = [(rows[b, c] @ rows[b, d]).item() for d in range(6)]
            weights = softmax([max(energies) - energy for energy in energies])
            for d in range(6):
                expected[b, c] += 0.7 * weights[d] * rows[b, d]
    torch.testing.assert_close(attention(x), expected.view_as(x), rtol=1e-5, atol=1e-5)


def test_danet_supervises_the_sum_or_all_three():
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    features = (torch.randn(2, 8, 4, 4),)
    three = DANetHead((8,), 3, channels=16)
    assert set(three.loss(features, labels, loss_of_mean)) == {"mean", "position.mean", "channel.mean"}
    single = DANetHead((8,), 3, channels=16, supervise_branches=False)
    assert set(single.loss(features, labels, loss_of_mean)) == {"mean"}


def test_object_context_is_the_naive_loop():
    attention = ObjectContext(8, key_channels=4, value_channels=6).eval()
    nn.init.normal_(attention.project.weight)
    x = torch.randn(1, 8, 3, 4)
    key, value = attention.key(x).flatten(2)[0], attention.value(x).flatten(2)[0]
    gathered = torch.zeros(6, 12)
    for n in range(12):
        weights = softmax([(key[:, n] @ key[:, m]).item() / 2 for m in range(12)])
        for m in range(12):
            gathered[:, n] += weights[m] * value[:, m]
    torch.testing.assert_close(attention(x), attention.project(gathered.view(1, 6, 3, 4)), rtol=1e-5, atol=1e-5)


def test_object_context_is_taken_at_half_size_and_begins_at_zero():
    attention = ObjectContext(8, key_channels=4, value_channels=8, pool=2).eval()
    assert attention(torch.randn(1, 8, 1, 5)).abs().sum() == 0
    sizes = []
    attention.key.register_forward_hook(lambda module, args, output: sizes.append(tuple(output.shape[-2:])))
    assert attention(torch.randn(1, 8, 5, 7)).shape == (1, 8, 5, 7)
    assert sizes == [(3, 4)]


def test_pixel_attention_takes_keys_from_a_map_of_another_size():
    query, key, value = torch.randn(2, 4, 3, 5), torch.randn(2, 4, 7, 1), torch.randn(2, 6, 7, 1)
    weights = torch.softmax(0.3 * torch.einsum("bchw,bckl->bhwk", query, key), dim=-1)
    expected = torch.einsum("bhwk,bckl->bchw", weights, value)
    torch.testing.assert_close(pixel_attention(query, key, value, 0.3), expected)


def test_encoding_is_the_naive_loop():
    pixels, codewords, scales = torch.randn(2, 7, 5), torch.randn(3, 5), torch.tensor([-0.3, -1.0, -0.1])
    expected = torch.zeros(2, 3, 5)
    for b in range(2):
        for i in range(7):
            residuals = [pixels[b, i] - codewords[k] for k in range(3)]
            weights = softmax([(scales[k] * residuals[k].square().sum()).item() for k in range(3)])
            for k in range(3):
                expected[b, k] += weights[k] * residuals[k]
    torch.testing.assert_close(encode(pixels, codewords, scales), expected, rtol=1e-5, atol=1e-5)


def test_encoding_normalises_codewords_and_averages_them():
    encoding = Encoding(5, num_codewords=3)
    x = torch.randn(4, 5, 2, 3)
    e = encode(x.flatten(2).mT, encoding.codewords, encoding.scales)
    mean, variance = e.mean((0, 2), keepdim=True), e.var((0, 2), unbiased=False, keepdim=True)
    torch.testing.assert_close(encoding(x), ((e - mean) / (variance + 1e-5).sqrt()).relu().mean(1))
    assert -1 <= encoding.scales.min() <= encoding.scales.max() <= 0


def test_classes_present_leaves_ignored_pixels_out():
    labels = torch.tensor([[[0, 2], [IGNORE_INDEX, 2]], [[IGNORE_INDEX] * 2] * 2], dtype=torch.uint8)
    assert classes_present(labels, 4).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_se_loss_is_binary_cross_entropy_over_images_and_classes():
    head = EncNetHead((8,), 3, channels=16, se_loss_weight=0.2).eval()
    features, labels = (torch.randn(2, 8, 4, 4),), torch.tensor([[[0, 1]], [[2, 2]]])
    losses = head.loss(features, labels, loss_of_mean)
    scene = torch.sigmoid(head.predict(features)[1])
    truth = [[1, 1, 0], [0, 0, 1]]
    terms = [-math.log(p if t else 1 - p) for ps, ts in zip(scene.tolist(), truth) for p, t in zip(ps, ts)]
    assert losses["se"].item() == pytest.approx(0.2 * sum(terms) / 6, rel=1e-5)
    assert set(losses) == {"mean", "se"}


def test_lateral_fusion_needs_three_maps():
    with pytest.raises(ValueError, match="lateral=True mixes the last three maps, and there are 2"):
        EncNetHead((8, 8), 3, lateral=True)


def test_lraspp_is_torchvisions():
    from torchvision.models.segmentation.lraspp import LRASPPHead as Published

    published, own = Published(6, 10, 3, 8), LRASPPHead((4, 6, 10), (4, 8, 16), 3, channels=8)
    names = {"cbr.0": "reduce.conv", "cbr.1": "reduce.norm", "scale.1": "gate.1"}
    names |= {"high_classifier": "classify", "low_classifier": "classify_fine"}
    weights = {}
    for name, value in published.state_dict().items():
        layer = next(old for old in names if name.startswith(old + "."))
        weights[names[layer] + name.removeprefix(layer)] = torch.rand_like(value.float())
    own.load_state_dict(weights)
    published.load_state_dict(dict(zip(published.state_dict(), weights.values(), strict=True)))
    low, high = torch.randn(2, 6, 9, 12), torch.randn(2, 10, 5, 6)
    for mode in (True, False):
        expected = published.train(mode)({"low": low, "high": high})
        logits = own.train(mode)((torch.randn(2, 4, 18, 24), low, high))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def test_regions_are_described_by_weighted_means():
    pixels, logits = torch.randn(1, 5, 2, 3), torch.randn(1, 4, 2, 3)
    regions = describe_regions(pixels, logits)
    assert regions.shape == (1, 5, 4, 1)
    for k in range(4):
        weights = softmax(logits[0, k].flatten().tolist())
        expected = sum(weight * pixel for weight, pixel in zip(weights, pixels[0].flatten(1).T))
        torch.testing.assert_close(regions[0, :, k, 0], expected)


def test_ocr_and_bisenet_weigh_their_other_outputs():
    labels = torch.zeros(2, 16, 16, dtype=torch.uint8)
    features = (torch.randn(2, 3, 16, 16), torch.randn(2, 8, 2, 2), torch.randn(2, 8, 1, 1))
    for head, extra in (
        (OCRHead((3, 8, 8), 3, channels=16, key_channels=8, coarse_loss_weight=0.0), ["coarse.mean"]),
        (BiSeNetHead((3, 8, 8), 3, 8, context_loss_weight=0.0), ["context0.mean", "context1.mean"]),
    ):
        losses = head.loss(features, labels, loss_of_mean)
        assert set(losses) == {"mean", *extra}
        assert losses["mean"] != 0
        assert all(losses[name] == 0 for name in extra)


@pytest.mark.parametrize(
    "head",
    [
        {"type": "DANetHead"},
        {"type": "OCNetHead", "context": "asp"},
        {"type": "CCNetHead"},
        {"type": "EncNetHead", "lateral": True},
    ],
    ids=lambda head: "-".join(map(str, head.values())),
)
def test_bfloat16_gives_finite_losses_gradients_and_logits(head):
    """With open attention, and with other arguments than the heads' own, which test_heads_contract.py tests."""
    model = tiny_model(decode_head=head)
    for module in model.modules():
        if isinstance(module, CrissCrossAttention | PositionAttention | ChannelAttention):
            opened(module)
    images, labels = random_batch(2, 33, 47, num_classes=5)
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(images, labels)
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model.eval()(images).isfinite().all()


@pytest.mark.parametrize("head", CONTEXT_HEADS, ids=lambda head: "-".join(map(str, head.values())))
def test_eval_does_not_depend_on_the_batch(head):
    model = tiny_model(decode_head=head).eval()
    images, _ = random_batch(2, 33, 47, num_classes=5)
    with torch.no_grad():
        torch.testing.assert_close(model(images[:1]), model(images)[:1], rtol=1e-4, atol=1e-4)


def loss_of_mean(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    return {"mean": logits.mean()}


def test_the_scene_of_a_binary_head_is_whether_the_object_is_there(monkeypatch):
    head = EncNetHead(in_channels=(16,), num_classes=1, channels=8, num_codewords=4)
    seen = []
    monkeypatch.setattr(
        nn.functional, "binary_cross_entropy_with_logits", lambda logits, truth: seen.append(truth) or logits.sum()
    )
    labels = torch.zeros(2, 4, 4, dtype=torch.uint8)
    labels[1, 0, 0] = 1
    head.loss((torch.randn(2, 16, 4, 4),), labels, lambda logits, labels: {})
    assert seen[0].tolist() == [[0.0], [1.0]]
