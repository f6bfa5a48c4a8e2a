"""Draw the pictures of docs/gallery.md: `make gallery`, or `python docs/gallery/draw.py CHECKPOINT [NAME ...]`.

CHECKPOINT is the demo's (`make demo`); NAME is a picture of PICTURES, default all. Everything is drawn by the commands
of segbox from generated shapes. Pages are photographed by Chromium; without it, their pictures stay as they are.

A new picture is a function that runs a command in the current folder, which is temporary, and returns the file to
show; its name goes into PICTURES and into docs/gallery.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from segbox.commands import main
from segbox.data.datasets.shapes import ShapesDataset, write_folder

HERE = Path(__file__).resolve().parent
CONFIGS = HERE.parents[1] / "configs"
CONFIG = "configs/demo/pspnet_r10_shapes.py"  # of a copy, so that pictures show this path
SIZE, RADII = (160, 240), (0.07, 0.18)  # larger pictures than those of the demo, with shapes of the same size
LARGER = [f"data.val.size={SIZE}", f"data.val.radii={RADII}", "data.val.num_images=12", "data.workers=0"]
COLOURS = (256, 128, 64)  # of a picture's palette, until the file is small enough
MOST_WIDTH = 900
MOST_BYTES = 60_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def segbox(*arguments: object, statuses: tuple[int, ...] = (0,)) -> None:
    try:
        main([str(argument) for argument in arguments])
        status = 0
    except SystemExit as end:
        status = end.code or 0
    if status not in statuses:
        raise SystemExit(f"segbox {' '.join(map(str, arguments))} ended with status {status}")


def spoil(folder: Path) -> None:
    """Mistakes for `segbox check` to find: an unknown id, a mask of another size, an image in train and val."""
    images, masks = folder / "images", folder / "annotations" / "train"
    label = cv2.imread(str(masks / "00001.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(masks / "00001.png"), np.where(label == 0, 9, label))
    label = cv2.imread(str(masks / "00003.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(masks / "00003.png"), label[::2, ::2])
    shutil.copy(images / "train" / "00005.png", images / "val" / "00002.png")


# --- the pictures ----------------------------------------------------------------------------------------------------


def check(checkpoint: Path) -> Path:
    for seed, split in enumerate(("train", "val")):
        write_folder(ShapesDataset(8, SIZE, RADII, seed), "shapes", split)
    spoil(Path("shapes"))
    segbox("check", "shapes", "--html", "report.html", statuses=(1,))
    return photograph(Path("report.html"), 900, 770)


def browse(checkpoint: Path) -> Path:
    segbox("browse", CONFIG, "--num", 10, "--out", "sheet.png")
    return Path("sheet.png")


def test(checkpoint: Path) -> Path:
    segbox("test", CONFIG, checkpoint, "--show-dir", "shown", "--worst", 1, "--cfg-options", *LARGER)
    return next(Path("shown").glob("*.png"))


def confusion(checkpoint: Path) -> Path:
    segbox("test", CONFIG, checkpoint, "--out", "scores/")
    return next(Path("scores").glob("*.png"))


def predicted(kind: str) -> Callable[[Path], Path]:
    def predict(checkpoint: Path) -> Path:
        write_folder(ShapesDataset(1, SIZE, RADII, seed=1), "shapes", "val")
        segbox("predict", checkpoint, "shapes/images/val", "--save", kind)
        return next(Path("predictions").glob(f"*_{kind}.png"))

    return predict


def report(checkpoint: Path) -> Path:
    segbox("test", CONFIG, checkpoint, "--out", "scores/")
    return photograph(Path("scores/report.html"), 900, 1150)


def compare(checkpoint: Path) -> Path:
    segbox("test", CONFIG, checkpoint, "--out", "plain/", "--no-report")
    segbox("test", CONFIG, checkpoint, "--flip", "--out", "flipped/", "--no-report")
    segbox("compare", "plain", "flipped", "--html", "compare.html")
    return photograph(Path("compare.html"), 900, 900)


def labels(checkpoint: Path) -> Path:
    """One object of the labels is gone."""
    for split in ("train", "val"):
        write_folder(ShapesDataset(12, SIZE, RADII, 1), "shapes", split)
    path = "shapes/annotations/train/00004.png"
    label = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    cv2.imwrite(path, np.where(label == np.unique(label)[-2], 0, label))
    Path("mine.py").write_text(
        f"_base_ = [{CONFIG!r}]\n"
        f"classes = {ShapesDataset.classes!r}\n"
        "data = dict(train=dict(_delete_=True, type='FolderDataset', root='shapes', split='train', pipeline=[],\n"
        "                       classes='${classes}'))\n"
    )
    segbox("check", "mine.py", "--with", checkpoint, "--split", "train", "--html", "places.html", statuses=(0, 1))
    return photograph(Path("places.html"), 900, 620)


PICTURES: dict[str, Callable[[Path], Path]] = {
    "check": check,
    "browse": browse,
    "test": test,
    "confusion": confusion,
    "report": report,
    "compare": compare,
    "labels": labels,
    "overlay": predicted("overlay"),
    "color": predicted("color"),
    "confidence": predicted("confidence"),
    "entropy": predicted("entropy"),
}


def photograph(page: Path, width: int, height: int) -> Path:
    """What a browser shows of a page on the disk."""
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        raise FileNotFoundError(f"no browser ({', '.join(CHROMIUM)})")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    options += [f"--user-data-dir={Path('browser').resolve()}", f"--window-size={width},{height}", "--hide-scrollbars"]
    shot = page.with_suffix(".png").resolve()
    words = [browser, *options, f"--screenshot={shot}", page.resolve().as_uri()]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    return shot


def put(source: Path, target: Path) -> None:
    """A picture of few colours, because a page of documentation is read over a network."""
    picture = Image.open(source).convert("RGB")
    if picture.width > MOST_WIDTH:
        height = round(picture.height * MOST_WIDTH / picture.width)
        picture = picture.resize((MOST_WIDTH, height), Image.Resampling.LANCZOS)
    for colours in COLOURS:
        # The colours of small legends must stay what they are: the other methods mix them with their surroundings.
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            return


def draw(checkpoint: Path, names: list[str]) -> None:
    for name in names or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            shutil.copytree(CONFIGS, "configs")
            own = Path("work_dirs/demo/best.pt")  # pictures show this path
            own.parent.mkdir(parents=True)
            shutil.copy(checkpoint, own)
            try:
                put(PICTURES[name](own), HERE / f"{name}.png")
            except FileNotFoundError as error:
                print(f"{name}.png stays as it is: {error}")
            finally:
                os.chdir(HERE)


if __name__ == "__main__":
    draw(Path(sys.argv[1]).resolve(), sys.argv[2:])
