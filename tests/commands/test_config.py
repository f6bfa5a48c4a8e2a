"""A config as it is after everything."""

from segbox.config import load_config
from tests.runs import run_tool, write_config


def test_what_is_printed_loads_back(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path)
    assert (
        run_tool(monkeypatch, "show_config.py", config, "--cfg-options", "data.batch_size=7", "optimizer.rules={}") == 0
    )
    (tmp_path / "printed.py").write_text(capsys.readouterr().out)
    assert load_config(tmp_path / "printed.py") == load_config(config, ["data.batch_size=7"])


def test_origins_name_the_file_of_each_value(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path)
    child = write_config(tmp_path, "crop_size = (16, 24)\nseed = 5\n", "child.py")
    assert run_tool(monkeypatch, "show_config.py", child, "--origin", "--cfg-options", "data.workers=3") == 0
    origins = dict(line.split("  # ") for line in capsys.readouterr().out.splitlines())
    origins = {left.strip(): right for left, right in origins.items()}
    assert origins["data.workers = 3"] == "command line"
    assert origins["seed = 5"] == "child.py"
    assert origins["data.train.pipeline.1.size = (16, 24)"] == "child.py (${crop_size})"
    assert origins["optimizer.momentum = 0.9"].endswith("configs/_base_/schedules/sgd_poly.py")


def test_mistakes_end_with_one_message(tmp_path, monkeypatch, capsys):
    path = tmp_path / "bad.py"
    path.write_text("model = dict(\n")
    assert run_tool(monkeypatch, "show_config.py", path) == 2
    assert capsys.readouterr().err == f"error: {path}, line 1: '(' was never closed: model = dict(\n"
    assert run_tool(monkeypatch, "show_config.py", tmp_path / "gone.py") == 2
    assert capsys.readouterr().err.startswith(f"error: there is no config file {tmp_path}/gone.py")
