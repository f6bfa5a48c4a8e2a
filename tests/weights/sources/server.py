"""A server on 127.0.0.1 that a test scripts: files, redirects, cuts, wrong answers. It remembers what it was asked."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What a path answers. With `cut`, the connection ends after so many bytes of the content, the first time only."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    takes_ranges: bool = True
    before: Callable[[], object] = lambda: None  # called before the answer
    pause: Callable[[], object] = lambda: None  # called before a cut


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, Reply] = {}
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def gets(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET" and asked.path == path]

    def handle_error(self, request, client_address) -> None:
        """Clients that end the connection are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.asked.append(asked)
        reply = self.server.replies.get(self.path, Reply(b"no such page", 404))
        reply.before()
        start = self.start_of(reply, asked)
        if start >= len(reply.content) > 0:
            reply = Reply(b"beyond the end", 416)
            start = 0
        content = reply.content[start:]
        self.send_response(206 if start else reply.status)
        for name, value in {"Content-Type": "application/octet-stream", **reply.headers}.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(reply.content) - 1}/{len(reply.content)}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            cut, reply.cut = reply.cut, None
            self.wfile.write(content[:cut])
            self.wfile.flush()
            if cut is not None:
                reply.pause()

    do_HEAD = do_GET

    def start_of(self, reply: Reply, asked: Asked) -> int:
        given = asked.headers.get("range", "")
        version = asked.headers.get("if-range")
        if not given or not reply.takes_ranges or (version and version != reply.headers.get("ETag")):
            return 0
        return int(given.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, *arguments: object) -> None:
        """Not on the terminal of the tests."""


@contextlib.contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
