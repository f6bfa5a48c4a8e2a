"""The folders of downloads."""

import sys
from pathlib import Path

import pytest

from segbox.weights.sources.folders import cache_folder


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "~/.cache/segbox"),
        ("linux", {"XDG_CACHE_HOME": "~/elsewhere"}, "~/elsewhere/segbox"),
        ("darwin", {}, "~/Library/Caches/segbox"),
        ("win32", {"LOCALAPPDATA": "/users/me/local"}, "/users/me/local/segbox"),
        ("win32", {}, "~/AppData/Local/segbox"),
        ("linux", {"SEGBOX_CACHE": "~/weights", "XDG_CACHE_HOME": "~/elsewhere"}, "~/weights"),
    ],
)
def test_the_cache_is_where_the_platform_has_its_caches(monkeypatch, platform, variables, folder):
    for name in ("SEGBOX_CACHE", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(folder).expanduser()
