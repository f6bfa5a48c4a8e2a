"""What the user reads when a weight file cannot be had."""

import socket
from dataclasses import dataclass
from pathlib import Path

from segbox.weights.sources.location import Location


@dataclass(frozen=True)
class WaysOut:
    """What to do without a download: where the file may be put by hand, and what else helps ("", or a clause)."""

    by_hand: Path
    instead: str = ""

    def __str__(self) -> str:
        other = f", or {self.instead}" if self.instead else ""
        return f"Fetch the file by other means and put it at {self.by_hand}, or name the path of a file{other}"


def reason(error: BaseException | None) -> str:
    """The cause of a broken connection in a few words."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, socket.gaierror):
        return "no network, or an unknown host"
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return (str(inner) or type(inner).__name__).splitlines()[0]


def no_network(url: str, error: BaseException, ways: WaysOut) -> str:
    return f"{url} cannot be reached: {reason(error)}. {ways}"


def offline(url: str, ways: WaysOut) -> str:
    return f"{url} is not on this machine, and HF_HUB_OFFLINE forbids to download it; unset it. {ways}"


def cut(url: str, error: BaseException | None, done: int, ways: WaysOut) -> str:
    kept = f" The {done / 1e6:.1f} MB received so far are kept: call again to go on." if done else ""
    return f"{url}: the download failed again and again: {reason(error)}.{kept} {ways}"


def refused(url: str, status: int, ways: WaysOut) -> str:
    if status in (404, 410):
        other = f", or {ways.instead}" if ways.instead else ""
        return f"{url}: there is no such file (status {status}). Check the address, name another file{other}"
    why = {401: "it needs a login", 403: "access is forbidden"}.get(status, "the server refuses")
    return f"{url}: {why} (status {status}). {ways}"


def web_page(url: str, ways: WaysOut) -> str:
    return (
        f"{url}: the answer is a web page (HTML), not a file of weights: the page about the file, or the login of a"
        f" network. Give the address of the file itself, or put it at {ways.by_hand}"
    )


def wrong_content(location: Location, part: Path, digest: str, ways: WaysOut) -> str:
    """Why a complete download is not the file; empty if it is."""
    if not digest.startswith(location.digest):
        return (
            f"{location.url}: what was downloaded is not the file: its hash begins with"
            f" {digest[: len(location.digest)]}, expected {location.digest}. It was deleted; try again, or take"
            " another source"
        )
    with part.open("rb") as file:
        beginning = file.read(200).lstrip().lower()
    return web_page(location.url, ways) if beginning.startswith((b"<!doctype html", b"<html")) else ""


def wrong_file(path: Path, location: Location, digest: str) -> str:
    return (
        f"{path}: is not the file of {location.url}: its hash begins with {digest[: len(location.digest)]}, expected"
        f" {location.digest}. Delete it, and it is downloaded again"
    )


def full_disk(target: Path, needed: int | None, free: int | None) -> str:
    count = "" if needed is None else f": {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
    return (
        f"{target.name}: there is no room for it in {target.parent}{count}. Make room, or choose another folder"
        f" ({variable_of(target)})"
    )


def not_writable(target: Path, error: OSError) -> str:
    return (
        f"{target.name}: {target.parent} cannot be written to ({error.strerror or error}); choose another folder"
        f" ({variable_of(target)})"
    )


def variable_of(target: Path) -> str:
    """The environment variable that says where a file of this kind is kept."""
    if "checkpoints" in target.parts and "hub" in target.parts:
        return "TORCH_HOME"
    return "HF_HOME" if any(part.startswith("models--") for part in target.parts) else "SEGBOX_CACHE"
