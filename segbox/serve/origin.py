"""Which requests come from the server's own page or from a program, and not from another web site in a browser."""

import ipaddress
from collections.abc import Collection
from email.message import Message
from urllib.parse import urlsplit

from segbox.serve.limits import Refused

OWN_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_origin(headers: Message, names: Collection[str]) -> None:
    """Refuse what another web site lets a browser send.

    `names` are the names of this machine that a request may give; empty: any. Without them, a site whose name it lets
    lead to 127.0.0.1 could read the answers (DNS rebinding).
    """
    host = headers.get("Host", "")
    if names and name_in(host) not in names:
        raise Refused(
            403,
            "this server is for its own machine; open it as localhost or 127.0.0.1, or start it with --host for others",
        )
    origin = headers.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise Refused(403, "the request comes from a page of another web site, which this server does not answer")


def name_in(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""  # in small letters
    except ValueError:
        return ""
