"""`torchvision://resnet50.IMAGENET1K_V2`: torchvision's weights. Without a tag, the first version, as papers used it.

They are kept where torchvision keeps them. The names of the files end with the first digits of their SHA-256.
"""

from segbox.errors import CheckpointError, did_you_mean
from segbox.weights.mean_std import IMAGENET, Card
from segbox.weights.sources.folders import torch_checkpoints
from segbox.weights.sources.location import Location

URL = "https://download.pytorch.org/models/"
LICENCE = "BSD-3-Clause"
V1, V2, COCO = "IMAGENET1K_V1", "IMAGENET1K_V2", "COCO_WITH_VOC_LABELS_V1"
FILES = {  # name: {tag: file}; the first tag is that of the name alone
    "resnet18": {V1: "resnet18-f37072fd.pth"},
    "resnet34": {V1: "resnet34-b627a593.pth"},
    "resnet50": {V1: "resnet50-0676ba61.pth", V2: "resnet50-11ad3fa6.pth"},
    "resnet101": {V1: "resnet101-63fe2227.pth", V2: "resnet101-cd907fc2.pth"},
    "resnet152": {V1: "resnet152-394f9c45.pth", V2: "resnet152-f82ba261.pth"},
    "vgg16": {V1: "vgg16-397923af.pth"},
    "vgg19": {V1: "vgg19-dcbb9e9d.pth"},
    "vgg16_bn": {V1: "vgg16_bn-6c64b313.pth"},
    "vgg19_bn": {V1: "vgg19_bn-c79401a0.pth"},
    "mobilenet_v2": {V1: "mobilenet_v2-b0353104.pth", V2: "mobilenet_v2-7ebf99e0.pth"},
    "mobilenet_v3_large": {V1: "mobilenet_v3_large-8738ca79.pth", V2: "mobilenet_v3_large-5c1a4163.pth"},
    "mobilenet_v3_small": {V1: "mobilenet_v3_small-047dcff4.pth"},
    "fcn_resnet50": {COCO: "fcn_resnet50_coco-1167a1af.pth"},
    "fcn_resnet101": {COCO: "fcn_resnet101_coco-7ecb50ca.pth"},
    "deeplabv3_resnet50": {COCO: "deeplabv3_resnet50_coco-cd0a2569.pth"},
    "deeplabv3_resnet101": {COCO: "deeplabv3_resnet101_coco-586e9e4e.pth"},
    "deeplabv3_mobilenet_v3_large": {COCO: "deeplabv3_mobilenet_v3_large-fc3c493d.pth"},
    "lraspp_mobilenet_v3_large": {COCO: "lraspp_mobilenet_v3_large-d234d4ea.pth"},
}


def locate(name: str) -> Location:
    network, _, tag = name.partition(".")
    if network not in FILES:
        raise CheckpointError(
            f"torchvision://{name}: segbox knows no weights of this name.{did_you_mean(network, FILES)}"
            f" Known: {', '.join(FILES)}"
        )
    files = FILES[network]
    tag = tag or next(iter(files))
    if tag not in files:
        raise CheckpointError(f"torchvision://{name}: {network} has {' and '.join(files)}.{did_you_mean(tag, files)}")
    file = files[tag]
    digest = file.removesuffix(".pth").rpartition("-")[2]
    card = Card(f"torchvision://{name}", **IMAGENET)
    return Location(URL + file, file, digest, LICENCE, card, torch_checkpoints())
