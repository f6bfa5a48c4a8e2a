"""What a user can do wrong, as exceptions, and texts for their messages."""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

MOST_BITS = 1000  # of a whole number that is written out
UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # kinds of characters: of control, halves of others, breaks of lines
TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # characters that turn the direction of what follows


class UserError(ValueError):
    """Something outside the program is wrong; the message says what, what is allowed, and what to do."""


class ConfigError(UserError):
    """A config file, an override, or an argument that a config gives to a part."""


class DataError(UserError):
    """An image, a label file, or the layout of a data set."""


class CheckpointError(UserError):
    """A checkpoint that cannot be read, written, or does not fit the model."""


class TrainingError(UserError):
    """A run that cannot go on: NaN losses, parameters that nothing trains."""


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """' Did you mean "x"?' or nothing, ready to be put behind a sentence."""
    spelled = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(word).lower(), spelled, n=1, cutoff=0.6)
    return f' Did you mean "{spelled[close[0]]}"?' if close else ""


def is_seen(character: str) -> bool:
    """Whether it can be shown as it is, without an effect on a terminal or on what stands beside it."""
    return unicodedata.category(character) not in UNSEEN and ord(character) not in TURNING


def printable(text: object, keep: str = "") -> str:
    """The text with what cannot be shown spelled out: names of files and classes may hold anything, "\\x1b[2J" too."""
    return "".join(c if c in keep or is_seen(c) else ascii(c)[1:-1] for c in str(text))


def short(value: object, longest: int = 60) -> str:
    """Its repr, cut: made piece by piece, as what a checkpoint holds may contain itself, or print as 2^40 items."""
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
    elif hasattr(value, "shape") and hasattr(value, "dtype"):  # without its numbers
        yield f"{type(value).__name__}{tuple(value.shape)}"
    else:
        yield repr(value)
