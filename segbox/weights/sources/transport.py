"""Requests over HTTP, with the standard library alone."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from segbox import __version__

TIMEOUT = 15  # seconds without an answer
PRIVATE = ("authorization", "cookie")  # headers that no other host may see
REDIRECTS = (301, 302, 303, 307, 308)
# What a broken or missing connection raises; an answer with an error status is HTTPError.
BROKEN = (urllib.error.URLError, http.client.HTTPException)


def request(url: str, headers: Mapping[str, str], method: str = "GET") -> http.client.HTTPResponse:
    """The answer, after redirects. Raises HTTPError for the statuses of an error, or one of BROKEN."""
    return open_with(Redirects(), url, headers, method)


def head(url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of the answer of this host itself, which may send the reader of the content on to another host."""
    try:
        with open_with(RedirectsOfHost(), url, headers, "HEAD") as answer:
            return answer.headers
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in REDIRECTS:
            raise
        return error.headers


def open_with(
    redirects: urllib.request.HTTPRedirectHandler, url: str, headers: Mapping[str, str], method: str
) -> http.client.HTTPResponse:
    opener = urllib.request.OpenerDirector()  # without the handlers of file://, ftp:// and data:
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        redirects,
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"segbox/{__version__}", "Accept-Encoding": "identity", **headers}
    try:
        return opener.open(urllib.request.Request(url, headers=headers, method=method), timeout=TIMEOUT)
    except (urllib.error.URLError, http.client.HTTPException):
        raise
    except (OSError, ValueError) as error:  # of the answer's first line, and of addresses that are none
        raise urllib.error.URLError(error) from None


def origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, from https to https only, and without private headers on another host."""

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # not in Python 3.10

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        newurl = urljoin(req.full_url, newurl)
        if (req.type, urlsplit(newurl).scheme) not in (("https", "https"), ("http", "http"), ("http", "https")):
            fp.close()
            raise urllib.error.URLError(f"it redirects to {newurl}, which is not https")
        kept = {name: value for name, value in req.header_items() if name.lower() != "host"}
        if origin(newurl) != origin(req.full_url):
            kept = {name: value for name, value in kept.items() if name.lower() not in PRIVATE}
        return urllib.request.Request(newurl, headers=kept, method=req.get_method())


class RedirectsOfHost(Redirects):
    """Follows redirects inside one host; another one raises HTTPError."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if origin(urljoin(req.full_url, newurl)) != origin(req.full_url):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)
