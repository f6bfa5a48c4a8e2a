"""The images that a command reads: a file, a folder, a pattern or a list; and short different names for them."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from segbox.errors import DataError
from segbox.outputs import recorded_names

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
LIST_SUFFIX = ".txt"


def find_sources(source: str) -> tuple[list[Path], Path | None]:
    """The images, sorted, or the video, that `source` names. Files of a folder that segbox has written are left out."""
    path = Path(source).expanduser()
    if path.is_dir():
        return images_in(path), None
    if path.is_file() and path.suffix.lower() == LIST_SUFFIX:
        return images_of_list(path), None
    if path.is_file():
        return ([], path) if path.suffix.lower() in VIDEO_SUFFIXES else ([path], None)
    found = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
    if not found:
        raise DataError(f"{source}: there is no such file or folder, and as a pattern it matches nothing")
    return found, None


def images_in(folder: Path) -> list[Path]:
    """All images at any depth, without hidden files and files that segbox has written."""
    found, own = [], 0
    for path, _, names in os.walk(folder):
        pictures = {name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES and name[0] != "."}
        made = pictures & recorded_names(Path(path))
        found += [Path(path) / name for name in pictures - made]
        own += len(made)
    if not found:
        but = f" except {own} that segbox has written; a pattern, '{folder}/*', includes these" if own else ""
        raise DataError(f"{folder}: holds no images ({', '.join(IMAGE_SUFFIXES)}){but}")
    return sorted(found)


def images_of_list(path: Path) -> list[Path]:
    """The images that a text file names, one a line; names that are not absolute begin at the folder of the list."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of images, one a line, in UTF-8 ({error})") from None
    names = {line.strip() for line in lines} - {""}
    if not names:
        raise DataError(f"{path}: names no images; it is read as a list of images, one a line")
    return sorted(path.parent / name for name in names)


def output_names(images: Sequence[Path]) -> list[Path]:
    """The shortest different names: `a` for a.png, `folder/a` if another folder has a.png too, `a.png` beside a.jpg."""
    relative = relative_paths(images)
    for names in ([Path(path.stem) for path in relative], [path.with_suffix("") for path in relative]):
        if len(set(names)) == len(names):
            return names
    return relative


def relative_paths(images: Sequence[Path]) -> list[Path]:
    """The paths below the innermost folder that holds all images."""
    return list(below_common(images))


def shown_names(images: Sequence[Path]) -> list[str]:
    """The same as texts, which take a third of the memory: there may be a million."""
    return [path.as_posix() for path in below_common(images)]


def below_common(images: Sequence[Path]) -> Iterator[Path]:
    common = common_folder(images)
    return (Path(os.path.abspath(path)).relative_to(common) for path in images)


def common_folder(images: Sequence[Path]) -> Path:
    return Path(*common_parts({Path(os.path.abspath(path)).parent for path in images}))


def common_parts(folders: set[Path]) -> list[str]:
    same = []
    for parts in zip(*(folder.parts for folder in folders)):
        if len(set(parts)) > 1:
            break
        same.append(parts[0])
    return same
