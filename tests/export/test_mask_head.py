"""Models whose head predicts masks: queries are folded into classes within the graph."""

import pytest
import torch

from segbox.commands import main
from segbox.export.plan import plan_export
from tests.export.test_formats import needs_torch
from tests.export.test_graph import images_of, predictor_of
from tests.faulty_data import smooth_image
from tests.trained import write_checkpoint

HEAD = 'model["decode_head"] = dict(type="TinyMaskHead")\n'


@pytest.mark.parametrize("test", ["", "divisor=16, flip=True"])
def test_the_graph_predicts_what_the_predictor_does(tmp_path, mask_head, test):
    predictor = predictor_of(tmp_path, HEAD + f"test = dict({test})\n")
    image = smooth_image(41, 57)
    scores = plan_export(predictor, "probabilities", None, "fp32").graph(images_of(image, image[::-1].copy()))
    torch.testing.assert_close(scores[0], predictor.probabilities(image), rtol=0, atol=1e-5)
    classes = plan_export(predictor, None, None, "fp32").graph(images_of(image))
    assert (classes[0].numpy() == predictor.class_map(image)).mean() > 0.999
    half = plan_export(predictor, "probabilities", None, "fp16").of_file()(images_of(image))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half[0], scores[0], rtol=0, atol=0.02)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("test", ["divisor=16", "divisor=16, flip=True"])
def test_the_file_computes_the_same_at_three_sizes(tmp_path, monkeypatch, capsys, mask_head, test):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path, text=HEAD + f"test = dict({test})\n")
    main(["export", "best.pt", "model.onnx"])
    told = capsys.readouterr().out
    assert told.count("% of the pixels have the same class") == 3 and "Written: model.onnx" in told
