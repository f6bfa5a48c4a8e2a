"""The command that makes ids of masks in colours, for the folders in which they were found."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from segbox.convert.rgb import MOST
from segbox.doctor.scan import Pair

Place = tuple[str, str, str]  # the folder of the images, that of the masks, and what the names of masks end with


def how_to_convert(pairs: Sequence[Pair], colours: int) -> str:
    """Advice on pairs whose masks hold so many colours."""
    need = "Each colour is a class: save one byte per pixel instead, the id of the class, 255 where there is none."
    places = list(dict.fromkeys(place_of(pair.path, pair.label_path) for pair in pairs))
    if None in places:
        return f"{need} `segbox convert rgb --help` says how, for images and masks in two folders."
    commands = " and ".join(f"`{command_for(place, palette=colours > MOST)}`" for place in places)
    if colours <= MOST:
        return (
            f"{need} {commands} does so, and writes the colours to palette.txt, where the classes can be given their"
            " names."
        )
    return (
        f"{need} These are more colours than classes, as JPEG and smoothing make them: write those of the classes into"
        f" palette.txt, a line NAME:RED,GREEN,BLUE for each; {commands} takes the closest of them."
    )


def place_of(path: str, label_path: str) -> Place | None:
    """None where no two folders hold images and masks of the same names. What both have in common is left to names."""
    image, label = Path(path), Path(label_path)
    suffix = label.stem.removeprefix(image.stem)
    if not label.stem.startswith(image.stem):
        return None
    images, labels = image.parent, label.parent
    while images.name and images.name == labels.name and images != labels:
        images, labels = images.parent, labels.parent
    return None if images == labels else (str(images), str(labels), suffix)


def command_for(place: Place, palette: bool) -> str:
    images, labels, suffix = place
    root = os.path.commonpath([images, labels])
    target = f"{os.path.normpath(root)}_ids" if Path(root).name else os.path.join(root, "ids")
    words = ["segbox", "convert", "rgb", root or ".", target]
    words += ["--images", os.path.relpath(images, root), "--masks", os.path.relpath(labels, root)]
    if suffix:
        words.append(f"--mask-suffix={suffix}")
    return shlex.join(words + (["--palette", "palette.txt", "--nearest"] if palette else []))
