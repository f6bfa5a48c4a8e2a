"""The command that writes a run's page again."""

from segbox.commands import main
from tests.report.made import write_run


def test_it_writes_the_page_and_says_where(tmp_path, capsys):
    main(["report", str(write_run(tmp_path)), "--device", "cpu"])
    assert capsys.readouterr().out == f"Written: {tmp_path / 'report.html'}\n"
    assert "Worst images" in (tmp_path / "report.html").read_text(encoding="utf-8")
