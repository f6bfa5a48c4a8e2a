"""The model card: README.md of a published model, with the header that the Hugging Face hub reads."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from segbox import __version__
from segbox.evaluation.open_model import Opened
from segbox.weights.mean_std import formatted

SPDX = {  # how the hub writes licences
    **{name: name for name in ("mit", "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0")},
    "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0",
    "cc0-1.0": "cc0-1.0",
    "gpl-3.0": "gpl-3.0",
    "agpl-3.0": "agpl-3.0",
}


def model_card(opened: Opened) -> str:
    """The whole file."""
    return "\n".join([*header(opened), *about(opened), *scores(opened.saved.scores), *use(), *settings(opened)])


def header(opened: Opened) -> Iterator[str]:
    """The metadata of the hub, in YAML. Values that are not ours are quoted as in JSON, which is YAML too."""
    licence = str(opened.saved.licence or "")
    known = SPDX.get(licence.lower())
    yield "---"
    yield "library_name: segbox"
    yield "pipeline_tag: image-segmentation"
    yield "tags: [segbox, semantic-segmentation, image-segmentation, pytorch]"
    yield f"license: {known or 'other'}"
    if licence and not known:
        yield f"license_name: {json.dumps(licence)}"
    yield "---"


def about(opened: Opened) -> Iterator[str]:
    """What the model is, where it comes from, and its licence."""
    model, saved = opened.config["model"], opened.saved
    backbone, parameters = model["backbone"], sum(p.numel() for p in opened.model.parameters())
    variant = backbone.get("variant") or backbone.get("name") or ""
    yield f"\n# {model['decode_head']['type'].removesuffix('Head')} on {backbone['type']} {variant}".rstrip()
    yield f"\nSemantic segmentation of {opened.num_classes()} classes, {parameters / 1e6:.1f} M parameters.\n"
    yield f"- Weights from: {saved.origin or saved.source}"
    data = (opened.config.get("data") or {}).get("train") or (opened.config.get("data") or {}).get("val") or {}
    if data.get("type") and not saved.stands_alone:
        yield f"- Trained on: {data['type']}"
    start = model.get("backbone_weights") or model.get("weights")
    if start:
        yield f"- Training began from: {start}, whose licence holds for what was made from it, too"
    yield f"- Licence of the weights: {saved.licence or 'not stated; ask the author before you use them'}"
    yield from (f"- {note}" for note in saved.notes)


def scores(values: Mapping[str, Any]) -> Iterator[str]:
    """A table of the means, and one of the IoU of each class."""
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    means = {name: value for name, value in numbers.items() if "/" not in name}
    classes = {name.removeprefix("IoU/"): value for name, value in numbers.items() if name.startswith("IoU/")}
    if means:
        yield "\n## Scores\n\n| Score | Value |\n|---|---|"
        yield from (f"| {name} | {value:.2f} |" for name, value in means.items())
    if isinstance(values.get("protocol"), str):
        yield f"\nOf {values['protocol']}."
    if classes:
        yield "\n| Class | IoU |\n|---|---|"
        yield from (f"| {name.replace('|', ' ')} | {value:.2f} |" for name, value in classes.items())


def use() -> Iterator[str]:
    yield f"\n## Use\n\nWith segbox {__version__} or later, where FOLDER is this folder, or `hf://OWNER/NAME`:\n"
    yield "```python\nimport segbox\n"
    yield 'model = segbox.load("FOLDER")'
    yield 'result = model("photo.jpg")'
    yield 'result.classes  # H W, ids of model.names\nresult.save("photo_overlay.png")\n```'
    yield "\n```sh\nsegbox predict FOLDER photo.jpg\n```"


def settings(opened: Opened) -> Iterator[str]:
    """Preprocessing, inference and classes."""
    mean, std = (formatted(opened.model.get_buffer(name).flatten().tolist()) for name in ("mean", "std"))
    test = dict(opened.config.get("test") or {})
    yield "\n## Settings\n"
    yield f"- Images: {opened.model.mean.numel()} channels, RGB; the model subtracts {mean} and divides by {std}"
    yield f"- Inference: {', '.join(f'{key}={value}' for key, value in test.items()) or 'whole images'}"
    yield f"- Classes: {', '.join(opened.names())}\n"
