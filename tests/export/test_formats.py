"""Files of each format, written and run. The runner runs in a process that has neither PyTorch nor segbox."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from segbox.commands import main
from segbox.errors import UserError
from segbox.evaluation.predictor import Predictor
from segbox.export import export as export_module
from segbox.export.export import claim_files, export_model
from segbox.export.opened import open_exported
from segbox.export.pictures import calibration_of, generated_pictures
from segbox.export.plan import plan_export
from segbox.export.run_segbox import Exported
from segbox.export.write import check_format, first_cause, refuse_too_large, suspected_part
from tests.export.test_check import right, wrong_at
from tests.export.test_graph import predictor_of
from tests.faulty_data import smooth_image, write_image
from tests.runs import written
from tests.trained import write_checkpoint

PSP = 'model["decode_head"] = dict(type="PSPHead", channels=16)\ntest = dict(divisor=16, flip=True)\n'
SLIDE = 'test = dict(mode="slide", window=(64, 96), stride=(40, 60))\n'


def run_without_torch(folder, *arguments):
    """run_segbox.py in a process in which torch and segbox cannot be imported."""
    for name in ("torch", "segbox"):
        (folder / "none").mkdir(exist_ok=True)
        (folder / f"none/{name}.py").write_text('raise ImportError("not here")\n')
    environment = {**os.environ, "PYTHONPATH": str(folder / "none")}
    command = [sys.executable, "run_segbox.py", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


needs_torch = pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="needs PyTorch 2.7")


@needs_torch
@pytest.mark.parametrize(
    ("text", "suffix", "runtime"),
    [
        ("test = dict(divisor=16)\n", ".onnx", "onnxruntime"),
        pytest.param(PSP, ".onnx", "onnxruntime", marks=pytest.mark.slow),
        pytest.param(SLIDE, ".onnx", "onnxruntime", marks=pytest.mark.slow),
        pytest.param(PSP, ".xml", "openvino", marks=pytest.mark.slow),
    ],
)
def test_the_command_and_the_runner(tmp_path, monkeypatch, capsys, text, suffix, runtime):
    for name in ("onnx", "onnxscript", runtime):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path, text=text)
    for name, size in (("a", (101, 150)), ("b", (90, 130))):
        write_image(tmp_path / f"in/{name}.png", smooth_image(*size))
    main(["export", "best.pt", f"out/model{suffix}"])
    told = capsys.readouterr().out
    assert told.count("% of the pixels have the same class") == 3 and f"Written: out/model{suffix}" in told
    assert written(tmp_path / "out")[0] == f"model{suffix}" or suffix == ".xml"
    (tmp_path / "out/in").symlink_to(tmp_path / "in")
    done = run_without_torch(tmp_path / "out", f"model{suffix}", "in", "--out", "masks", "--save", "mask")
    assert (done.returncode, done.stderr) == (0, "")
    main(["predict", "best.pt", "in", "--out", "expected", "--save", "mask"])
    for name in ("a", "b"):
        found, expected = (
            cv2.imread(str(tmp_path / folder / f"{name}_mask.png"), cv2.IMREAD_UNCHANGED)
            for folder in ("out/masks", "expected")
        )
        assert len(np.unique(expected)) > 1 and (found == expected).mean() > 0.999


@needs_torch
@pytest.mark.slow
def test_a_program_of_torch(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    predictor = Predictor(None, write_checkpoint(tmp_path, text=PSP), torch.device("cpu"))
    main(["export", "best.pt", "model.pt2", "--output", "probabilities"])
    model = open_exported(tmp_path / "model.pt2")
    image = smooth_image(53, 77)
    scores = model.run(image.transpose(2, 0, 1)[None].copy())[0]
    assert np.abs(scores - predictor.probabilities(image).numpy()).max() < 1e-5
    assert model.metadata["classes"] == list(predictor.classes) and not (tmp_path / "run_segbox.py").exists()
    with pytest.raises(SystemExit):
        main(["export", "best.pt", "tiny.py"])
    assert "tiny.py: the suffix decides what is written: .onnx, .xml, .pt2" in capsys.readouterr().err


@needs_torch
@pytest.mark.slow
def test_half_precision_of_one_size(tmp_path):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    plan = plan_export(predictor_of(tmp_path, PSP), None, (64, 96), "fp16")
    export_model(plan, tmp_path / "half.onnx", generated_pictures(plan))
    assert json.loads(json.dumps(plan.metadata)) == open_exported(tmp_path / "half.onnx").metadata
    assert (tmp_path / "half.onnx").stat().st_size < 0.7 * sum(
        4 * p.numel() for p in plan.graph.network.parameters()
    ) + 200_000


@needs_torch
@pytest.mark.slow
def test_eight_bits(tmp_path, monkeypatch, capsys):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    predictor = predictor_of(tmp_path)
    for i, picture in enumerate(generated_pictures(plan_export(predictor, None, None, "fp32"))):
        write_image(tmp_path / f"in/{i}.png", picture.astype(np.uint8))
    main(["export", "best.pt", "int8.onnx", "--output", "probabilities", "--int8", "in"])
    told = capsys.readouterr().out
    assert "Written: int8.onnx" in told and " 100 % of the pixels" not in told
    model = open_exported(tmp_path / "int8.onnx")
    assert model.metadata["precision"] == "int8" and model.metadata["classes"] == list(predictor.classes)
    assert (tmp_path / "int8.onnx").stat().st_size < 2 * sum(p.numel() for p in predictor.model.parameters())


def test_the_ranges_of_8_bits_come_from_images_of_their_size(tmp_path):
    for i in range(3):
        write_image(tmp_path / f"in/{i}.png", smooth_image(90, 600 + i))
    predictor = predictor_of(tmp_path)
    plan = plan_export(predictor, None, None, "int8")
    assert [images.shape for images in calibration_of(predictor, plan, tmp_path / "in")] == [(1, 3, 90, 512)] * 3


def test_what_cannot_be_exported_is_named():
    head = type("SANHead", (), {"reads_tokens": True})()
    graph = SimpleNamespace(network=SimpleNamespace(backbone=torch.nn.Identity(), decode_head=head))
    assert suspected_part(graph, None, {}) == "the head SANHead, with the blocks of Identity that it runs,"
    error = RuntimeError("step 3 of 3 failed")
    error.__cause__ = LookupError("No ONNX function found for prims.as_strided_scatter")
    assert first_cause(error) is error.__cause__ and first_cause(error.__cause__) is error.__cause__


def test_one_file_holds_all_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("segbox.export.write.LARGEST_ONNX", 1000)
    plan = plan_export(predictor_of(tmp_path), None, None, "fp32")
    with pytest.raises(UserError, match=r"model.onnx: the weights are .* GB, one .onnx file holds .* take --half, or"):
        export_model(plan, tmp_path / "model.onnx", [])
    refuse_too_large(plan, tmp_path / "model.xml")


@pytest.mark.parametrize("is_right", [True, False])
def test_a_file_gets_its_name_only_if_it_is_right(tmp_path, monkeypatch, is_right):
    plan = plan_export(predictor_of(tmp_path), None, None, "fp32")

    def write(plan, program, path, calibration):
        path.write_bytes(b"a model")
        return [path]

    run = right(plan) if is_right else wrong_at(plan, (224, 224))
    monkeypatch.setattr(export_module, "export_program", lambda plan: None)
    monkeypatch.setattr(export_module, "write_format", write)
    monkeypatch.setattr(export_module, "open_exported", lambda path: Exported({}, run))
    monkeypatch.setattr(export_module, "runs", lambda program: right(plan))
    out = tmp_path / "out/model.onnx"
    if not is_right:
        with pytest.raises(UserError, match="so no file was written"):
            export_model(plan, out, generated_pictures(plan))
        assert [*out.parent.iterdir()] == []
        return
    export_model(plan, out, generated_pictures(plan))
    assert written(out.parent) == ["model.onnx", "run_segbox.py"] and out.read_bytes() == b"a model"
    claim_files(out)  # ours: may be written again
    out.write_bytes(b"mine")
    with pytest.raises(UserError, match="was not written by segbox"):
        claim_files(out)


@pytest.mark.parametrize(
    ("name", "precision", "message"),
    [
        ("model.tflite", "fp32", "model.tflite: the suffix decides what is written: .onnx, .xml, .pt2"),
        ("model.pt2", "int8", "--int8 quantizes .onnx files only"),
        ("model.xml", "fp32", '.xml files need onnx, onnxscript, openvino: pip install "segbox[export]"'),
    ],
)
def test_formats_that_cannot_be_written(tmp_path, monkeypatch, name, precision, message):
    monkeypatch.setattr("segbox.export.write.find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        check_format(tmp_path / name, precision)
    assert message in str(caught.value)


def test_files_that_are_not_ours(tmp_path):
    (tmp_path / "a.pt2").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a.pt2: torch .* cannot open it"):
        open_exported(tmp_path / "a.pt2")
    with pytest.raises(UserError, match="there is no such file"):
        open_exported(tmp_path / "b.onnx")
