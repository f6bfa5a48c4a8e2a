"""The command that writes a trained model for others."""

import json

import pytest

from segbox.commands import publish
from tests.faulty_data import smooth_image, write_image
from tests.runs import run_tool, written
from tests.trained import CLASSES, write_checkpoint


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work_dirs/my net").mkdir(parents=True)
    write_checkpoint(tmp_path / "work_dirs/my net")
    return lambda *arguments: run_tool(monkeypatch, "publish.py", *arguments)


def test_a_checkpoint(run, tmp_path, capsys, monkeypatch):
    scores = {"protocol": "whole", "scores": {"mIoU": 55.5, "IoU/circle": None}, "classes": list(CLASSES)}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    assert run("work_dirs/my net/best.pt", "out", "--scores", "scores.json", "--licence", "mit") == 0
    readme, config, weights, named = written(tmp_path / "out")
    assert (readme, config, weights) == ("README.md", "config.json", "model.safetensors")
    assert named.startswith("segbox-my_net-") and named.endswith(".safetensors") and len(named) == 34
    out = capsys.readouterr().out
    assert "hf upload OWNER/NAME out . --exclude segbox-my_net-*.safetensors" in out and "no licence" not in out
    assert "| mIoU | 55.50 |" in (tmp_path / "out/README.md").read_text()
    size = (tmp_path / "out/model.safetensors").stat().st_size
    assert size < (tmp_path / "work_dirs/my net/best.pt").stat().st_size + 10_000
    write_image(tmp_path / "photo.png", smooth_image(41, 57))
    masks = []
    for word in ("work_dirs/my net/best.pt", "out", f"out/{named}"):
        assert run_tool(monkeypatch, "predict.py", word, "photo.png", "--out", "p", "--save", "mask") == 0
        masks.append((tmp_path / "p/photo_mask.png").read_bytes())
    assert masks[0] == masks[1] == masks[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pt", "out"], "error: there is no checkpoint gone.pt"),
        (["work_dirs/my net/best.pt", "out", "--name", "a b"], "error: --name 'a b': expected letters, digits"),
        (["work_dirs/my net/best.pt", "out", "--scores", "gone.json"], "error: --scores gone.json: cannot be read"),
        (["work_dirs/my net/best.pt", "out", "--scores", "out.json"], "out.json: is no file that segbox test --out"),
        (["work_dirs/my net/best.pt", "out", "--scores", "b.json"], "best.pt was trained on background, circle"),
        (["work_dirs/my net/best.pt", "out.json"], "error: out.json: is a file, not a folder"),
    ],
)
def test_mistakes_leave_nothing(run, tmp_path, capsys, arguments, message):
    (tmp_path / "out.json").write_text("{}")
    (tmp_path / "b.json").write_text('{"scores": {}, "classes": ["b"]}')
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and not (tmp_path / "out").exists()
    assert (tmp_path / "out.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("checkpoint", "name"),
    [
        ("work_dirs/a/best.pt", "segbox-a"),
        ("work_dirs/a/step_00000010.pt", "segbox-a"),
        ("nets/my_net.pth", "segbox-my_net"),
        ("nets/v1.2/", "segbox-v1.2"),
        ("hf://owner/net", "segbox-net"),
        ("mmseg://pspnet_r50-d8", "segbox-pspnet_r50-d8"),
    ],
)
def test_names(checkpoint, name):
    assert publish.name_of(checkpoint) == name
