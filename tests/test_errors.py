"""Texts for messages."""

import pytest

from segbox.errors import did_you_mean, printable, short


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


def endless():
    value = [1]
    value.append(value)
    return value


def doubled(value, times=40):
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("make", "text"),  # made in the test: pytest would print the value
    [
        (lambda: {"a": [1, 2.5, None], 3: ("x",), "s": {True}}, "{'a': [1, 2.5, None], 3: ('x',), 's': {True}}"),
        (lambda: (), "()"),
        (lambda: "x" * 10**6, f"'{'x' * 56}..."),
        (lambda: 10**5000, "a whole number of 16610 bits"),
        (endless, f"{'[1, ' * 14}[..."),
        (lambda: doubled(1), f"{'[' * 40}1, 1], [1, 1]], [["[:57] + "..."),
        (lambda: dict.fromkeys(range(10**5)), "{0: None, 1: None, 2: None, 3: None, 4: None, 5: None, 6:..."),
        (lambda: float("nan"), "nan"),
    ],
)
def test_a_value_is_shown_in_a_line_however_large_it_is(make, text):
    assert short(make()) == text and len(text) <= 60


def test_a_tensor_is_shown_without_its_numbers():
    torch = pytest.importorskip("torch")
    assert short([torch.ones(1).expand(2**40), torch.tensor(3)]) == "[Tensor(1099511627776,), Tensor()]"
