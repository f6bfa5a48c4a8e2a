"""The bytes of one client: each request has a deadline, so that a slow client cannot hold a thread for ever."""

import io
import socket
import time
from contextlib import suppress

from segbox.serve.limits import Refused

DRAIN_SECONDS = 2
BLOCK = 2**16


class Incoming(io.RawIOBase):
    """What a client sends, until the deadline; then TimeoutError, also in the middle of a line."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.connection = connection
        self.deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


def body_length(given: str | None, megabytes: float) -> int:
    """The length that a request says its body has; refused if it is too large, before a byte is read."""
    if given is None:
        raise Refused(411, "send the length of the body (Content-Length); a body in chunks is not taken")
    if not (given.isascii() and given.isdigit()):
        raise Refused(400, "the Content-Length of the request is not a whole number")
    if len(given) > 18 or int(given) > megabytes * 1e6:
        raise Refused(
            413,
            f"the request is larger than the {megabytes:g} MB that are taken. Send a smaller picture, or start the"
            " server with --max-megabytes",
        )
    return int(given)


def read_body(source: io.BufferedReader, length: int) -> bytes:
    try:
        body = source.read(length)
    except TimeoutError:
        raise Refused(408, "the request did not arrive in time") from None
    if len(body) < length:
        raise Refused(400, f"the request ended after {len(body)} of {length} bytes")
    return body


def is_there(connection: socket.socket) -> bool:
    """Whether a client whose request has been read still waits for the answer."""
    try:
        connection.settimeout(0)
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:  # it was cut off, or is closed already
        return False


def drain(connection: socket.socket) -> None:
    """Read for a while what a client still sends after it was refused: if it were cut off, the answer could be lost."""
    until = time.monotonic() + DRAIN_SECONDS
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(BLOCK):
                return
