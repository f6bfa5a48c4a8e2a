"""What an evaluation holds at its most: never the logits of all classes at the labels' size."""

import json
import subprocess
import sys

import pytest

from tests.runs import ROOT

MOST = 300  # MB, where the logits alone would be 1200

# A model that holds nothing but its logits, on 2048 x 1024 pixels and 150 classes. Its logits count here too.
CODE = """
import json, resource, sys
import torch
from segbox.evaluation.loop import evaluate
from segbox.evaluation.metric_set import MetricSet
from segbox.evaluation.inference import build_inference

torch.set_num_threads(1)
stride, settings, extra = json.loads(sys.argv[1])

class OnlyLogits(torch.nn.Module):
    def logits(self, images):
        return torch.randn(len(images), 150, *(-(-side // stride) for side in images.shape[-2:]))

def peak(height, width):
    item = {"image": torch.zeros(3, height, width, dtype=torch.uint8), "path": "a.png"}
    item["label"] = torch.randint(0, 150, (height, width), dtype=torch.uint8)
    model = OnlyLogits()
    metric = MetricSet([str(i) for i in range(150)], extra=extra)
    evaluate(model, build_inference(model, **settings), [[item]], metric, torch.device("cpu"))
    assert metric.counts.sum() == height * width
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak(64, 64)
print(peak(1024, 2048) - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize(
    ("settings", "extra"),
    [
        ({}, ()),
        ({}, ("mBIoU", "imageIoU", "ECE")),
        ({"flip": True}, ()),
        ({"mode": "slide"}, ()),
        ({"mode": "slide", "flip": True}, ()),
        ({"scales": (0.5, 0.75, 1.0), "flip": True}, ()),
    ],
)
def test_evaluation_stays_below_the_bound(stride, settings, extra):
    arguments = [sys.executable, "-c", CODE, json.dumps([stride, settings, extra])]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=True)
    assert float(done.stdout) < MOST
