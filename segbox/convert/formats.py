"""The formats of `segbox convert` and their options. Imported for --help, so it imports nothing heavy."""

from dataclasses import dataclass
from typing import Any

Options = tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Command:
    """`tree` shows what SRC must hold. `function` makes the plan, by default `plan` in the module of the same name."""

    summary: str
    tree: str
    options: Options = ()
    function: str = ""


CLASSES = (
    "--classes",
    dict(nargs="+", metavar="NAME", help="classes in order of id, or a file with one per line (default: as found)"),
)
SPLIT = ("--split", dict(metavar="NAME", help="put everything into the split NAME: images/NAME, annotations/NAME"))
NO_BACKGROUND = (
    "--no-background",
    dict(action="store_true", help="no background class: ids start at 0, pixels without a label are ignored (255)"),
)
IMAGES = ("--images", dict(metavar="DIR", help="the folder of the images, in SRC or elsewhere (default: SRC)"))
WINDOWS = (
    ("--window", dict(type=int, default=512, metavar="N", help="side of the windows (512)")),
    ("--stride", dict(type=int, default=512, metavar="N", help="from window to window; less than N overlaps (512)")),
)
COMMANDS: dict[str, Command] = {
    "coco": Command(
        "COCO's instances, or a JSON file like them; small objects over large ones",
        """
        SRC/annotations/instances_{train,val}2017.json
        SRC/{train,val}2017/NAME.jpg          or SRC/images/{train,val}2017/NAME.jpg
        -> DST/images/SPLIT, DST/annotations/SPLIT, DST/classes.txt; what the data set COCOVOC reads""",
        (
            (
                "--classes",
                dict(
                    nargs="+",
                    default=["voc"],
                    metavar="NAME",
                    help="voc: VOC's 21, of images with more than 1000 pixels of them (default); all: background and"
                    " every category; else names, or a file of names",
                ),
            ),
            ("--split", dict(nargs="+", metavar="NAME", help="only these splits (default: all that have a JSON file)")),
            ("--json", dict(metavar="FILE", help="another JSON file in SRC")),
            (
                "--images",
                dict(metavar="DIR", help="the folder of its images, in SRC or elsewhere (default: the one it is in)"),
            ),
            (
                "--crowd",
                dict(
                    choices=("ignore", "class", "skip"),
                    default="ignore",
                    help="crowds: become 255 (default), are objects like others, or are left out",
                ),
            ),
            ("--min-pixels", dict(type=int, metavar="N", help="leave out images with fewer labelled pixels")),
            NO_BACKGROUND,
        ),
    ),
    "labelme": Command(
        "labelme's JSON files; shapes in the order of the file",
        """
        SRC/**/NAME.json                      each names its image (imagePath), in SRC or --images
        Shapes: polygon, rectangle, circle, mask. The labels __ignore__ and _background_ mean what they say.
        -> DST/images, DST/annotations, DST/classes.txt""",
        (
            CLASSES,
            SPLIT,
            NO_BACKGROUND,
            IMAGES,
            ("--line-width", dict(type=int, metavar="N", help="draw lines and points N pixels wide (else refused)")),
        ),
    ),
    "cvat": Command(
        'what CVAT exports as "CVAT for images 1.1"; shapes by z_order',
        """
        SRC/annotations.xml
        SRC/images/NAME.jpg                   or SRC/images/SUBSET/NAME.jpg, or SRC/NAME.jpg
        Shapes: polygon, box, ellipse, mask. The label __ignore__ means what it says.
        -> DST/images, DST/annotations, DST/classes.txt""",
        (
            CLASSES,
            SPLIT,
            NO_BACKGROUND,
            IMAGES,
            ("--skip", dict(nargs="+", default=(), metavar="KIND", help="leave these kinds out: polyline, points ...")),
        ),
    ),
    "yolo": Command(
        "Ultralytics' text files of polygons; small objects over large ones",
        """
        SRC/images/{train,val}/NAME.jpg       or SRC/images/NAME.jpg
        SRC/labels/{train,val}/NAME.txt       lines of CLASS X1 Y1 X2 Y2 ..., parts of width and height
        SRC/data.yaml                         with names, or --classes
        -> DST/images, DST/annotations, DST/classes.txt; class 0 becomes id 1, behind the background""",
        (CLASSES, NO_BACKGROUND),
    ),
    "rgb": Command(
        "masks in colours, one or more per class",
        """
        SRC/images/**/NAME.jpg
        SRC/masks/**/NAME.png                 or SRC/annotations, SRC/labels
        -> DST/images, DST/annotations, DST/classes.txt, DST/palette.txt""",
        (
            (
                "--palette",
                dict(
                    nargs="+",
                    metavar="NAME:R,G,B",
                    help="colours in order of id, or a file of such lines (CVAT's labelmap.txt, CamVid's 'R G B NAME')"
                    " or class_dict.csv (name,r,g,b); numbers up to 255 fit masks of 16 bits too; a name may have"
                    " several colours (default: the colours that occur)",
                ),
            ),
            (
                "--ignore",
                dict(
                    nargs="*",
                    default=("ignore", "void", "unlabelled", "unlabeled"),
                    metavar="NAME",
                    help="names that become 255 (ignore, void, unlabelled, unlabeled)",
                ),
            ),
            (
                "--nearest",
                dict(
                    nargs="?",
                    type=float,
                    const=113510,  # the farthest that two colours of 16 bits can lie apart
                    metavar="MAX",
                    help="for masks damaged by JPEG: other colours become the closest one, at most MAX away",
                ),
            ),
            ("--images", dict(default="images", metavar="DIR", help="where the images are in SRC (images)")),
            ("--masks", dict(metavar="DIR", help="where the masks are in SRC (masks, annotations or labels)")),
            ("--mask-suffix", dict(default="", metavar="TEXT", help="_L if the mask of NAME.png is NAME_L.png")),
        ),
    ),
    "sbd": Command(
        "SBD's .mat files, beside PASCAL VOC 2012; and the list train_aug.txt of 10582 names",
        """
        SRC/cls/NAME.mat, SRC/train.txt, SRC/val.txt          or in SRC/dataset, SRC/benchmark_RELEASE/dataset
        DST/JPEGImages, DST/ImageSets/Segmentation            DST is VOCdevkit/VOC2012
        -> DST/SegmentationClassAug, DST/ImageSets/Segmentation/train_aug.txt""",
    ),
    "pascal_context": Command(
        "Pascal Context, 59 classes, beside VOC 2010",
        """
        SRC/trainval_merged.json              or the full labels, SRC/trainval/NAME.mat
        DST/JPEGImages                        DST is VOCdevkit/VOC2010
        -> DST/SegmentationClassContext, DST/ImageSets/SegmentationContext/{train,val}.txt""",
    ),
    "cityscapes": Command(
        "Cityscapes' annotations to masks of its 19 classes (the data set also reads labelIds as they are)",
        """
        SRC/gtFine/{train,val,test}/CITY/NAME_gtFine_labelIds.png         or NAME_gtFine_polygons.json
        SRC/leftImg8bit/{train,val,test}/CITY/NAME_leftImg8bit.png
        -> DST/gtFine/**/NAME_gtFine_labelTrainIds.png; DST may be SRC""",
        (("--polygons", dict(action="store_true", help="draw the polygons even where there are labelIds")),),
    ),
    "potsdam": Command(
        "ISPRS Potsdam, cut to windows",
        """
        SRC/**/top_potsdam_AREA_RGB.tif and SRC/**/top_potsdam_AREA_label_noBoundary.tif
        -> DST/img_dir/{train,val}, DST/ann_dir/{train,val}: 3456 and 2016 windows""",
        WINDOWS,
        "aerial.plan_potsdam",
    ),
    "vaihingen": Command(
        "ISPRS Vaihingen, cut to windows",
        """
        SRC/**/top_mosaic_09cm_areaN.tif and SRC/**/top_mosaic_09cm_areaN_noBoundary.tif
        -> DST/img_dir/{train,val}, DST/ann_dir/{train,val}""",
        WINDOWS,
        "aerial.plan_vaihingen",
    ),
    "loveda": Command(
        "LoveDA: city and country in one folder; its masks are ids already",
        """
        SRC/{Train,Val,Test}/{Rural,Urban}/{images_png,masks_png}/N.png
        -> DST/img_dir/{train,val,test}, DST/ann_dir/{train,val}""",
    ),
    "drive": Command(
        "DRIVE, vessels of the retina, by the first observer",
        """
        SRC/**/21_training.tif ..., SRC/**/01_test.tif ...     20 and 20 images
        SRC/**/21_manual1.gif ..., SRC/**/01_manual1.gif ...   those without are left out
        -> DST/images/{training,validation}, DST/annotations/{training,validation}""",
        function="retina.plan_drive",
    ),
    "stare": Command(
        "STARE, vessels of the retina, by Adam Hoover",
        """
        SRC/**/im0001.ppm.gz ...              20 images, packed or not
        SRC/**/im0001.ah.ppm.gz ...
        -> DST/images/{training,validation}, DST/annotations/{training,validation}: 10 and 10""",
        function="retina.plan_stare",
    ),
    "chase_db1": Command(
        "CHASE_DB1, vessels of the retina, by the first observer",
        """
        SRC/**/Image_01L.jpg ...              28 images
        SRC/**/Image_01L_1stHO.png ...
        -> DST/images/{training,validation}, DST/annotations/{training,validation}: 20 and 8""",
        function="retina.plan_chase_db1",
    ),
    "hrf": Command(
        "HRF, vessels of the retina in high resolution",
        """
        SRC/**/01_dr.jpg, 01_g.jpg, 01_h.jpg ...       45 images
        SRC/**/01_dr.tif, 01_g.tif, 01_h.tif ...       all.zip, or the three kinds one by one
        -> DST/images/{training,validation}, DST/annotations/{training,validation}: 15 and 30""",
        function="retina.plan_hrf",
    ),
}
