"""A backbone that starts from a model of mmsegmentation."""

import pytest
import torch

from segbox.errors import CheckpointError
from segbox.interop.mmseg import read
from segbox.models.segmentors import build_segmentor
from segbox.weights.sources.find import WeightFile
from tests.interop.mmseg.resnets import PSP, model, resnet
from tests.interop.mmseg.test_parity import fixture, state_of

WORD = "mmseg://pspnet_r18b-d8_4xb2-80k_cityscapes-512x1024"


def built(variant="18", **more):
    backbone = {"type": "ResNet", "variant": variant}
    return build_segmentor(
        {"type": "EncoderDecoder", "backbone": backbone, "decode_head": {"type": "FCNHead"}, **more}, 2
    )


def test_the_backbone_and_mean_and_std_of_a_published_model(monkeypatch, tmp_path):
    state = {name: value.to(torch.float32) for name, value in state_of(fixture("psp_r18b")).items() if value.ndim}
    config = model(resnet(kind="ResNet"), PSP)
    config["data_preprocessor"] = {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "bgr_to_rgb": True}
    torch.save({"meta": {"cfg": f"model = {config!r}"}, "state_dict": state}, tmp_path / "a.pth")
    monkeypatch.setattr(read, "find_location", lambda word, *others: WeightFile(word, tmp_path / "a.pth"))
    own = built(backbone_weights=WORD)
    assert torch.equal(own.backbone.layer4[1].conv2.weight, state["backbone.layer4.1.conv2.weight"])
    assert own.mean.flatten().tolist() == [1, 2, 3] and own.std.flatten().tolist() == [4, 5, 6]
    with pytest.raises(CheckpointError, match=r"are not the weights of ResNet 34 \(model.backbone\)"):
        built("34").load_backbone_parameters(WORD)
