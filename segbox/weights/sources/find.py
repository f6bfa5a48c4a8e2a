"""Weight files by name: a path, or a word with a scheme, whose file is downloaded once. See docs/weights.md."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segbox.errors import CheckpointError, did_you_mean
from segbox.weights.mean_std import Card
from segbox.weights.published import published
from segbox.weights.sources import messages, torchvision, web
from segbox.weights.sources.download import digest_of, fetch
from segbox.weights.sources.folders import cache_folder
from segbox.weights.sources.licences import licence_of, tell_licence
from segbox.weights.sources.location import Locate, Location
from segbox.weights.sources.messages import WaysOut
from segbox.weights.sources.repositories import (
    README,
    card_of,
    describing_files,
    find_file_of,
    repository_of,
    text_of,
)

logger = logging.getLogger("segbox")
# scheme: the function that says where the file of a name lies. A new source is a file beside this one, and a line here.
LOCATORS: dict[str, Locate] = {
    "torchvision": torchvision.locate,
    "https": lambda name: web.locate(f"https://{name}"),
    "http": lambda name: web.locate(f"http://{name}"),
}
REPOSITORIES = ("hf", "timm")


@dataclass(frozen=True)
class WeightFile:
    """A weight file on this machine, and what its source says of it."""

    word: str  # as the user named it
    path: Path
    licence: str | None = None
    card: Card | None = None  # the mean and std that the weights were trained with
    others: Mapping[str, Path] = field(default_factory=dict)  # files of the same source: "config.json"


def find_weights(word: str | Path, instead: str = "") -> WeightFile:
    """The file that a word of a config or a command names; it is downloaded if it is not here yet.

    `instead` ends the messages about a download that fails: what else the user can do.
    """
    scheme, separator, name = str(word).partition("://")
    if not separator:
        return find_path(word)
    if scheme in REPOSITORIES:
        return find_repository(str(word), scheme, name, instead)
    if scheme not in LOCATORS:
        known = (*LOCATORS, *REPOSITORIES)
        raise CheckpointError(
            f"{word}: there is no source {scheme!r}.{did_you_mean(scheme, known)} A weight file is a path, or begins"
            f" with {', '.join(f'{each}://' for each in known)}"
        )
    return find_location(str(word), scheme, LOCATORS[scheme](name), instead)


def find_path(word: str | Path) -> WeightFile:
    path = Path(word)
    if not path.is_file():
        hint = f' Did you mean "torchvision://{word}"?' if str(word).partition(".")[0] in torchvision.FILES else ""
        raise CheckpointError(f"there is no checkpoint {path}{'.' if hint else ''}{hint}")
    return WeightFile(str(word), path)


def find_repository(word: str, scheme: str, name: str, instead: str) -> WeightFile:
    """The weights of a repository, whose licence is told before the download. Of those that our tables know, the hub
    is not asked for a description."""
    repository, file = repository_of(scheme, name)
    known = published(word)
    others = {} if known else describing_files(word, repository, file, instead)
    licence = known.licence if known else licence_of(repository.name, text_of(others.get(README)))
    tell_licence(word, licence)
    path = find_file_of(word, repository, file or (known.url.rpartition("/")[2] if known else ""), instead)
    return WeightFile(word, path, licence, known.card if known else card_of(word, others), others)


def find_location(word: str, scheme: str, location: Location, instead: str) -> WeightFile:
    """The file of a location, whose licence is told before the download. Its hash is checked each time."""
    target = (location.folder or cache_folder() / scheme) / location.filename
    known = published(word)
    licence = known.licence if known else location.licence
    if known or licence is not None:  # nothing is known of other addresses
        tell_licence(word, licence)
    if not target.is_file():
        fetch(location, target, WaysOut(target, instead))
    elif not (digest := digest_of(target, location.digest)).startswith(location.digest):
        raise CheckpointError(messages.wrong_file(target, location, digest))
    return WeightFile(word, target, licence, known.card if known else location.card)
