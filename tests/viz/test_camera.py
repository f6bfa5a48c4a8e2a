"""A camera that the test plays, and the video of what it has seen."""

import csv
import re
import signal

import cv2
import numpy as np
import pytest

from segbox.errors import ConfigError, UserError
from segbox.viz import camera as cameras
from segbox.viz.camera import Camera, Window, camera_number
from segbox.viz.video import predict_camera
from tests.runs import run_tool
from tests.trained import write_checkpoint

ORIGINAL = cv2.VideoCapture


class Fake:
    """As cv2.VideoCapture, 40 x 56 pixels. Each frame takes the clock `step` seconds further."""

    opened: list["Fake"] = []
    count, rate, step, is_there = 1000, 10.0, 0.5, True

    def __init__(self, number):
        self.number, self.now, self.left, self.is_released = number, 0.0, self.count, False
        Fake.opened.append(self)

    def isOpened(self):
        return self.is_there

    def get(self, name):
        return self.rate if name == cv2.CAP_PROP_FPS else 0.0

    def set(self, name, value):
        return True

    def read(self):
        self.now += self.step
        self.left -= 1
        return self.left >= 0, np.full((40, 56, 3), 10 * self.left % 250, np.uint8)

    def release(self):
        self.is_released = True


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Fake)
    for name in ("count", "rate", "step", "is_there"):
        monkeypatch.setattr(Fake, name, getattr(Fake, name))
    Fake.opened.clear()
    return Fake


class Model:
    """As a Predictor."""

    channels, bits, classes, palette = 3, 8, ("a", "b"), [(200, 0, 0), (0, 200, 0)]

    def class_map(self, image):
        return np.zeros(image.shape[:2], np.uint8)


def camera_of(fake, seconds=None):
    camera = Camera(0, seconds, clock=lambda: fake.opened[-1].now)
    assert fake.opened[-1].number == 0
    return camera


def test_the_number_of_a_camera():
    assert camera_number("webcam:2") == 2 and camera_number("a.mp4") is None
    for wrong in ("webcam:", "webcam:front", "webcam:-1", "webcam:0/x"):
        with pytest.raises(ConfigError, match="a camera is named by its number, webcam:0"):
            camera_number(wrong)


def test_the_video_lasts_as_long_as_what_it_shows(fake):
    """Two frames a second, at ten a second in the video: each is there five times."""
    written = []
    camera = camera_of(fake, seconds=3)
    assert camera.announced == 30
    places = []
    for place, frame in camera:
        places.append(place)
        assert frame.shape == (40, 56, 3)
        written.append(camera.repeats())
    assert places == [0, 5, 10, 15, 20, 25] and written == [5] * 6 and camera.count == 6
    assert fake.opened[-1].is_released and camera.problems() == []


def test_a_fast_model_gets_every_frame_once(fake):
    fake.step = 0.01
    camera = camera_of(fake, seconds=0.1)
    assert [camera.repeats() for _ in camera][:5] == [1] * 5


@pytest.mark.parametrize(("rate", "used"), [(0.0, 25.0), (30.0, 30.0), (100_000.0, 25.0), (float("nan"), 25.0)])
def test_a_camera_that_does_not_know_its_rate(fake, rate, used):
    fake.rate = rate
    assert camera_of(fake).rate == used


def test_a_camera_that_is_lost_keeps_what_it_has_seen(fake, tmp_path):
    fake.count = 3
    count, problems = predict_camera(Model(), camera_of(fake), tmp_path, ["areas", "mask"])
    assert count == 3 and problems == ["webcam:0: gave no more pictures after 3 frames"]
    (table,) = tmp_path.glob("webcam0_*_areas.csv")
    assert re.fullmatch(r"webcam0_\d{8}_\d{6}_areas\.csv", table.name)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["frame"] for row in rows if row["class"] == "a"] == ["0", "5", "10"]
    (folder,) = tmp_path.glob("webcam0_*_mask")
    assert sorted(path.name for path in folder.glob("0*.png")) == ["000000.png", "000005.png", "000010.png"]


def test_a_camera_that_is_not_there(fake):
    fake.is_there = False
    with pytest.raises(UserError, match="webcam:7: there is no such camera, another program uses it, or you may not"):
        Camera(7)


def test_a_window_needs_a_screen_and_an_opencv_that_has_windows(monkeypatch):
    monkeypatch.setattr(cameras.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    with pytest.raises(UserError, match="--show: there is no screen here"):
        Window()
    monkeypatch.setenv("DISPLAY", ":0")
    assert not Window().is_closed
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    with pytest.raises(UserError, match="--show: this OpenCV has no windows; install opencv-python"):
        Window()


def test_the_window_shows_overlays_and_q_ends_the_recording(fake, tmp_path, monkeypatch):
    shown, keys = [], [-1, -1, ord("q")]
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "GUI: QT5")
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: keys[len(shown) - 1])
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, name: 1.0)
    camera, window = camera_of(fake), Window()
    camera.is_stopped = lambda: window.is_closed
    count, _ = predict_camera(Model(), camera, tmp_path, ["areas"], window)
    assert count == len(shown) == 3 and shown[0][0, 0, 2] > shown[0][0, 0, 0]  # red in OpenCV's order


def test_ctrl_c_ends_a_playable_video(fake, tmp_path, monkeypatch, capsys):
    checkpoint = write_checkpoint(tmp_path)
    monkeypatch.chdir(tmp_path)
    read = Fake.read
    monkeypatch.setattr(Fake, "read", lambda self: signal.raise_signal(signal.SIGINT) or read(self))
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda source: Fake(source) if isinstance(source, int) else ORIGINAL(source)
    )
    assert run_tool(monkeypatch, "predict.py", checkpoint, "webcam:0", "--save", "overlay", "--device", "cpu") == 0
    out = capsys.readouterr().out
    assert out == "webcam:0 is recorded; Ctrl-C ends it\n1 frames of webcam:0 are in predictions\n"
    (video,) = (tmp_path / "predictions").glob("webcam0_*_overlay.mp4")
    assert ORIGINAL(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["webcam:x"], "error: webcam:x: a camera is named by its number, webcam:0 for the first one"),
        (["webcam:0", "--seconds", "0"], "error: --seconds 0: expected a number above 0"),
        (["a.mp4", "--show"], "error: --seconds and --show are for cameras, such as webcam:0"),
        (["webcam:99"], "error: webcam:99: there is no such camera"),
    ],
)
def test_mistakes_end_with_one_message(monkeypatch, capfd, arguments, message):
    assert run_tool(monkeypatch, "predict.py", "gone.pt", *arguments) == 2
    error = capfd.readouterr().err
    assert error.startswith(message) and len(error.splitlines()) == 1
