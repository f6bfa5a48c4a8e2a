"""docs/timm.md: the licences are those that timm states, and its python blocks build."""

import re

import pytest

from segbox.weights.sources.licences import CONDITIONS, forbids_commercial_use
from tests.runs import ROOT

PAGE = ROOT / "docs" / "timm.md"
ROWS = re.findall(r"^\| (`\S+`(?:, `\S+`)*) \| (\S+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize(("names", "licence", "use"), ROWS, ids=[names.split(".")[0][1:] for names, _, _ in ROWS])
def test_licences_are_those_of_timm(names, licence, use):
    timm = pytest.importorskip("timm")
    for name in re.findall(r"`(\S+?)`", names):
        assert timm.get_pretrained_cfg(name, allow_unregistered=False).license == licence
    assert ("**" in use) == forbids_commercial_use(licence)
    assert use.startswith("free") or "**" in use or licence in CONDITIONS
    for name in re.findall(r"free: `(\S+)`", use):
        assert timm.get_pretrained_cfg(name, allow_unregistered=False).license == "apache-2.0"


def test_there_are_rows():
    assert len(ROWS) == 7
