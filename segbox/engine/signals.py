"""Ctrl-C, SIGTERM and SIGHUP end a run after the step under way; a second Ctrl-C ends it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from segbox import distributed

NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(Exception):
    """Work that takes longer than a step was given up because a signal asked for it; in all processes at once."""


class StopRequest:
    """Which signal came, if any."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def is_made(self) -> bool:
        return self.signal is not None

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    def share(self) -> None:
        """All processes know of a signal that reached one of them."""
        self.signal = next((found for found in distributed.gather(self.signal) if found is not None), None)


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Collect signals while the block runs; afterwards they act as before. One that is ignored (by nohup) stays so.

    A launcher that ends a run whose other processes are lost has its way at once: there is nothing to wait for.
    """
    request = StopRequest()
    heeded = [number for number in NUMBERS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, request.receive) for number in heeded}
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
