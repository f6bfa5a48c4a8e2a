"""EoMT with the names of its authors' code, beside a model that computes it in the plainest way."""

import json

import pytest
import timm
import torch
from torch import nn
from torch.nn.functional import gelu

from segbox.errors import CheckpointError
from segbox.interop import eomt
from segbox.interop.eomt import convert_eomt, is_eomt
from segbox.interop.saved import read_saved
from segbox.interop.transformers import read_transformers
from tests.interop.parity import our_model, randomized

SIDE, WIDTH, DEPTH, CLASSES = 64, 128, 3, 4


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(WIDTH, WIDTH, 2, stride=2)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, x):
        return self.norm(self.conv2(gelu(self.conv1(x))).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Encoder(nn.Module):
    def __init__(self, name):
        super().__init__()
        own = dict(depth=DEPTH, embed_dim=WIDTH, num_heads=WIDTH // 64, img_size=SIDE, patch_size=16, num_classes=0)
        own |= dict(mlp_ratio=5.375) if "giant" in name else {}  # 2 x 344: of 4 x 128, two thirds in eights
        self.backbone = timm.create_model(name, **own)
        self.register_buffer("pixel_mean", torch.tensor([0.4, 0.5, 0.6])[:, None, None])
        self.register_buffer("pixel_std", torch.tensor([0.2, 0.3, 0.4])[:, None, None])


class Naive(nn.Module):
    """The network of the paper with the authors' names, after the annealing: no mask."""

    def __init__(self, name="vit_small_patch14_reg4_dinov2", num_queries=7, num_blocks=2):
        super().__init__()
        self.encoder = Encoder(name)
        self.register_buffer("attn_mask_probs", torch.zeros(num_blocks))
        self.q = nn.Embedding(num_queries, WIDTH)
        self.class_head = nn.Linear(WIDTH, CLASSES + 1)
        linear = lambda: nn.Linear(WIDTH, WIDTH)  # noqa: E731
        self.mask_head = nn.Sequential(linear(), nn.GELU(), linear(), nn.GELU(), linear())
        self.upscale = nn.Sequential(Scale(), Scale())

    def forward(self, images):
        vit, count = self.encoder.backbone, len(self.q.weight)
        x = vit._pos_embed(vit.patch_embed((images / 255 - self.encoder.pixel_mean) / self.encoder.pixel_std))
        for i, block in enumerate(vit.blocks):
            if i == DEPTH - len(self.attn_mask_probs):
                x = torch.cat([self.q.weight.expand(len(x), -1, -1), x], 1)
            x = block(x)
        x = vit.norm(x)
        patches = x[:, count + vit.num_prefix_tokens :].transpose(1, 2).unflatten(2, (SIDE // 16, SIDE // 16))
        masks = torch.einsum("bqc,bchw->bqhw", self.mask_head(x[:, :count]), self.upscale(patches))
        return self.class_head(x[:, :count]), masks


class Lightning(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.criterion = nn.Module()
        self.criterion.register_buffer("empty_weight", torch.ones(CLASSES + 1))


@pytest.fixture(autouse=True)
def _small_sizes(monkeypatch):
    monkeypatch.setitem(eomt.SIZES, (DEPTH, WIDTH), "small")


def tensors(**arguments):
    return Lightning(Naive(**arguments)).state_dict()


@pytest.mark.parametrize("is_gated", [False, True])
@torch.no_grad()
def test_predictions_are_those_of_the_paper(is_gated, monkeypatch):
    monkeypatch.setattr(eomt, "GATED_SIZE", (DEPTH, WIDTH) if is_gated else (0, 0))
    theirs = randomized(Lightning(Naive(f"vit_{'giant' if is_gated else 'small'}_patch14_reg4_dinov2")))
    theirs.network.attn_mask_probs.zero_()
    theirs.network.encoder.pixel_std.copy_(theirs.network.encoder.pixel_std.abs() + 0.1)
    imported = convert_eomt(theirs.state_dict(), "x")
    ours = our_model(imported).double()
    for name in ("mean", "std"):  # of the config, without the rounding to 32 bits
        getattr(ours, name).copy_(255 * getattr(theirs.double().network.encoder, f"pixel_{name}"))
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    classes, masks = theirs.network(images.double())
    found = ours.decode_head(ours.maps_and_features(images)[1])
    torch.testing.assert_close(found.classes, classes, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.masks, masks, rtol=1e-5, atol=1e-5)
    assert imported.test["window"] == (SIDE, SIDE) and imported.model["num_classes"] == CLASSES


def test_every_file_of_it_opens(tmp_path):
    weights = tensors()
    bare = {name.removeprefix("network."): value for name, value in weights.items()}
    for content in (weights, bare, {"state_dict": weights, "hyper_parameters": {"lr": 1e-4}}):
        torch.save(content, tmp_path / "pytorch_model.bin")
        saved = read_saved(tmp_path / "pytorch_model.bin")
        assert saved.stands_alone and saved.config["model"]["decode_head"]["num_queries"] == 7
        assert torch.equal(saved.weights["decode_head.queries"], weights["network.q.weight"])
    names = {str(i): f"c{i}" for i in range(CLASSES)}  # of the config of transformers beside it
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "eomt", "id2label": names}))
    assert read_transformers(str(tmp_path)).classes == ("c0", "c1", "c2", "c3")


def changed(**changes):
    weights = tensors() | changes
    return {name: value for name, value in weights.items() if value is not None}


BACKBONE = "network.encoder.backbone."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{BACKBONE}pos_embed": None}, "published as differences from Meta's weights"),
        ({f"{BACKBONE}pos_embed": torch.zeros(1, 15, WIDTH)}, "images that are not square (15 patches)"),
        ({f"{BACKBONE}blocks.3.norm1.bias": torch.zeros(1)}, "on a ViT of 4 x 128 (blocks x channels); segbox opens"),
        ({f"{BACKBONE}blocks.0.attn.q_norm.weight": torch.zeros(1)}, "blocks.0.attn.q_norm.weight belongs to no part"),
        ({"network.attn_mask_probs": None}, "there is no tensor attn_mask_probs"),
    ],
)
def test_messages(changes, message):
    assert is_eomt(changed(**changes))
    with pytest.raises(CheckpointError) as error:
        convert_eomt(changed(**changes), "x")
    assert message in str(error.value)
