"""How a command ends: on a user's mistake with one message and exit status 2, on a bug with a stack trace."""

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
INTERRUPTED, OUTPUT_CLOSED = 130, 141  # 128 + signal number, as shells report SIGINT and SIGPIPE
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "cv2",
    "addict",
    "yapf",
    "terminaltables",
    "safetensors",
)  # by their import names
SIGNS_OF_NO_MEMORY = ("can't allocate memory", "(-4:Insufficient memory)", "CUDA out of memory")
STDOUT, OUTPUT = 1, "standard output"
ROOT = Path(__file__).parents[1]


@contextmanager
def ends_with_a_message() -> Iterator[None]:
    """The context in which every command runs."""
    open_closed_streams()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # set by tools/*.py until the imports are done
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # escape characters that the encoding lacks
    try:
        try:
            yield
        except SystemExit:
            flush_output()
            raise
        flush_output()
    except (Exception, KeyboardInterrupt) as error:
        status = report(error)
        if status is None:
            raise
        raise SystemExit(status) from None
    finally:
        give_up_broken_output()


def report(error: BaseException) -> int | None:
    """Print the message of an error. Returns the exit status; None for a bug, which needs its stack trace."""
    if is_interrupt(error):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError) and reader_has_ended():  # such as `| head`
        return OUTPUT_CLOSED
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in PACKAGES:
        error = UserError(
            f"{sys.executable} has no package {error.name!r}. Install segbox with its requirements:"
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
    """The message of an out-of-memory error of Python, OpenCV or PyTorch; empty for other errors."""
    lines = str(error).splitlines()
    if isinstance(error, MemoryError):
        return (lines or ["Python got no more"])[-1]  # the error of a data worker includes its stack trace
    is_unexpected = isinstance(error, Exception) and not isinstance(error, UserError | OSError)
    said = [line for line in lines if is_unexpected and any(sign in line for sign in SIGNS_OF_NO_MEMORY)]
    return said[-1] if said else ""


def is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused the error, also if an import or a clean-up turned it into another one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def tell(message: str) -> None:
    """Print an error to stderr. Process 0 comes first: the launcher then ends the others before they repeat it."""
    rank = os.environ.get("RANK", "0")
    if rank != "0":
        time.sleep(LEAD_SECONDS)  # meanwhile the launcher ends this process, if process 0 has failed too
    text = "\n".join(map(_abbreviated, printable(message, keep="\n").split("\n")))
    say(f"error{f' in process {printable(rank)}' if rank != '0' else ''}: {text}")


def say(text: str) -> None:
    with suppress(OSError):  # stderr is closed; the exit status remains
        print(text, file=sys.stderr, flush=True)


def _abbreviated(line: str) -> str:
    """The start and the end of a line that is too long to read."""
    left_out = len(line) - LONGEST_LINE
    if left_out <= 0:
        return line
    return f"{line[: LONGEST_LINE // 2]} ... ({left_out} characters) ... {line[-LONGEST_LINE // 2 :]}"


# --- streams that are closed or full ----------------------------------------------------------------------------------


def open_closed_streams() -> None:
    """Open /dev/null for streams that were closed at the start (`>&-`), or the next file would get their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", closefd=False))


def reader_has_ended() -> bool:
    """Whether the reader of stdout has ended; the broken pipe may be another one, such as a data worker's."""
    import select

    if not hasattr(select, "poll"):  # Windows
        return True
    watch = select.poll()
    watch.register(STDOUT, 0)
    return bool(watch.poll(0))


def is_of_output(error: OSError) -> bool:
    """Whether writing to stdout fails with the same error: an OSError of print() names no file."""
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
    """Silence stdout if it is broken, so that Python's own flush at exit does not report it again."""
    try:
        flush_output()
    except OSError:
        from segbox.terminal import silence

        silence(sys.stdout)
