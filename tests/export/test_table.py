"""The table of docs/export.md has a row for each part."""

from segbox.commands.list import markdown
from tests.export_table import BEGIN, END, HEAD, PAGE, rows


def test_each_head_and_backbone_has_its_row():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == markdown(HEAD, rows(["none of them"])) + "\n"
