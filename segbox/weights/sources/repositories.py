"""`hf://OWNER/NAME` and `timm://NAME.TAG`: the weights of a repository of the hub, with its licence and its card."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox.errors import CheckpointError
from segbox.weights.mean_std import Card
from segbox.weights.sources import hub
from segbox.weights.sources.hub import NotReachedError, Repository
from segbox.weights.sources.licences import licence_of, tell_licence

logger = logging.getLogger("segbox")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
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
    return hub.parse(f"timm/{name}")


def find_in_repository(scheme: str, name: str, instead: str = "") -> tuple[Path, dict[str, Path], str | None]:
    """The weights, the files that describe them, and the licence, which is told before the download."""
    repository, file = repository_of(scheme, name)
    described = describing_files(repository, file)
    licence = licence_of(repository.name, text_of(described.get(README)))
    tell_licence(f"{scheme}://{name}", licence)
    wanted = (file,) if file else WEIGHTS
    for each in wanted:
        if path := hub.find_file(repository, each, instead):
            return path, described, licence
    raise CheckpointError(
        f"{scheme}://{name}: {hub.endpoint()}/{repository.name} has no file {' or '.join(wanted)} (or does not"
        f" exist); name one of its files: hf://{repository.name}/FILE"
    )


def describing_files(repository: Repository, file: str) -> dict[str, Path]:
    """README.md and the configs beside the weights. Without the hub, those that are on this machine."""
    folder = f"{file.rpartition('/')[0]}/".lstrip("/")
    found = {}
    for name, path in ((README, README), (CONFIG, folder + CONFIG), (PREPROCESSOR, folder + PREPROCESSOR)):
        try:
            here = hub.find_file(repository, path)
        except NotReachedError:
            break
        if here is not None:
            found[name] = here
    else:
        return found
    for name, path in ((README, README), (CONFIG, folder + CONFIG), (PREPROCESSOR, folder + PREPROCESSOR)):
        if here := hub.cached(repository, path):
            found[name] = here
    return found


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
