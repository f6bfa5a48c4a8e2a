"""What is told of a licence, and of whom the repositories of timm's words are."""

import logging

import pytest

from segbox.weights.published import published
from segbox.weights.sources.licences import tell_licence
from segbox.weights.sources.repositories import repository_of


@pytest.mark.parametrize(
    ("licence", "level", "told"),
    [
        ("apache-2.0", "INFO", "licence apache-2.0"),
        ("dinov3-license", "INFO", "licence dinov3-license (commercial use is allowed, some uses are forbidden"),
        ("fastvit-license", "INFO", "licence fastvit-license (terms of Apple's own"),
        ("fair-noncommercial-research-license", "WARNING", "ITS LICENCE FORBIDS COMMERCIAL USE (fair-nonc"),
        ("cc-by-nc-4.0", "WARNING", "ITS LICENCE FORBIDS COMMERCIAL USE (cc-by-nc-4.0)"),
    ],
)
def test_conditions_are_told_with_the_name(licence, level, told, caplog):
    with caplog.at_level(logging.INFO, "segbox"):
        tell_licence(f"timm://of.{licence}", licence)
    assert [record.levelname for record in caplog.records] == [level]
    assert caplog.messages[0].startswith(f"timm://of.{licence}: {told}")


@pytest.mark.parametrize("word", ["vit_base_patch16_lingbot.robbyant", "vit_base_patch16_dinov3.lvd1689m"])
def test_the_repository_is_that_of_the_table(word):
    repository, _ = repository_of("timm", word)
    assert f"/{repository.name}/resolve/" in published(f"timm://{word}").url
