"""`segbox compare` as a user runs it."""

import json

import pytest

from segbox.commands import main
from tests.report.test_compare import folder_of
from tests.runs import written


def compare(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    try:
        main(["compare", *arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_two_runs_are_compared(tmp_path, monkeypatch, capsys):
    folder_of(tmp_path / "a", "seed = 0\n")
    folder_of(tmp_path / "b", "seed = 1\n", seed=1)
    assert compare(monkeypatch, tmp_path, "a", "b", "--html", "out/c.html", "--json", "out/c.json") == 0
    out = capsys.readouterr().out
    assert "| run |" in out and "a, b differ only in their seed" in out and "Written: out/c.html" in out
    assert written(tmp_path / "out") == ["c.html", "c.json"]
    assert json.loads((tmp_path / "out" / "c.json").read_text())["runs"][1]["config_changes"] == ["seed 0 -> 1"]
    assert compare(monkeypatch, tmp_path, "a", "b", "--html", "out/c.html") == 0  # written again
    (tmp_path / "out" / "c.html").write_text("mine")
    assert compare(monkeypatch, tmp_path, "a", "b", "--html", "out/c.html") == 2
    assert "c.html would be written over" in capsys.readouterr().err
    assert compare(monkeypatch, tmp_path, "a", "b", "--json", "a/evaluation.json") == 2
    assert "would be read and written over" in capsys.readouterr().err


def test_names_from_files_do_not_reach_the_terminal_as_they_are(tmp_path, monkeypatch, capsys):
    for name in "ab":
        folder_of(tmp_path / name, "title = '\\x1b[2J'\n" if name == "b" else "")
        path = tmp_path / name / "evaluation.json"
        path.write_text(path.read_text().replace('"road"', '"\\u001b[31m"'))
    assert compare(monkeypatch, tmp_path, "a", "b") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "| \\x1b[31m" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "a: is one run; name two or more to compare"),
        (["a", "b", "--resamples", "10"], "--resamples 10: expected 100 to 1000000"),
        (["a", "b", "--seed", "-1"], "--seed -1: expected 0 or more"),
        (["a", "b", "--html", "page"], "--html page: expected a file with the ending .html"),
        (["a", "b", "--json", "b/evaluation.html"], "--json b/evaluation.html: expected a file with the ending .json"),
        (["a", "nothing"], "nothing: does not exist"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, monkeypatch, capsys, arguments, message):
    folder_of(tmp_path / "a")
    folder_of(tmp_path / "b", seed=1)
    assert compare(monkeypatch, tmp_path, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
