"""The graph of an exported file computes what `Predictor` does."""

import numpy as np
import pytest
import torch

from segbox.errors import DataError, UserError
from segbox.evaluation.predictor import Predictor
from segbox.export.plan import plain_plan, plan_export
from segbox.weights.digest import digest_of_weights
from tests.faulty_data import smooth_image
from tests.tiny import tiny_model
from tests.trained import CLASSES, write_checkpoint

BINARY = 'model["decode_head"]["out_channels"] = 1\n'


def predictor_of(folder, text="", **content):
    return Predictor(None, write_checkpoint(folder, text=text, **content), torch.device("cpu"))


def images_of(*images):
    return torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image in images]))


@pytest.mark.parametrize("test", ["", "divisor=16", "flip=True", "divisor=16, flip=True"])
def test_it_predicts_what_the_predictor_does(tmp_path, test):
    predictor = predictor_of(tmp_path, f"test = dict({test})\n")
    image = smooth_image(41, 57)
    scores = plan_export(predictor, "probabilities", None, "fp32").graph(images_of(image, image[::-1].copy()))
    torch.testing.assert_close(scores[0], predictor.probabilities(image), rtol=0, atol=1e-5)
    classes = plan_export(predictor, None, None, "fp32").graph(images_of(image))
    assert classes.dtype == torch.uint8 and len(np.unique(classes)) > 1
    assert (classes[0].numpy() == predictor.class_map(image)).mean() > 0.999


def test_logits_are_those_of_the_model(tmp_path):
    predictor = predictor_of(tmp_path)
    images = images_of(smooth_image(41, 57))
    with torch.no_grad():
        expected = predictor.model(images)
    torch.testing.assert_close(plan_export(predictor, "logits", None, "fp32").graph(images), expected)


def test_the_network_of_half_precision_is_in_half_precision_alone(tmp_path):
    predictor = predictor_of(tmp_path, "test = dict(divisor=16)\n")
    plan = plan_export(predictor, "probabilities", None, "fp16")
    half = plan.of_file()
    assert {p.dtype for p in half.network.parameters()} == {torch.float16}
    assert {p.dtype for p in plan.graph.network.parameters()} == {torch.float32}  # what the file is compared with
    assert half.mean.dtype == torch.float32 and predictor.model.mean.abs().max() > 0
    image = smooth_image(41, 57)
    scores = half(images_of(image))
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores[0], predictor.probabilities(image), rtol=0, atol=0.02)


def test_classes_that_no_byte_names_are_refused_and_their_probabilities_are_not():
    model = tiny_model(num_classes=256)
    with pytest.raises(DataError, match="the model: 256 classes"):
        plain_plan(model, "classes")
    assert plain_plan(model, "probabilities").graph(images_of(smooth_image(9, 9))).shape == (1, 256, 9, 9)


def test_what_is_told_about_the_model(tmp_path):
    predictor = predictor_of(tmp_path, 'test = dict(mode="slide", window=(64, 96))\n', licence="mit")
    told = plan_export(predictor, None, None, "fp32").metadata
    assert told["classes"] == list(CLASSES) and told["palette"][2] == [20, 40, 60]
    assert (told["output"], told["window"], told["stride"], told["size"]) == ("probabilities", (64, 96), (42, 64), None)
    assert told["input"] == "uint8" and told["channels"] == len(told["mean"]) == 3 and told["threshold"] is None
    assert told["weights_sha256"] == digest_of_weights(predictor.model) != digest_of_weights(torch.nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize(
    ("text", "output", "size", "message"),
    [
        ('test = dict(mode="slide")\n', "classes", None, "--output classes: the model is run by windows"),
        ('test = dict(mode="slide")\n', None, (64, 64), "--size 64 64: the model is run by windows of 512 512"),
        ("test = dict(scales=(0.5, 1.0))\n", None, None, "test.scales is (0.5, 1.0); an exported file runs"),
        (
            'data["val"]["pipeline"] = [dict(type="Resize", short=64)]\n',
            None,
            None,
            "data.val.pipeline has Resize: segbox predict changes images before",
        ),
    ],
)
def test_what_one_pass_cannot_do_is_refused(tmp_path, text, output, size, message):
    with pytest.raises(UserError) as caught:
        plan_export(predictor_of(tmp_path, text), output, size, "fp32")
    assert message in str(caught.value)
