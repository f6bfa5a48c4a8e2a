"""Models whose sizes are easily fixed in a file: their files, run by both runtimes, at three sizes."""

import json

import pytest
import torch

from segbox.export.check import compare
from segbox.export.export import open_exported
from segbox.export.pictures import generated_pictures
from segbox.export.plan import plain_plan
from segbox.export.write import export_program, write_format, write_openvino
from tests.export.test_formats import needs_torch
from tests.tiny import tiny_model
from tests.trained import random_weights

VIT_14 = dict(type="Timm", name="test_vit", model_arguments=dict(patch_size=14, img_size=28, depth=3))
RESNET = dict(type="ResNet", variant="test")
CASES = {
    "LinearHead": (VIT_14, dict(type="LinearHead")),
    "EoMTHead": (VIT_14, dict(type="EoMTHead", num_queries=6, num_blocks=2)),
    "Mask2FormerHead": (RESNET, None),
}


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_class_maps_of_files_are_those_of_pytorch(tmp_path, name):
    for package in ("timm", "onnx", "onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    backbone, head = CASES[name]
    torch.manual_seed(0)
    model = tiny_model(backbone, name, **({"decode_head": head} if head else {})).eval()
    model.load_state_dict(random_weights(model))
    plan = plain_plan(model, "classes")
    onnx, openvino = tmp_path / "model.onnx", tmp_path / "model.xml"
    write_format(plan, export_program(plan), onnx)
    write_openvino(onnx, openvino, json.dumps(plan.metadata))  # as write_format, without a second conversion
    for file in (onnx, openvino):
        found = compare(plan, open_exported(file, threads=1).run, generated_pictures(plan))
        assert all(one.different < 0.01 for one in found) and found[-1].classes > 1, (file.suffix, found)
