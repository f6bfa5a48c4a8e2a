"""What publishers say about their ImageNet weights: the address, the licence, and the mean and std of the training.

The sources (`weights/sources`) look words up here; a backbone names those that fit it in its `imagenet`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segbox.weights.mean_std import Card

BSD, APACHE = "BSD-3-Clause", "Apache-2.0"
NVIDIA = "NVIDIA, non-commercial"
UNSTATED = "none stated"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and std of images from 0 to 1
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# Files of https://download.pytorch.org/models/; the end of a name is the beginning of the file's SHA-256.
TORCHVISION = {
    "resnet18": "resnet18-f37072fd",
    "resnet34": "resnet34-b627a593",
    "resnet50": "resnet50-0676ba61",
    "resnet50.IMAGENET1K_V2": "resnet50-11ad3fa6",
    "resnet101": "resnet101-63fe2227",
    "resnet101.IMAGENET1K_V2": "resnet101-cd907fc2",
    "resnet152": "resnet152-394f9c45",
    "resnet152.IMAGENET1K_V2": "resnet152-f82ba261",
    "vgg16": "vgg16-397923af",
    "vgg19": "vgg19-dcbb9e9d",
    "vgg16_bn": "vgg16_bn-6c64b313",
    "vgg19_bn": "vgg19_bn-c79401a0",
    "mobilenet_v2": "mobilenet_v2-b0353104",
    "mobilenet_v2.IMAGENET1K_V2": "mobilenet_v2-7ebf99e0",
    "mobilenet_v3_large": "mobilenet_v3_large-8738ca79",
    "mobilenet_v3_large.IMAGENET1K_V2": "mobilenet_v3_large-5c1a4163",
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4",
}
FIRST_VERSION = ".IMAGENET1K_V1"  # may be left out
# Repositories https://huggingface.co/timm/NAME, all Apache-2.0 except the copies of torchvision's
TIMM = (
    *("resnet18.tv_in1k", "resnet34.tv_in1k", "resnet50.tv_in1k", "resnet101.tv_in1k", "resnet152.tv_in1k"),
    *("resnet50.tv2_in1k", "resnet101.tv2_in1k", "resnet152.tv2_in1k"),
    *("vgg16.tv_in1k", "vgg19.tv_in1k", "vgg16_bn.tv_in1k", "vgg19_bn.tv_in1k"),
    *(f"resnet{depth}.a{recipe}_in1k" for depth in (18, 34, 50, 101, 152) for recipe in (1, 2, 3)),
    *("resnet50c.gluon_in1k", "resnet101c.gluon_in1k", "resnet152c.gluon_in1k"),
    *("resnet18d.ra2_in1k", "resnet34d.ra2_in1k", "resnet50d.ra2_in1k", "resnet101d.ra2_in1k", "resnet152d.ra2_in1k"),
    *("resnet50d.gluon_in1k", "resnet101d.gluon_in1k", "resnet152d.gluon_in1k"),
    *("resnet50d.a1_in1k", "resnet50d.a2_in1k", "resnet50d.a3_in1k"),
    *("resnet50s.gluon_in1k", "resnet101s.gluon_in1k", "resnet152s.gluon_in1k"),
    *("seresnet50.a1_in1k", "seresnet50.a2_in1k", "seresnet50.a3_in1k", "seresnet50.ra2_in1k"),
    *("mobilenetv2_100.ra_in1k", "mobilenetv2_140.ra_in1k", "mobilenetv2_050.lamb_in1k"),
    *(f"pvt_v2_b{size}.in1k" for size in range(6)),
    *("convnext_tiny.fb_in1k", "vit_small_patch14_dinov2.lvd142m"),
)
TIMM_WITH_HALF = (
    *("resnet18d.ra4_e3600_r224_in1k", "resnet50d.ra4_e3600_r224_in1k", "mobilenetv1_100.ra4_e3600_r224_in1k"),
    *("xception41.tf_in1k", "xception65.tf_in1k", "xception65.ra3_in1k"),
)
# Files of https://download.openmmlab.com/, for the networks that nobody else has
OPENMMLAB = (
    "pretrain/third_party/resnet18_v1c-b5776b93.pth",
    "pretrain/third_party/resnet50_v1c-2cccc1ad.pth",
    "pretrain/third_party/resnet101_v1c-e67eebb6.pth",
)


@dataclass(frozen=True)
class Published:
    """One file of weights, by the word that names it."""

    word: str
    url: str
    licence: str
    mean: tuple[float, ...]  # of images from 0 to 1
    std: tuple[float, ...]

    @property
    def card(self) -> "Card":
        """The mean and std for images of bytes."""
        from segbox.weights.mean_std import Card  # imports torch, which commands that only list need not wait for

        mean, std = (tuple(round(255 * part, 6) for part in numbers) for numbers in (self.mean, self.std))
        return Card(self.word, mean, std)


def published(word: str) -> Published | None:
    """What is known of the weights that a word of a config names; None for words that are not in these tables."""
    return all_published().get(str(word).removesuffix(FIRST_VERSION))


@cache
def all_published() -> dict[str, Published]:
    return {entry.word: entry for entry in entries()}


def entries() -> Iterator[Published]:
    for name, file in TORCHVISION.items():
        yield Published(f"torchvision://{name}", f"https://download.pytorch.org/models/{file}.pth", BSD, *IMAGENET)
    for names, numbers in ((TIMM, IMAGENET), (TIMM_WITH_HALF, HALF)):
        for name in names:
            licence = BSD if name.endswith((".tv_in1k", ".tv2_in1k")) else APACHE
            yield Published(f"timm://{name}", on_the_hub(f"timm/{name}", "model.safetensors"), licence, *numbers)
    for size in range(6):
        repository = f"nvidia/mit-b{size}"
        yield Published(f"hf://{repository}", on_the_hub(repository, "pytorch_model.bin"), NVIDIA, *IMAGENET)
    for path in OPENMMLAB:
        url = f"https://download.openmmlab.com/{path}"
        yield Published(url, url, UNSTATED, *IMAGENET)


def on_the_hub(repository: str, file: str) -> str:
    return f"https://huggingface.co/{repository}/resolve/main/{file}"
