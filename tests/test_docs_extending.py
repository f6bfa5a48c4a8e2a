"""docs/extending.md: its modules are written as they stand there, and its config trains with them."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import segbox
from segbox import registry
from segbox.evaluation import metric_set
from segbox.registry import Registry
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import ROOT
from tests.test_docs import commands, parsed, python_blocks, run

PAGE = ROOT / "docs" / "extending.md"
FILE = re.compile(r"# (\S+\.py)\n")
SHORT = ["train.max_steps=2", "data.workers=0", "hooks.lr_schedule.warmup_steps=1"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder with the files of the page and a data set of four images; afterwards nothing of it is registered."""
    for own in [value for value in vars(registry).values() if isinstance(value, Registry)]:
        list(own)  # its own folder is imported
        monkeypatch.setattr(own, "_builders", dict(own._builders))
    monkeypatch.setitem(metric_set.EXTRA, "worstIoU", None)
    for block in python_blocks(PAGE):
        path = tmp_path / FILE.match(block)[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(block, encoding="utf-8")
    write_data(tmp_path / "my_data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "my_project"]:
        del sys.modules[name]


def write_data(folder: Path) -> None:
    for split in ("train", "val"):
        rows = []
        for i in range(2):
            write_image(folder / f"images/{split}{i}.png", smooth_image(60, 80, seed=i))
            write_image(folder / f"masks/{split}{i}.png", blocky_label(60, 80, num_classes=2))
            rows.append(f"images/{split}{i}.png,masks/{split}{i}.png\n")
        (folder / f"{split}.csv").write_text("".join(rows), encoding="utf-8")


def test_every_block_is_a_file():
    names = [FILE.match(block)[1] for block in python_blocks(PAGE)]
    assert names[0] == "my_config.py" and len(set(names)) == len(names) == 9
    imports = re.findall(r'"(my_project\.\w+)"', python_blocks(PAGE)[0])
    assert sorted(f"{name.replace('.', '/')}.py" for name in imports) == sorted(names[1:])


def test_the_commands_run_with_all_parts(project, capsys):
    names = []
    for line in commands(PAGE):
        name, args = parsed(line)
        args.cfg_options += SHORT if name == "train" else []
        assert run(name, args) == 0, capsys.readouterr().err
        names.append(name)
    out = capsys.readouterr().out
    assert names == ["train", "test"]
    for said in ("RMSprop", "| worstIoU |", "IoU below 50: ", "best worstIoU so far", "done: 2 steps"):
        assert said in out, said
    rows = [json.loads(line) for line in (project / "work_dirs/my_config/log.jsonl").read_text().splitlines()]
    assert "decode.poly" in rows[0] and "worstIoU" in rows[1]
    assert "worstIoU" in (project / "scores.json").read_text()
    model = segbox.load("work_dirs/my_config/best.pt", device="cpu")
    assert type(model.model.backbone).__name__ == "SmallNet" and model.names == ("ground", "road")
    assert model(np.zeros((30, 40, 3), np.uint8)).classes.shape == (30, 40)


def test_a_misspelled_argument_of_an_own_part_is_refused(project, capsys):
    name, args = parsed("segbox train my_config.py --cfg-options model.backbone.width=3")
    with pytest.raises(segbox.errors.ConfigError, match=r'SmallNet takes no argument.*Did you mean "widths"'):
        run(name, args)


def test_the_loss_is_that_of_a_naive_loop(project):
    from my_project.losses import PolyLoss

    logits, labels = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5), dtype=torch.uint8)
    labels[0, :2] = 255
    known = [(b, y, x) for b, y, x in np.ndindex(2, 4, 5) if labels[b, y, x] != 255]
    p = [logits[b, :, y, x].softmax(0)[labels[b, y, x]] for b, y, x in known]
    expected = sum(-own.log() + 2 * (1 - own) for own in p) / len(p)
    assert torch.allclose(PolyLoss(3, epsilon=2.0)(logits, labels), expected)
    assert PolyLoss(3)(logits, torch.full_like(labels, 255)) == 0


def test_a_head_of_masks_trains(project, capsys):
    name, args = parsed("""segbox train my_config.py --cfg-options model.decode_head='{"type": "FixedMasksHead"}'""")
    args.cfg_options += SHORT
    assert run(name, args) == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in (project / "work_dirs/my_config/log.jsonl").read_text().splitlines()]
    assert {"decode.class", "decode.mask", "decode.dice"} < set(rows[0])


def test_the_worst_class(project):
    from my_project.metrics import WorstIoU

    metric = WorstIoU(("a", "b", "c"))
    assert np.isnan(metric.compute()["worstIoU"])
    metric.update(torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 0, 0, 1]]))
    assert metric.compute() == {"worstIoU": pytest.approx(50.0)}
