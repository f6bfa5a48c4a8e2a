"""The server: its models, its address, and how many clients it talks to at a time."""

import errno
import os
import socket
import sys
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer

from segbox.errors import UserError
from segbox.evaluation.predictor import Predictor
from segbox.serve.connection import BLOCK
from segbox.serve.handler import Handler
from segbox.serve.limits import Limits
from segbox.serve.metrics import Metrics
from segbox.serve.origin import OWN_NAMES, is_loopback
from segbox.serve.worker import Worker

ANY = ("0.0.0.0", "::")  # all addresses of a machine
ELSEWHERE = ("192.0.2.1", 9)  # an address that is nobody's (RFC 5737)
REFUSAL_SECONDS = 0.2  # nobody else is let in meanwhile
FULL = b'{"error": "too many clients; try again in a second"}\n'
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(FULL), FULL)
)


class Server(ThreadingHTTPServer):
    """`serve_forever` answers until the process ends; threads of clients and models do not keep it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = os.name == "posix"  # on Windows, two servers would share the port

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        self.limits = limits
        self.workers: dict[str, Worker] = {}
        self.metrics = Metrics()
        self.names = {*OWN_NAMES, host.lower()} if is_loopback(host) else set()  # that a request may call it by
        self.places = threading.BoundedSemaphore(limits.connections)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise not_open(error, host, port) from None

    def add(self, name: str, predictor: Predictor) -> None:
        """A model; the first one is that of requests that name none."""
        self.workers[name] = Worker(name, predictor, self.limits)

    def server_bind(self) -> None:
        """Without a question to a name server, which the base class asks."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def greeting(self) -> str:
        """What the user has to know when it is ready."""
        host, port = self.server_address[:2]
        here = address("127.0.0.1" if host in ANY else host, port)
        first = f"{', '.join(self.workers)}: open {here} in a browser; Ctrl-C ends it"
        if self.names:
            return first
        there = address(own_address(), port) if host in ANY else here
        return f"{first}\neverybody in the network can use it, without a password, at {there}"

    def process_request(self, request: socket.socket, client_address: object) -> None:
        if not self.places.acquire(blocking=False):
            request.settimeout(REFUSAL_SECONDS)
            with suppress(TimeoutError):  # to close it with something unread in it could lose the answer
                request.recv(BLOCK)
            request.sendall(REFUSAL)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started
            self.places.release()
            raise

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: socket.socket, client_address: object) -> None:
        """Clients that have gone, or are too slow to take their answer, are no error of the server."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def own_address() -> str:
    """Of this machine in its network, for others; its name, if it is in none. A datagram socket sends nothing here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        try:
            own.connect(ELSEWHERE)
        except OSError:
            return socket.gethostname()
        return own.getsockname()[0]


def not_open(error: OSError, host: str, port: int) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return UserError(f"port {port} is in use; choose another with --port, or let --port 0 find one that is free")
    if error.errno == errno.EACCES:
        return UserError(f"port {port} may not be opened by you; choose one from 1024 on with --port")
    return UserError(f"--host {host}: this machine cannot be reached by that address ({error.strerror or error})")
