"""A camera as a source of frames, and a window that shows what the model makes of them."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from segbox.data.readers.opencv import quiet
from segbox.errors import ConfigError, UserError

WORD = "webcam:"
USUAL_RATE, MOST_RATE = 25.0, 120.0  # frames per second; some cameras do not know theirs
TITLE = "segbox (q ends it)"
END_KEYS = (ord("q"), 27)  # 27: Esc


def camera_number(source: str) -> int | None:
    """Of `webcam:0`; None of other sources."""
    if not source.startswith(WORD):
        return None
    if not re.fullmatch(r"[0-9]{1,3}", source.removeprefix(WORD)):
        raise ConfigError(f"{source}: a camera is named by its number, {WORD}0 for the first one")
    return int(source.removeprefix(WORD))


class Camera:
    """Iterates over (number, RGB frame) until the seconds are over, or `is_stopped`.

    A model is slower than a camera, so each picture is repeated in the video until the next one is ready: the video
    lasts as long as what it shows. `number` is a frame's place in it.
    """

    def __init__(self, number: int, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = f"{WORD}{number}"
        self.seconds = float("inf") if seconds is None else seconds
        self.is_stopped: Callable[[], bool] = lambda: False
        self.clock = clock
        with quiet():
            self.reader = cv2.VideoCapture(number)
        if not self.reader.isOpened():
            raise UserError(
                f"{self.path}: there is no such camera, another program uses it, or you may not; {WORD}0 is the first"
            )
        self.reader.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one that has waited for the model
        rate = self.reader.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= MOST_RATE else USUAL_RATE
        self.announced = 0 if seconds is None else round(seconds * self.rate)
        self.count = 0  # of frames that were read
        self.end = 0  # of frames in the video
        self.start = clock()
        self.is_lost = False

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        self.start = self.clock()
        try:
            while not self.is_stopped() and self.clock() - self.start < self.seconds:
                is_read, frame = self.reader.read()
                if not is_read:
                    self.is_lost = True
                    return
                self.count += 1
                yield self.end, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self.reader.release()

    def repeats(self) -> int:
        """How often the picture of the last frame is written, to keep up with the clock. Call it once for each."""
        count = max(1, round((self.clock() - self.start) * self.rate) - self.end)
        self.end += count
        return count

    def problems(self) -> list[str]:
        return [f"{self.path}: gave no more pictures after {self.count} frames"] if self.is_lost else []


class Window:
    """Shows pictures on the screen until the user closes it."""

    def __init__(self) -> None:
        if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
            raise UserError("--show: this OpenCV has no windows; install opencv-python instead of its headless package")
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError("--show: there is no screen here (DISPLAY is not set); without it, the video is written")
        self.is_closed = False

    def show(self, picture: np.ndarray) -> None:
        cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        is_ended = cv2.waitKey(1) & 0xFF in END_KEYS
        self.is_closed = is_ended or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
