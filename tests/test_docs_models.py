"""docs/models.md: its tables are counted again."""

import pytest

from tests.models_tables import PAGE, TABLES, backbones_table, heads_table, marks


def written(name: str) -> str:
    begin, end = marks(name)
    return PAGE.read_text(encoding="utf-8").split(begin)[1].split(end)[0]


def test_a_row_of_each_table():
    pytest.importorskip("timm")
    for table, name in ((heads_table(["LinearHead"]), "heads"), (backbones_table(["ResNet"]), "backbones")):
        head, rule, row = table.splitlines()
        assert written(name).splitlines()[:2] == [head, rule]
        assert row in written(name).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_up_to_date(name):
    """python -m tests.models_tables --write"""
    assert TABLES[name]() == written(name)
