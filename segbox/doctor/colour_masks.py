"""Write the `segbox convert rgb` command that turns colour masks into masks of class ids."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from segbox.convert.rgb import MOST
from segbox.doctor.beside import find_palette
from segbox.doctor.layout import SPLITS
from segbox.doctor.scan import Pair

Folders = tuple[str, str, str]  # of the images, of the masks; and the suffix of the names of masks
SPLIT_FOLDERS = {name for names in SPLITS.values() for name in names}


def how_to_convert(pairs: Sequence[Pair], colours: int) -> str:
    """Advice for pairs whose masks hold this number of colours."""
    need = "If each colour is a class: save one byte per pixel instead, the id of the class, or 255 for ignored."
    folders = list(dict.fromkeys(folders_of(pair.path, pair.label_path) for pair in pairs))
    if None in folders:
        return f"{need} `segbox convert rgb --help` explains how, for images and masks in two folders."
    palettes = [palette_for(one) for one in folders]
    commands = " and ".join(
        f"`{command_for(one, palette or ('palette.txt' if colours > MOST else ''), colours > MOST)}`"
        for one, palette in zip(folders, palettes)
    )
    if all(palettes):
        return f"{need} {commands} does this, with the names and colours of {palettes[0]}."
    if colours <= MOST:
        return (
            f"{need} {commands} does this, and writes the colours to palette.txt, where you can enter the names of the"
            " classes."
        )
    return (
        f"{need} These are more colours than classes, which happens with JPEG and smoothing: write the colours of the"
        f" classes into palette.txt, one line NAME:RED,GREEN,BLUE each; {commands} uses the closest of them."
    )


def folders_of(path: str, label_path: str) -> Folders | None:
    """The folders of a pair, or None if the image's name is not the beginning of the mask's, or both are in one folder.

    Subfolders that both have in common, such as train/, belong to the names.
    """
    image, label = Path(path), Path(label_path)
    suffix = label.stem.removeprefix(image.stem)
    if not label.stem.startswith(image.stem):
        return None
    images, labels = image.parent, label.parent
    while images.name and images.name == labels.name and images != labels:
        images, labels = images.parent, labels.parent
    return None if images == labels else (str(images), str(labels), suffix)


def palette_for(folders: Folders) -> str:
    """The palette beside the two folders, or beside train/ that holds them; empty if there is none."""
    root = Path(os.path.commonpath(folders[:2]))
    places = [root, root.parent] if root.name.lower() in SPLIT_FOLDERS else [root]
    return next((str(path) for path in map(find_palette, places) if path is not None), "")


def command_for(folders: Folders, palette: str = "", nearest: bool = False) -> str:
    images, labels, suffix = folders
    root = os.path.commonpath([images, labels])
    target = f"{os.path.normpath(root)}_ids" if Path(root).name else os.path.join(root, "ids")
    words = ["segbox", "convert", "rgb", root or ".", target]
    words += ["--images", os.path.relpath(images, root), "--masks", os.path.relpath(labels, root)]
    if suffix:
        words.append(f"--mask-suffix={suffix}")
    words += ["--palette", palette] if palette else []
    return shlex.join(words + (["--nearest"] if nearest else []))
