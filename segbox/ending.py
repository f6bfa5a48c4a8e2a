"""How a tool ends: a user's mistake in one message and exit status 2, a bug with its stack trace."""

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbox.errors import UserError, printable

LEAD_SECONDS = 3
LONGEST_LINE = 5000  # of a message
INTERRUPTED, OUTPUT_CLOSED = 130, 141  # as a shell names the ends by SIGINT and SIGPIPE
PACKAGES = ("torch", "torchvision", "numpy", "cv2", "addict", "yapf", "terminaltables")  # as they are imported
SIGNS_OF_NO_MEMORY = ("can't allocate memory", "(-4:Insufficient memory)", "CUDA out of memory")
STDOUT, OUTPUT = 1, "standard output"
ROOT = Path(__file__).parents[1]


@contextmanager
def ends_with_a_message() -> Iterator[None]:
    """The frame of every tool."""
    open_closed_streams()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as the tools begin; from here on it is told
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what its encoding lacks is spelled out, and ends no tool
    try:
        try:
            yield
        except SystemExit:
            flush_output()
            raise
        flush_output()
    except (Exception, KeyboardInterrupt) as error:
        status = told(error)
        if status is None:
            raise
        raise SystemExit(status) from None
    finally:
        give_up_broken_output()


def told(error: BaseException) -> int | None:
    """The exit status, once the user knows; None for a bug, whose stack trace is to be seen."""
    if is_interrupt(error):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError) and reader_has_ended():  # `| head` has seen enough
        return OUTPUT_CLOSED
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in PACKAGES:
        error = UserError(
            f"{sys.executable} has no package {error.name!r}. Install segbox with all that it needs:"
            f" {sys.executable} -m pip install {f'-e {ROOT}' if (ROOT / 'setup.py').exists() else 'segbox'}"
        )
    if lack := lack_of_memory(error):
        error = UserError(f"there is not enough memory: {lack}")
    if isinstance(error, OSError) and error.filename is None and is_of_output(error):
        error = OSError(error.errno, error.strerror, OUTPUT)
    if not isinstance(error, UserError | OSError):
        return None
    tell(str(error))
    return 2


def lack_of_memory(error: BaseException) -> str:
    """What Python, OpenCV or PyTorch says of it; empty if the error is another."""
    lines = str(error).splitlines()
    if isinstance(error, MemoryError):
        return (lines or ["Python got no more"])[-1]  # a data worker's comes with its stack trace
    is_told = isinstance(error, Exception) and not isinstance(error, UserError | OSError)
    said = [line for line in lines if is_told and any(sign in line for sign in SIGNS_OF_NO_MEMORY)]
    return said[-1] if said else ""


def is_interrupt(error: BaseException | None) -> bool:
    """Ctrl-C, also where a library that was being imported, or a clean-up, made another error of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def tell(message: str) -> None:
    """To stderr. Of several processes the first has a lead: what all of them met is told once."""
    rank = os.environ.get("RANK", "0")
    if rank != "0":
        time.sleep(LEAD_SECONDS)  # the launcher ends the others meanwhile
    text = "\n".join(map(_cut, printable(message, keep="\n").split("\n")))
    say(f"error{f' in process {printable(rank)}' if rank != '0' else ''}: {text}")


def say(text: str) -> None:
    with suppress(OSError):  # nobody listens; the exit status says it too
        print(text, file=sys.stderr, flush=True)


def _cut(line: str) -> str:
    """Its begin and its end, where it is too long to be read."""
    left_out = len(line) - LONGEST_LINE
    if left_out <= 0:
        return line
    return f"{line[: LONGEST_LINE // 2]} ... ({left_out} characters) ... {line[-LONGEST_LINE // 2 :]}"


# --- streams that are closed, full, or read no more -------------------------------------------------------------------


def open_closed_streams() -> None:
    """What was closed before the start (`>&-`) leads nowhere: the next file to be opened would have its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", closefd=False))


def reader_has_ended() -> bool:
    """Of the pipe that stdout is; another pipe, as that to a data worker, may have broken."""
    import select

    if not hasattr(select, "poll"):  # Windows
        return True
    watch = select.poll()
    watch.register(STDOUT, 0)
    return bool(watch.poll(0))


def is_of_output(error: OSError) -> bool:
    """Whether stdout refuses an end of line for the same reason: an error while something is printed names no file."""
    try:
        os.write(STDOUT, b"\n")
    except OSError as again:
        return again.errno == error.errno
    return False


def flush_output() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, OUTPUT) from None


def give_up_broken_output() -> None:
    """Python's own flush at the end must not complain again."""
    try:
        flush_output()
    except OSError:
        from segbox.terminal import silence

        silence(sys.stdout)
