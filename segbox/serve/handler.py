"""Answers the requests of one client: the page, its pictures, and what programs ask."""

import io
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from segbox import __version__
from segbox.errors import DataError, UserError, did_you_mean, short
from segbox.serve.connection import Incoming, body_length, drain, is_there, read_body
from segbox.serve.limits import Refused
from segbox.serve.metrics import FIRST_ERROR
from segbox.serve.origin import check_origin
from segbox.serve.page import content_policy, document
from segbox.serve.result import OUTPUTS, Result, segment
from segbox.serve.result_page import result_html
from segbox.serve.uploads import check_picture, read_upload

if TYPE_CHECKING:
    from segbox.serve.server import Server
    from segbox.serve.worker import Worker

logger = logging.getLogger("segbox.serve")
PAGE = "page"  # the output of the form, besides those in OUTPUTS
JSON, HTML, TEXT = "application/json", "text/html; charset=utf-8", "text/plain; version=0.0.4; charset=utf-8"
METHODS = {"/": "GET", "/models": "GET", "/health": "GET", "/metrics": "GET", "/favicon.ico": "GET", "/predict": "POST"}
USAGE = "curl -F image=@photo.jpg 'http://HOST:PORT/predict?output=mask' > mask.png"


@dataclass
class Answer:
    content: bytes
    media_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """One request per connection. Nothing of it becomes the name of a file."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"segbox/{__version__}", ""
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(Incoming(self.connection, self.server.limits.seconds))
        self.unread = False

    def finish(self) -> None:
        super().finish()
        if self.unread:
            drain(self.connection)

    def do_GET(self) -> None:
        self.respond()

    do_HEAD = do_POST = do_GET

    def respond(self) -> None:
        start = time.monotonic()
        path, _, asked = self.path.partition("?")
        query = {name: values[-1] for name, values in parse_qs(asked).items()}
        self.unread = self.command == "POST"
        try:
            answer = self.answer(path, query)
        except Refused as refused:
            answer = self.refusal(refused, query.get("output") == PAGE)
        except Exception:
            logger.exception("a request failed")
            answer = self.refusal(Refused(500, "the server failed; its terminal says why"), query.get("output") == PAGE)
        path = path if path in METHODS else "other"
        self.server.metrics.count_answer(path, answer.status)
        self.send(answer)
        if self.command == "POST" or answer.status >= FIRST_ERROR:
            logger.info("%s %s: %d, %.2f s", self.command, path, answer.status, time.monotonic() - start)

    def answer(self, path: str, query: Mapping[str, str]) -> Answer:
        check_origin(self.headers, self.server.names)
        method = METHODS.get(path)
        if method is None:
            raise Refused(404, f"there is no such address; there are {', '.join(METHODS)}")
        if method != ("GET" if self.command == "HEAD" else self.command):
            raise Refused(405, f"{path} takes {method} requests; a picture: {USAGE}", {"Allow": method})
        if path == "/predict":
            return self.predict(query)
        workers = self.server.workers
        if path == "/models":
            return as_json({"models": [described(worker) for worker in workers.values()]})
        if path == "/health":
            return as_json({"status": "ok", "models": [*workers], "version": __version__})
        if path == "/metrics":
            return Answer(self.server.metrics.text([*workers.values()]).encode(), TEXT)
        return Answer(b"", HTML, 204) if path == "/favicon.ico" else self.page()

    def predict(self, query: Mapping[str, str]) -> Answer:
        output = one_of((*OUTPUTS, PAGE), query.get("output", "json"), "output")
        length = body_length(self.headers.get("Content-Length"), self.server.limits.megabytes)
        upload = read_upload(self.headers, read_body(self.rfile, length))
        self.unread = False
        workers = self.server.workers
        model = query.get("model") or upload.fields.get("model") or next(iter(workers))
        worker = workers[one_of([*workers], model, "model")]
        check_picture(upload.picture, self.server.limits)
        result = self.result(worker, upload.picture, upload.name or "picture")
        if output == PAGE:
            return self.page(worker.name, result_html(result))
        media_type, content = OUTPUTS[output]
        return Answer(content(result), media_type)

    def result(self, worker: "Worker", picture: bytes, name: str) -> Result:
        """What a model makes of a picture. What the picture is to blame for is told to the client, and memory."""
        try:
            result = segment(worker, picture, name, partial(is_there, self.connection))
        except DataError as error:
            raise Refused(400, f"the picture: {error}") from None
        except Refused:
            raise
        except Exception as error:
            is_bug = not isinstance(error, UserError)
            logger.error("the model %s failed: %s", worker.name, error, exc_info=is_bug)
            reason = "; the server's terminal says why" if is_bug else f": {error}"
            raise Refused(500, f"the model {worker.name} failed{reason}") from None
        self.server.metrics.count_run(worker.name, result.seconds)
        return result

    def page(self, model: str = "", result: str = "", problem: str = "", status: int = 200) -> Answer:
        html = document([*self.server.workers], self.server.limits, model, result, problem)
        return Answer(html.encode(), HTML, status)

    def refusal(self, refused: Refused, is_for_page: bool) -> Answer:
        if is_for_page:
            answer = self.page(problem=refused.message, status=refused.status)
        else:
            answer = as_json({"error": refused.message}, refused.status)
        answer.headers = refused.headers
        return answer

    def send(self, answer: Answer) -> None:
        self.close_connection = True
        self.connection.settimeout(self.server.limits.seconds)  # for all of the answer
        self.send_response(answer.status)
        own = {"Content-Type": answer.media_type, "Content-Length": str(len(answer.content)), "Connection": "close"}
        rules = {
            "Content-Security-Policy": content_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        for name, value in {**own, **rules, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses: lines that are too long, methods that are unknown."""
        self.unread = True
        self.server.metrics.count_answer("other", code)
        self.send(as_json({"error": message or self.responses[code][0]}, code))

    def log_message(self, format: str, *args: Any) -> None:
        """`respond` logs, without what the client has named."""


def as_json(content: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(content).encode() + b"\n", JSON, status)


def described(worker: "Worker") -> dict[str, Any]:
    predictor = worker.predictor
    classes = [
        {"id": i, "class": name, "color": [int(c) for c in colour]}
        for i, (name, colour) in enumerate(zip(predictor.classes, predictor.palette))
    ]
    return {"name": worker.name, "channels": predictor.channels, "bits": predictor.bits, "classes": classes}


def one_of(allowed: list[str] | tuple[str, ...], given: str, what: str) -> str:
    if given not in allowed:
        raise Refused(400, f"{what}={short(given)} is none of {', '.join(allowed)}.{did_you_mean(given, allowed)}")
    return given
