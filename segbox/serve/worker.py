"""Runs a model: one picture after the other, in the order of their arrival."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from segbox.evaluation.predictor import Predictor
from segbox.serve.limits import Refused

Value = TypeVar("Value")
RETRY_SECONDS = 5


class Worker:
    """One thread for all jobs of a model: PyTorch would start its own threads anew for each thread that calls it."""

    def __init__(self, name: str, predictor: Predictor, places: int) -> None:
        self.name = name
        self.predictor = predictor
        self.places = places
        self.unfinished = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Callable[[Predictor], object], Future]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"model {name}", daemon=True).start()

    @property
    def waiting(self) -> int:
        return max(0, self.unfinished - 1)

    def run(self, job: Callable[[Predictor], Value]) -> Value:
        """What `job` returns or raises, when its turn has come. Refused if too many wait already."""
        with self._lock:
            if self.unfinished > self.places:
                raise Refused(
                    503,
                    f"{self.places} pictures wait for {self.name} already; try again in {RETRY_SECONDS} seconds",
                    {"Retry-After": str(RETRY_SECONDS)},
                )
            self.unfinished += 1
        done: Future[Value] = Future()
        self._jobs.put((job, done))
        return done.result()

    def _work(self) -> None:
        while True:
            self._do(*self._jobs.get())  # in a function: what a job has read is not kept until the next one

    def _do(self, job: Callable[[Predictor], object], done: Future) -> None:
        try:
            finish, value = done.set_result, job(self.predictor)
        except BaseException as error:
            finish, value = done.set_exception, error
        with self._lock:
            self.unfinished -= 1
        finish(value)
