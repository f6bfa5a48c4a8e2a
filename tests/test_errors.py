"""Texts for messages."""

import pytest

from segbox.errors import did_you_mean, printable


def test_names_are_printed_as_far_as_they_can_be_shown():
    assert printable("Straße 😀 日本 \u200c\u3000x") == "Straße 😀 日本 \u200c\u3000x"
    assert printable("\t\n\x1b[0m\x07\x7f\x85\u2028\u2069\ud800", keep="\n") == (
        r"\t" + "\n" + r"\x1b[0m\x07\x7f\x85\u2028\u2069\ud800"
    )


@pytest.mark.parametrize(
    ("word", "hint"),
    [("PSPHaed", ' Did you mean "PSPHead"?'), ("psphead", ' Did you mean "PSPHead"?'), ("zzz", ""), (7, "")],
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, ["PSPHead", "FCNHead", 255]) == hint
