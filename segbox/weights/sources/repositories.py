"""`hf://OWNER/NAME` and `timm://NAME.TAG`: the weights of a repository of the hub, with its licence and its card."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segbox.errors import CheckpointError
from segbox.weights.mean_std import Card
from segbox.weights.sources import hub
from segbox.weights.sources.hub import NotReachedError, Repository

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
OWNERS = {"robbyant": "belfner"}  # tag of timm -> owner of its repositories, where that is not timm
README, CONFIG, PREPROCESSOR = "README.md", "config.json", "preprocessor_config.json"


def repository_of(scheme: str, name: str) -> tuple[Repository, str]:
    """The repository and the file (it may be empty) of a word."""
    if scheme == "hf":
        return hub.parse(name)
    if "." not in name or "/" in name:
        raise CheckpointError(
            f"timm://{name}: expected timm://NAME.TAG, such as timm://resnet50.a1_in1k; all tags:"
            f' timm.list_pretrained("{name.partition(".")[0]}*"), or https://huggingface.co/timm'
        )
    return hub.parse(f"{OWNERS.get(name.rpartition('.')[2], 'timm')}/{name}")


def find_file_of(word: str, repository: Repository, file: str, instead: str = "") -> Path:
    """The weights: the file, or the first of the usual names that the repository has."""
    wanted = (file,) if file else WEIGHTS
    for find in (hub.cached, partial(hub.find_file, instead=instead)):  # the hub is asked if none of them is here
        for name in wanted:
            if path := find(repository, name):
                return path
    raise CheckpointError(
        f"{word}: {hub.endpoint()}/{repository.name} has no file {' or '.join(wanted)} (or does not exist); name one of"
        f" its files: hf://{repository.name}/FILE"
    )


def describing_files(word: str, repository: Repository, file: str, instead: str = "") -> dict[str, Path]:
    """README.md, and the configs beside the weights. Without the hub, those that are on this machine."""
    folder = "/".join([*file.split("/")[:-1], ""])
    paths = {README: README, CONFIG: folder + CONFIG, PREPROCESSOR: folder + PREPROCESSOR}
    try:
        found = {name: hub.find_file(repository, path) for name, path in paths.items()}
    except NotReachedError:
        find_file_of(word, repository, file, instead)  # the weights are here, or this says where to put them
        found = {name: hub.cached(repository, path) for name, path in paths.items()}
    return {name: path for name, path in found.items() if path is not None}


def card_of(word: str, described: Mapping[str, Path]) -> Card | None:
    """The mean and std that timm's config.json or transformers' preprocessor_config.json states."""
    own = json_of(described.get(CONFIG)).get("pretrained_cfg", {})
    processor = json_of(described.get(PREPROCESSOR))
    mean, std, scale = own.get("mean"), own.get("std"), 255.0
    if mean is None and processor.get("do_normalize", True):
        mean, std = processor.get("image_mean"), processor.get("image_std")
        scale = 1 / processor.get("rescale_factor", 1 / 255) if processor.get("do_rescale", True) else 1.0
    if not (are_numbers(mean) and are_numbers(std)):
        return None
    return Card(word, *(tuple(round(scale * value, 6) for value in values) for values in (mean, std)))


def are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, int | float) for value in values)


def json_of(path: Path | None) -> dict[str, Any]:
    try:
        content = json.loads(text_of(path) or "{}")
    except ValueError as error:
        raise CheckpointError(f"{path}: is no JSON file ({error})") from None
    return content if isinstance(content, dict) else {}


def text_of(path: Path | None) -> str:
    return "" if path is None else path.read_text(encoding="utf-8", errors="replace")
