"""The published models that open by a name: scores, size and licence, without a download."""

from collections.abc import Iterator
from dataclasses import dataclass

from segbox.interop.mmseg import zoo

# name: (mIoU, parameters, GFLOPs). The scores are torchvision's, on the images of COCO 2017 with the classes of VOC.
TORCHVISION = {
    "fcn_resnet50": (60.5, 35_322_218, 276.7),
    "fcn_resnet101": (63.7, 54_314_346, 431.9),
    "deeplabv3_resnet50": (66.4, 42_004_074, 327.2),
    "deeplabv3_resnet101": (67.4, 60_996_202, 482.3),
    "deeplabv3_mobilenet_v3_large": (60.3, 11_029_328, 19.7),
    "lraspp_mobilenet_v3_large": (57.9, 3_221_538, 3.9),
}


@dataclass(frozen=True)
class Published:
    """A model and what its publisher says of it. None: not stated, or not counted."""

    name: str  # the word that opens it
    dataset: str
    mIoU: float | None
    mIoU_flip: float | None  # the mean over several scales and flips
    parameters: int | None
    gflops: float | None  # of one image of 512 x 512; a multiply-add is two operations
    source: str
    licence: str
    needs: str = ""  # why it does not open; empty if it does


def published() -> Iterator[Published]:
    """All models of all sources."""
    for name, (score, parameters, gflops) in TORCHVISION.items():
        word = f"torchvision://{name}"
        yield Published(word, "COCO with VOC classes", score, None, parameters, gflops, "torchvision", "BSD-3-Clause")
    counted = zoo.gflops()
    for entry in zoo.entries().values():
        yield Published(
            f"{zoo.SCHEME}://{entry.name}",
            entry.dataset,
            entry.mIoU,
            entry.mIoU_flip,
            entry.parameters,
            counted.get(entry.name),
            "mmsegmentation",
            entry.licence,
            entry.needs,
        )
