"""Ctrl-C, SIGTERM and SIGHUP end a run after the current step; a second Ctrl-C ends it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from segbox import distributed

NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(Exception):
    """Raised in all processes at once when a signal interrupts an evaluation, which takes longer than a step."""


class StopRequest:
    """The signal that was received, if any."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def is_made(self) -> bool:
        return self.signal is not None

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    def synchronize(self) -> None:
        """Tell all processes the signal that one of them received."""
        self.signal = next((found for found in distributed.gather(self.signal) if found is not None), None)


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Record signals while the block runs. Ignored signals (SIGHUP under nohup) stay ignored.

    If the other processes are lost and the launcher sends SIGTERM, the process ends at once.
    """
    request = StopRequest()
    handled = [number for number in NUMBERS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, request.receive) for number in handled}
    try:
        yield request
    except RuntimeError:
        if request.signal == signal.SIGTERM and distributed.world_size() > 1:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
