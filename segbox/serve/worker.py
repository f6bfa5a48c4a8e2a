"""Runs a model: one picture after the other, or several of one size at a time, in the order of their arrival."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np

from segbox.evaluation.predictor import Predictor
from segbox.serve.limits import Limits, Refused
from segbox.viz.certainty import predicted_maps

RETRY_SECONDS = 5


@dataclass(frozen=True)
class Maps:
    """What a model says about one picture, and its part of the seconds that the model has worked."""

    label: np.ndarray  # H W
    confidence: np.ndarray  # H W
    seconds: float


@dataclass(eq=False)
class Picture:
    """One that waits for a model."""

    image: np.ndarray  # H W C
    is_wanted: Callable[[], bool]  # False when its client has gone
    maps: Future[Maps] = field(default_factory=Future)

    def begin(self) -> bool:
        """Whether to work on it now: nobody has given it up."""
        if not self.is_wanted():
            self.maps.cancel()
        return self.maps.set_running_or_notify_cancel()

    def is_like(self, other: "Picture") -> bool:
        return self.image.shape == other.image.shape and self.image.dtype == other.image.dtype


class Worker:
    """One thread for all pictures of a model: PyTorch would start its own threads anew for each thread that calls it.

    While the model works, pictures wait. Those of the first one's size follow it in the same batch, up to
    `batch_size`; None: as many as are good for the model's device.
    """

    def __init__(self, name: str, predictor: Predictor, limits: Limits) -> None:
        self.name = name
        self.predictor = predictor
        self.limits = limits
        self.unfinished = self.running = 0
        self._pictures: deque[Picture] = deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"model {name}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Without the one that an idle model begins with."""
        return max(0, self.unfinished - max(1, self.running))

    def run(self, read: Callable[[], np.ndarray], is_wanted: Callable[[], bool]) -> Maps:
        """The maps of the picture that `read` gives, or what has gone wrong with it. Refused if too many wait already,
        if it waits too long, or if it is not wanted any more when its turn has come."""
        with self._place():
            picture = Picture(read(), is_wanted)
            with self._changed:
                self._pictures.append(picture)
                self._changed.notify()
            in_time, _ = wait([picture.maps], self.limits.wait)
            if not in_time and picture.maps.cancel():
                self._forget(picture)
                raise self._refusal(f"the picture has waited {self.limits.wait:g} seconds for {self.name}")
            try:
                return picture.maps.result()
            except CancelledError:
                raise Refused(499, "the client has gone") from None
            finally:
                with self._changed:
                    self.running -= not picture.maps.cancelled()

    def _forget(self, picture: Picture) -> None:
        """While the model works on others, no memory is kept for it."""
        with self._changed, suppress(ValueError):  # its turn may have come just now
            self._pictures.remove(picture)

    @contextmanager
    def _place(self) -> Iterator[None]:
        with self._changed:
            if self.unfinished - max(1, self.running) >= self.limits.queue:
                raise self._refusal(f"{self.limits.queue} pictures wait for {self.name} already")
            self.unfinished += 1
        try:
            yield
        finally:
            with self._changed:
                self.unfinished -= 1

    def _refusal(self, why: str) -> Refused:
        return Refused(503, f"{why}; try again in {RETRY_SECONDS} seconds", {"Retry-After": str(RETRY_SECONDS)})

    def _work(self) -> None:
        while True:
            self._do()  # in a function: no picture is kept until the next one comes

    def _do(self) -> None:
        batch = self._next_batch()
        found = self._results(batch)
        for picture, one in zip(batch, found, strict=True):
            (picture.maps.set_exception if isinstance(one, Exception) else picture.maps.set_result)(one)

    def _next_batch(self) -> list[Picture]:
        """The first picture that waits, and those of its size. Waits until there is one."""
        with self._changed:
            first = None
            while first is None:
                while not self._pictures:
                    self._changed.wait()
                oldest = self._pictures.popleft()
                first = oldest if oldest.begin() else None
            most = self.limits.batch_size or self.predictor.images_per_batch(first.image)
            batch = [first]
            for other in [other for other in self._pictures if other.is_like(first)]:
                if len(batch) == most:
                    break
                self._pictures.remove(other)
                if other.begin():
                    batch.append(other)
            self.running += len(batch)  # those of the last batch are there until their clients have them
        return batch

    def _results(self, batch: Sequence[Picture]) -> list[Maps | Exception]:
        """If a batch fails (not enough memory, for example), its pictures are tried one by one."""
        try:
            return self._maps(batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
        return [self._results([picture])[0] for picture in batch]  # here the error no longer keeps its tensors

    def _maps(self, batch: Sequence[Picture]) -> list[Maps]:
        start = time.perf_counter()
        if len(batch) == 1:
            found = predicted_maps(self.predictor, batch[0].image, ["confidence"])
            pairs = [(found["label"], found["confidence"])]
        else:
            found = predicted_maps(self.predictor, np.stack([picture.image for picture in batch]), ["confidence"])
            pairs = list(zip(found["label"], found["confidence"], strict=True))
        seconds = (time.perf_counter() - start) / len(batch)
        return [Maps(label, confidence, seconds) for label, confidence in pairs]
