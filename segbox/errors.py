"""What a user can do wrong, as exceptions, and how a tool ends on them: one message, exit status 2."""

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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


@contextmanager
def ends_with_a_message() -> Iterator[None]:
    """The frame of every tool: a user's mistake ends in one readable message and exit status 2."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
