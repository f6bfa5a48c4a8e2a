"""`hf://OWNER/NAME[@REVISION][/FILE]`: files of the Hugging Face hub, or of a mirror of it.

They are kept in the hub's own cache, in the layout of the package huggingface_hub, which is not needed:
models--OWNER--NAME/{blobs/HASH, refs/REVISION, snapshots/COMMIT/FILE -> blobs/HASH, .no_exist/COMMIT/FILE}. What lies
there is used without asking the hub. A file may also be put by hand at SEGBOX_CACHE/hf/OWNER/NAME[@REVISION]/FILE.
"""

import os
import re
import shutil
import time
import urllib.error
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from segbox.errors import CheckpointError
from segbox.weights.sources import download, messages
from segbox.weights.sources.download import ATTEMPTS, disk_errors_explained, fetch, is_without_network
from segbox.weights.sources.folders import cache_folder, hub_cache, hub_home
from segbox.weights.sources.location import Location
from segbox.weights.sources.messages import WaysOut
from segbox.weights.sources.transport import BROKEN, head

TRUE = ("1", "ON", "YES", "TRUE")
COMMIT = r"[0-9a-f]{40}"
HASH = rf"{COMMIT}|[0-9a-f]{{64}}"
ERROR, COMMIT_OF, LINKED = "X-Error-Code", "X-Repo-Commit", "X-Linked-Etag"
NO_REVISION, NO_REPOSITORY = "RevisionNotFound", "RepoNotFound"
NOT_FOUND, TOO_MANY = 404, 429


class NotReachedError(CheckpointError):
    """The hub does not give its files: there is no network, HF_HUB_OFFLINE is set, or the repository is closed."""


@dataclass(frozen=True)
class Repository:
    """A repository of models at one revision: a branch, a tag or a commit."""

    name: str  # OWNER/NAME
    revision: str = "main"

    def folder(self) -> Path:
        return hub_cache() / f"models--{self.name.replace('/', '--')}"

    def url(self, file: str) -> str:
        return f"{endpoint()}/{self.name}/resolve/{quote(self.revision, safe='')}/{quote(file)}"

    def by_hand(self, file: str) -> Path:
        """Where the user may put a file."""
        revision = "" if self.revision == "main" else f"@{self.revision.replace('/', '--')}"
        return cache_folder() / "hf" / f"{self.name}{revision}" / file


def parse(name: str) -> tuple[Repository, str]:
    """The repository and the file, which may be empty, of what follows "hf://"."""
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([^/@]+))?(?:/(.+))?", name)
    file = (found and found[3]) or ""
    if not found or {"..", ".", ""} & {*found[1].split("/"), *file.split("/")[: len(file)], found[2] or "main"}:
        raise CheckpointError(f"hf://{name}: expected hf://OWNER/NAME, hf://OWNER/NAME@REVISION or .../FILE")
    return Repository(found[1], found[2] or "main"), file


def endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def is_offline() -> bool:
    return (os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or "").upper() in TRUE


def authorization() -> dict[str, str]:
    """The header with the user's token; empty without one."""
    token = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not token and os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() not in TRUE:
        path = os.environ.get("HF_TOKEN_PATH")
        with suppress(OSError):
            token = (Path(path).expanduser() if path else hub_home() / "token").read_text(encoding="utf-8")
    token = "".join(token.split())
    return {"Authorization": f"Bearer {token}"} if token else {}


def cached(repository: Repository, file: str) -> Path | None:
    """The file, if it is on this machine."""
    snapshot = repository.folder() / "snapshots" / (known_commit(repository) or "unknown") / file
    return next((path for path in (repository.by_hand(file), snapshot) if path.is_file()), None)


def is_known_absent(repository: Repository, file: str) -> bool:
    """Whether the hub has said before that the repository has no such file."""
    commit = known_commit(repository)
    return commit is not None and (repository.folder() / ".no_exist" / commit / file).exists()


def known_commit(repository: Repository) -> str | None:
    if re.fullmatch(COMMIT, repository.revision):
        return repository.revision
    with suppress(OSError):
        commit = (repository.folder() / "refs" / repository.revision).read_text(encoding="utf-8").strip()
        return commit if re.fullmatch(COMMIT, commit) else None
    return None


def find_file(repository: Repository, file: str, instead: str = "") -> Path | None:
    """A file of the repository, downloaded if it is not here; None if the repository has no such file."""
    path = cached(repository, file)
    if path is not None or is_known_absent(repository, file):
        return path
    url, ways = repository.url(file), WaysOut(repository.by_hand(file), instead)
    if is_offline():
        raise NotReachedError(messages.offline(url, ways))
    headers = authorization()
    try:
        answer = ask(url, headers)
    except urllib.error.HTTPError as error:
        if error.code != NOT_FOUND or error.headers.get(ERROR) in (NO_REVISION, NO_REPOSITORY):
            raise explained(repository, error, url, ways) from None
        remember_absent(repository, error.headers.get(COMMIT_OF, ""), file)
        return None
    except BROKEN as error:
        raise NotReachedError(messages.no_network(url, error, ways)) from None
    commit, blob = commit_and_blob(answer, url)
    return store(repository, file, commit, blob, Location(url, file, digest_in(blob), headers=headers), ways)


def ask(url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of the answer. A busy hub is asked again."""
    for attempt in range(ATTEMPTS):
        try:
            return head(url, headers)
        except urllib.error.HTTPError as error:
            if attempt == ATTEMPTS - 1 or (error.code < 500 and error.code != TOO_MANY):
                raise
        except BROKEN as error:
            is_slow = isinstance(getattr(error, "reason", error), TimeoutError)
            if attempt == ATTEMPTS - 1 or is_slow or is_without_network(error):
                raise
        time.sleep(download.PAUSE * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def explained(repository: Repository, error: urllib.error.HTTPError, url: str, ways: WaysOut) -> NotReachedError:
    page = f"{endpoint()}/{repository.name}"
    if error.headers.get(ERROR) == NO_REVISION:
        return NotReachedError(f"{page}: it has no revision {repository.revision!r} (a branch, a tag or a commit)")
    if error.code in (401, 403, 404):
        token = "HF_TOKEN was sent" if authorization() else "no HF_TOKEN is set"
        return NotReachedError(
            f"{page}: there is no such repository or file, or it is private or gated (status {error.code}; {token})."
            f" Check the name; accept the conditions on that page, and set HF_TOKEN. {ways}"
        )
    return NotReachedError(messages.refused(url, error.code, ways))


def commit_and_blob(answer: Mapping[str, str], url: str) -> tuple[str, str]:
    """The commit, and the name of the content: its SHA-256, or git's SHA-1 of small files."""
    commit = answer.get(COMMIT_OF) or ""
    blob = (answer.get(LINKED) or answer.get("ETag") or "").removeprefix("W/").strip('"')
    if not re.fullmatch(COMMIT, commit) or not re.fullmatch(r"[\w.-]+", blob):
        raise CheckpointError(f"{url}: the answer is not that of a Hugging Face hub; check HF_ENDPOINT")
    return commit, blob


def digest_in(blob: str) -> str:
    return blob if re.fullmatch(HASH, blob) else ""


def store(repository: Repository, file: str, commit: str, blob: str, location: Location, ways: WaysOut) -> Path:
    """Download the content into blobs/, and give it its name in snapshots/."""
    folder = repository.folder()
    target, link = folder / "blobs" / blob, folder / "snapshots" / commit / file
    lock = hub_cache() / ".locks" / folder.name / f"{blob}.lock"
    if not target.is_file():
        fetch(location, target, ways, lock)
    with disk_errors_explained(link):
        link_to(target, link)
        remember_commit(repository, commit)
    return link


def link_to(target: Path, link: Path) -> None:
    """A relative link, or a copy where the disk has no links. Another process may do the same."""
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        os.symlink(os.path.relpath(target, link.parent), part)
    except OSError:  # Windows without developer mode, mounted drives
        shutil.copyfile(target, part)
    os.replace(part, link)


def remember_commit(repository: Repository, commit: str) -> None:
    if repository.revision == commit:
        return
    path = repository.folder() / "refs" / repository.revision
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(commit, encoding="utf-8")
    os.replace(part, path)


def remember_absent(repository: Repository, commit: str, file: str) -> None:
    """As huggingface_hub does: an empty file in .no_exist/."""
    if re.fullmatch(COMMIT, commit):
        path = repository.folder() / ".no_exist" / commit / file
        with suppress(OSError):  # a cache that is read-only
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            remember_commit(repository, commit)
