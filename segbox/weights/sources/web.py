"""`https://...`: a file by its address. `#sha256=...` behind it says what its content must be."""

import hashlib
import re
from urllib.parse import quote, unquote, urlsplit

from segbox.errors import CheckpointError
from segbox.weights.sources.folders import cache_folder
from segbox.weights.sources.location import Location

# Hosts whose files end with the first digits of their SHA-256. Elsewhere the same form may be a date or a commit.
HASHED = ("download.pytorch.org", "download.openmmlab.com")


def locate(url: str) -> Location:
    """The location of a whole address, with its scheme."""
    url, _, fragment = url.partition("#")
    url = quote(url, safe="%/:=&?~+!$,;'@()*[]")  # spaces and letters beyond ASCII
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CheckpointError(f"{url}: is no address: {error}") from None
    name = re.sub(r"[^\w.\-]", "_", unquote(parts.path).rpartition("/")[2])[-150:].lstrip(".")
    if not parts.hostname or not name:
        raise CheckpointError(f"{url}: expected the address of a file, such as https://host/folder/weights.pth")
    stated = re.fullmatch(r"sha256=([0-9a-fA-F]{8,64})", fragment)
    if fragment and not stated:
        raise CheckpointError(f"{url}#{fragment}: expected #sha256= and the hash of the file, or nothing")
    digest = stated[1].lower() if stated else digest_in_name(name) if parts.hostname in HASHED else ""
    folder = f"{parts.hostname}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    return Location(url, name, digest, folder=cache_folder() / "web" / folder)


def digest_in_name(name: str) -> str:
    """The 8 digits or more of "resnet50-0676ba61.pth"; empty if the name has none."""
    found = re.search(r"-([0-9a-f]{8,64})\.\w+$", name)
    return found[1] if found else ""
