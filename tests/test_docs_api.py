"""docs/api.md: its blocks run one after the other, and its table is that of the docstrings."""

import pytest
import torch

from segbox.commands import main
from segbox.errors import ConfigError
from tests.api_table import PAGE, table
from tests.faulty_data import smooth_image, write_image
from tests.runs import ROOT
from tests.test_docs import python_blocks

SHORTER = {
    '"train.max_steps=450"': '"train.max_steps=2", "data.batch_size=2", "data.val.num_images=2"',
    '"data.batch_size=4"': '"data.batch_size=4", "data.val.num_images=2"',
}


def test_the_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "photo.jpg", smooth_image(65, 83, seed=1))
    names: dict = {}
    for block in python_blocks(PAGE):
        shorter = block.replace(
            '"train.max_steps=450"', '"train.max_steps=2", "data.batch_size=2", "data.val.num_images=2"'
        )
        exec(shorter.replace('"data.batch_size=4"', '"data.batch_size=4", "data.val.num_images=2"'), names)
    assert "done: 2 steps" in capsys.readouterr().out
    assert names["classes"].shape == (65, 83) and names["probabilities"].shape == (7, 65, 83)
    assert set(names["losses"]) == {"decode.ce", "decode.dice"} and names["logits"].shape == (2, 7, 96, 128)
    assert 0 <= names["scores"]["mIoU"] <= 100 and torch.isfinite(names["loss"])
    main(["config", "my_config.py"])
    assert "dropout=0.0" in capsys.readouterr().out


def test_a_mistake_ends_a_command_with_status_2(capsys):
    with pytest.raises(SystemExit) as end:
        main(["config", "no/such_config"])
    assert end.value.code == 2 and issubclass(ConfigError, ValueError)


def test_the_table_is_up_to_date():
    """python -m tests.api_table --write"""
    assert table() in PAGE.read_text(encoding="utf-8")


def test_the_variables_for_slurm_are_those_of_the_script():
    page = (ROOT / "docs" / "several_gpus.md").read_text(encoding="utf-8")
    script = (ROOT / "tools" / "slurm_run.sh").read_text(encoding="utf-8")
    for name in ("GPUS", "GPUS_PER_NODE", "CPUS_PER_TASK", "SRUN_ARGS", "MASTER_PORT"):
        assert f"`{name}`" in page and f"${{{name}:-" in script
