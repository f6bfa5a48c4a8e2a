"""A server in this process, with a model that the test controls."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from segbox.serve.limits import Limits
from segbox.serve.server import Server


class Model:
    """As a Predictor: dark pixels are road, bright ones sky. It waits for `may_run`, and raises `error`, if set.

    `most` is the size of its batches, `batches` what they were; with `is_small`, it fails with more than one picture.
    """

    channels, bits, exif = 3, 8, True
    classes = ("road", "<b>sky</b>", "tree")
    palette = [(200, 30, 40), (10, 120, 250), (0, 150, 0)]

    def __init__(self) -> None:
        self.may_run = threading.Event()
        self.may_run.set()
        self.error: Exception | None = None
        self.running = self.most_running = self.runs = 0
        self.most, self.batches, self.is_small = 1, [], False

    def images_per_batch(self, image: np.ndarray) -> int:
        return self.most

    def certainty(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.running += 1
        self.runs += 1
        self.batches.append(len(image) if image.ndim == 4 else 1)
        self.most_running = max(self.most_running, self.running)
        assert self.may_run.wait(30)
        self.running -= 1
        if self.error is not None:
            raise self.error
        if self.is_small and image.ndim == 4:
            raise MemoryError
        label = (image[..., 0] > 127).astype(np.uint8)
        confidence = np.where(label, 1.0, 0.5).astype(np.float32)
        return label, confidence, 1 - confidence


class Reply:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.content = answer.status, answer.headers, answer.read()

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def picture(self) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_UNCHANGED)


class Client:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.host, self.port = "127.0.0.1", server.server_address[1]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def predict(self, picture: bytes, query: str = "", **headers: str) -> Reply:
        return self.ask("POST", f"/predict?{query}", picture, **headers)


@contextmanager
def serving(*models: Any, host: str = "127.0.0.1", **limits: Any) -> Iterator[Client]:
    """The models are called a, b and so on."""
    with Server(host, 0, Limits(**limits)) as server:
        for name, model in zip("abcdefgh", models):
            server.add(name, model)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Client(server)
        finally:
            server.shutdown()
            thread.join()


def form(picture: bytes, name: str = "photo.jpg", **fields: str) -> tuple[bytes, str]:
    """A body of multipart/form-data, as browsers write it, and its Content-Type."""
    parts = [f'--xyz\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()]
    head = (
        f'--xyz\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    )
    return b"".join([*parts, head.encode(), picture, b"\r\n--xyz--\r\n"]), "multipart/form-data; boundary=xyz"


def half_bright(height: int = 6, width: int = 10) -> np.ndarray:
    """Dark on the left, bright on the right."""
    image = np.full((height, width, 3), 20, np.uint8)
    image[:, width // 2 :] = 220
    return image


def as_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
