"""COCO-Stuff 164k (https://github.com/nightrome/cocostuff): COCO 2017 with things and stuff named."""

from segbox.data.datasets.public import DatasetSpec, class_names, register, table_of_ids
from segbox.data.palette import default_palette

UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)  # things that COCO planned and never drew: a street sign, a hat
HOW_TO_GET = """\
Download train2017.zip and val2017.zip from http://images.cocodataset.org/zips and stuffthingmaps_trainval2017.zip from
http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset, and unpack them so that root (now {root}) holds
  images/train2017/NAME.jpg         118287 images
  images/val2017/NAME.jpg             5000 images
  annotations/train2017/NAME.png    and annotations/val2017, as they come (ids 0 to 181), or NAME_labelTrainIds.png"""

CLASSES = class_names(
    """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
    parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
    handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
    broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors,
    teddy bear, hair drier, toothbrush, banner, blanket, branch, bridge, building-other, bush, cabinet, cage,
    cardboard, carpet, ceiling-other, ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff,
    dirt, door-stuff, fence, floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other,
    fruit, furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal, mirror-stuff, moss,
    mountain, mud, napkin, net, paper, pavement, pillow, plant-other, plastic, platform, playingfield, railing,
    railroad, river, road, rock, roof, rug, salad, sand, sea, shelf, sky-other, skyscraper, snow, solid-other, stairs,
    stone, straw, structural-other, table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete,
    wall-other, wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other,
    wood
    """
)
PALETTE = default_palette(len(CLASSES))  # the set has none of its own

register(
    DatasetSpec(
        name="COCOStuff",
        classes=CLASSES,  # 80 things, then 91 kinds of stuff
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={"train": ("train2017",), "val": ("val2017",)},
        ids=table_of_ids([i for i in range(182) if i not in UNUSED]),
        renumbered_suffix="_labelTrainIds.png",
    )
)
