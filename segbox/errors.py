"""Exceptions for mistakes of the user, and helpers for their messages."""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

MOST_BITS = 1000  # of a whole number that is printed in full
NOT_PRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: control, surrogate, line and paragraph separator
DIRECTION_MARKS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # characters that change the direction of text


class UserError(ValueError):
    """A mistake outside of the program. The message says what is wrong, what is allowed and what to do."""


class ConfigError(UserError):
    """A mistake in a config, in an override or in an argument."""


class DataError(UserError):
    """An unreadable or wrong image, label or data set folder."""


class CheckpointError(UserError):
    """A checkpoint that cannot be read or written, or does not fit the model."""


class TrainingError(UserError):
    """A training that cannot continue: NaN losses, parameters without gradient."""


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """' Did you mean "x"?' or an empty string, to append to a sentence."""
    spelled = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(word).lower(), spelled, n=1, cutoff=0.6)
    return f' Did you mean "{spelled[close[0]]}"?' if close else ""


def is_printable(character: str) -> bool:
    """Whether a character can be printed without an effect on the terminal or on the text around it."""
    return unicodedata.category(character) not in NOT_PRINTABLE and ord(character) not in DIRECTION_MARKS


def printable(text: object, keep: str = "") -> str:
    """The text with unprintable characters escaped: names of files and classes may hold anything, even "\\x1b[2J"."""
    return "".join(c if c in keep or is_printable(c) else ascii(c)[1:-1] for c in str(text))


def short(value: object, longest: int = 60) -> str:
    """The abbreviated repr, built piece by piece: values of a checkpoint may contain themselves or 2^40 items."""
    text = ""
    for piece in _pieces(value, longest):
        text += piece
        if len(text) > longest:
            return f"{text[: longest - 3]}..."
    return text


def _pieces(value: object, longest: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield "{"
        for number, (key, inner) in enumerate(value.items()):
            yield from (", " if number else "", *_pieces(key, longest), ": ")
            yield from _pieces(inner, longest)
        yield "}"
    elif isinstance(value, list | tuple | set | frozenset):
        begin, end = "()" if isinstance(value, tuple) else "[]" if isinstance(value, list) else "{}"
        yield begin
        for number, inner in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(inner, longest)
        yield f",{end}" if end == ")" and len(value) == 1 else end
    elif isinstance(value, str | bytes | bytearray):
        yield repr(value[:longest])
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        yield f"a whole number of {value.bit_length()} bits"
    elif hasattr(value, "shape") and hasattr(value, "dtype"):  # arrays without their numbers
        yield f"{type(value).__name__}{tuple(value.shape)}"
    else:
        yield repr(value)
