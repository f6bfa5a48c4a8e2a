"""COCO 2017 with VOC's 21 classes, made by `tools/convert_dataset.py coco COCO data/coco_voc`.

Held are the images with more than 1000 pixels of these classes. What is trained on it can go on with VOC itself.
torchvision's numbers are of all 5000 images of val2017, whichever classes they show. A folder of these:

    tools/convert_dataset.py coco COCO data/coco_voc_val --split val2017 --min-pixels 0
    --cfg-options data.val.root=data/coco_voc_val

Two things stay different: labels are scored at their own size; where objects overlap, the smaller one counts (there,
the pixel is ignored).
"""

data_root = "data/coco_voc"
crop_size = (480, 480)
short_side = 520  # what images are scaled to before the random ratio
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
