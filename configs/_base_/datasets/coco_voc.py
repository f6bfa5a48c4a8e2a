"""COCO 2017 with VOC's 21 classes, made by `tools/convert_dataset.py coco COCO data/coco_voc`.

It contains the images with more than 1000 pixels of these classes. Use it to pretrain for VOC.
torchvision's published numbers are for all 5000 images of val2017. To make a folder of these:

    tools/convert_dataset.py coco COCO data/coco_voc_val --split val2017 --min-pixels 0
    --cfg-options data.val.root=data/coco_voc_val

Two differences remain: labels are scored at their own size, and where objects overlap, the smaller one counts (in
torchvision, the pixel is ignored).
"""

data_root = "data/coco_voc"
crop_size = (480, 480)
short_side = 520  # size to which images are scaled before the random ratio
data = dict(
    train=dict(
        type="COCOVOC",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomFlip"),
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}"),
            dict(type="RandomCrop", size="${crop_size}"),
        ],
    ),
    val=dict(type="COCOVOC", root="${data_root}", split="val", pipeline=[dict(type="Resize", short="${short_side}")]),
    batch_size=32,
    val_batch_size=1,
    workers=4,
)
