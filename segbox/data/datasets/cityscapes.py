"""Cityscapes (https://www.cityscapes-dataset.com), with the fine annotations."""

from segbox.data.datasets.public import DatasetSpec, class_names, hex_colours, register, table_of_ids

HOW_TO_GET = """\
Register at https://www.cityscapes-dataset.com, download leftImg8bit_trainvaltest.zip (11 GB) and
gtFine_trainvaltest.zip, and unpack both into one folder, the root (now {root}). Expected in it:
  leftImg8bit/{{train,val,test}}/CITY/NAME_leftImg8bit.png    2975, 500 and 1525 images
  gtFine/{{train,val,test}}/CITY/NAME_gtFine_labelIds.png     or NAME_gtFine_labelTrainIds.png
Where there are only polygons, masks are made of them:
  segbox convert cityscapes {root} {root}"""

CLASSES = class_names(
    """
    road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, rider,
    car, truck, bus, train, motorcycle, bicycle
    """
)
PALETTE = hex_colours(
    """
    804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000 00008e 000046 003c64
    005064 0000e6 770b20
    """
)
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of the classes, in the files

register(
    DatasetSpec(
        name="Cityscapes",
        classes=CLASSES,
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={"train": ("train",), "val": ("val",), "trainval": ("train", "val"), "test": ("test",)},
        images="leftImg8bit/{part}",
        labels="gtFine/{part}",
        image_suffixes=("_leftImg8bit.png",),
        label_suffix="_gtFine_labelIds.png",
        renumbered_suffix="_gtFine_labelTrainIds.png",  # made by the official scripts
        ids=table_of_ids(LABEL_IDS),  # in the split "test" nothing is labelled: its labels are secret
    )
)
