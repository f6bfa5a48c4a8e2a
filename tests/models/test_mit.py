"""MixTransformer: the paper's sizes, and its numbers against timm's PVTv2, which is built of the same blocks."""

import pytest
import torch

from segbox.errors import ConfigError
from segbox.models.backbones.mit import EfficientAttention, to_map, to_tokens
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("b0", 3_319_392),
        ("b1", 13_151_424),
        ("b2", 24_196_288),
        ("b3", 44_072_128),
        ("b4", 60_842_688),
        ("b5", 81_443_008),
    ],
)
def test_parameters(variant, expected):
    with torch.device("meta"):
        backbone = BACKBONES.build({"type": "MixTransformer", "variant": variant})
    assert sum(p.numel() for p in backbone.parameters()) == expected


def test_attention_by_hand():
    torch.manual_seed(0)
    attention = EfficientAttention(width=6, heads=2, reduction=2).eval()
    x = torch.randn(1, 4 * 5, 6)
    with torch.no_grad():
        reduced = attention.reduced(x, (4, 5))  # 2 x 2 windows; the odd column falls away
        assert reduced.shape == (1, 4, 6)
        query, (key, value) = attention.query(x), attention.key_value(reduced).chunk(2, dim=-1)
        heads = []
        for part in (slice(0, 3), slice(3, 6)):
            scores = query[..., part] @ key[..., part].transpose(1, 2) / 3**0.5
            heads.append(scores.softmax(dim=-1) @ value[..., part])
        expected = attention.out(torch.cat(heads, dim=-1))
        torch.testing.assert_close(attention(x, (4, 5)), expected)


def test_is_timms():
    pvt = pytest.importorskip("timm.models.pvt_v2")
    torch.manual_seed(0)
    shape = {"embed_dims": (8, 16, 40, 64), "depths": (1, 1, 1, 2), "num_heads": (1, 2, 5, 8)}
    theirs = pvt.PyramidVisionTransformerV2(**shape, sr_ratios=(8, 4, 2, 1), mlp_ratios=(4,) * 4, num_classes=0)
    ours = BACKBONES.build({"type": "MixTransformer", "variant": "test"})
    names = {
        "patch_embed.": "stages.0.embed.",
        "downsample.": "embed.",
        "attn.q.": "attention.query.",
        "attn.kv.": "attention.key_value.",
        "attn.proj.": "attention.out.",
        "attn.sr.": "attention.reduce.",
        "attn.norm.": "attention.reduce_norm.",
        "embed.proj.": "embed.project.",
        "mlp.fc1.": "mlp.expand.",
        "mlp.fc2.": "mlp.project.",
        "mlp.dwconv.": "mlp.depthwise.",
    }
    state = {}
    for name, value in theirs.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        state[name] = value
    ours.load_state_dict(state)
    images = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        expected = theirs.eval().forward_features(images)
        torch.testing.assert_close(ours.eval()(images)[-1], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (16, 200)])
def test_small_images(size):
    backbone = BACKBONES.build({"type": "MixTransformer", "variant": "test"}).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, *size))
    assert [tuple(m.shape[-2:]) for m in maps] == [tuple(-(-n // s) for n in size) for s in (4, 8, 16, 32)]


def test_other_strides_are_refused():
    with pytest.raises(ConfigError, match="no other than 32"):
        BACKBONES.build({"type": "MixTransformer", "output_stride": 8})


def test_drop_path_keeps_the_mean_and_rests_in_evaluation():
    torch.manual_seed(0)
    layer, x = DropPath(0.25), torch.ones(4000, 1, 2)
    y = layer(x)
    assert {round(v, 4) for v in y.unique().tolist()} == {0.0, round(4 / 3, 4)}
    assert torch.equal(y[..., 0], y[..., 1])
    assert abs(float(y.mean()) - 1) < 0.05
    assert layer.eval()(x) is x
    assert drop_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3]) and drop_rates(0.3, 1) == [0]


def test_tokens_and_maps_share_their_memory():
    tokens = torch.arange(24.0).view(1, 6, 4)
    x = to_map(tokens, (2, 3))
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.data_ptr() == to_tokens(x).data_ptr() == tokens.data_ptr()
