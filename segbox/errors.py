"""What a user can do wrong, as exceptions, and how a tool ends on them: one message, exit status 2."""

import difflib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

LEAD_SECONDS = 3


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


def tell(message: str) -> None:
    """To stderr. Of several processes the first has a lead: what all of them met is told once."""
    rank = int(os.environ.get("RANK", 0))
    if rank:
        time.sleep(LEAD_SECONDS)  # the launcher ends the others meanwhile
    print(f"error{f' in process {rank}' if rank else ''}: {message}", file=sys.stderr, flush=True)


@contextmanager
def ends_with_a_message() -> Iterator[None]:
    """The frame of every tool: a user's mistake ends in one readable message and exit status 2."""
    try:
        yield
    except BrokenPipeError:  # `| head` has seen enough; Python's own flush at the end must not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except (UserError, OSError) as error:
        tell(str(error))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
