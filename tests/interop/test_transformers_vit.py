"""DPT and BEiT of transformers, with random weights, beside that library's own logits."""

import json
import warnings

import pytest
import torch
from torch.nn.functional import interpolate

from segbox.errors import CheckpointError
from segbox.interop import transformers_vit
from segbox.interop.transformers import convert_transformers, read_transformers
from tests.interop.parity import our_model, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import BeitConfig, BeitForSemanticSegmentation, DPTConfig, DPTForSemanticSegmentation

VIT = dict(hidden_size=8, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, num_labels=5)
FUSED = dict(use_batch_norm_in_fusion_residual=True, fusion_hidden_size=8, neck_hidden_sizes=[4, 6, 8, 10])


def dpt(**more):
    own = dict(image_size=32, backbone_out_indices=[0, 1, 2, 3]) | FUSED | more
    return DPTForSemanticSegmentation(DPTConfig(**VIT, **own))


def beit(**more):
    own = dict(image_size=64, use_relative_position_bias=True, auxiliary_channels=8)
    own |= dict(num_hidden_layers=6, out_indices=[2, 3, 4, 5], pool_scales=[1, 2]) | more  # the last two are not used
    return BeitForSemanticSegmentation(BeitConfig(**VIT | own))


MODELS = {
    "dpt": dpt,
    "dpt without readout": lambda: dpt(readout_type="ignore", use_auxiliary_head=False),
    "beit": beit,
    "beit with positions": lambda: beit(use_absolute_position_embeddings=True, use_auxiliary_head=False),
}


@pytest.mark.parametrize("name", list(MODELS))
@torch.no_grad()
def test_logits_are_those_of_transformers(name, tmp_path, monkeypatch):
    monkeypatch.setitem(transformers_vit.VARIANTS, (8, 6, 2), "test")
    theirs = randomized(MODELS[name]())
    theirs.save_pretrained(tmp_path)
    imported = read_transformers(str(tmp_path))
    ours = our_model(imported).double()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = interpolate(theirs.double()((images - ours.mean) / ours.std).logits, (64, 64), mode="bilinear")
    found = ours(images)
    assert expected.std(dim=(2, 3)).min() > 1e-3 * expected.abs().max()
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    config = json.loads((tmp_path / "config.json").read_text())
    of_modules = convert_transformers(config, theirs.float().state_dict(), "x").weights
    assert imported.weights.keys() == of_modules.keys()


@pytest.mark.parametrize(
    ("architecture", "changes", "message"),
    [
        ("DPT", dict(is_hybrid=True), "is_hybrid=True has no counterpart"),
        ("DPT", dict(FUSED, readout_type="add"), "readout_type='add' has no counterpart in segbox; it has 'project'"),
        ("DPT", {}, "segbox's DPTHead has batch norms and no biases in its fusions"),
        ("DPT", dict(FUSED, hidden_size=9), "segbox has no plain ViT of hidden_size, num_hidden_layers, num_attention"),
        ("Beit", dict(use_shared_relative_position_bias=True), "use_shared_relative_position_bias=True has no"),
        ("Beit", dict(use_relative_position_bias=True, out_indices=[1, 2, 3, 4]), "out_indices=(1, 2, 3, 4) has no"),
    ],
)
def test_messages(architecture, changes, message):
    with pytest.raises(CheckpointError) as error:
        convert_transformers(dict(architectures=[f"{architecture}ForSemanticSegmentation"]) | changes, {}, "x")
    assert message in str(error.value)
