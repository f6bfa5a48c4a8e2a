"""What publishers say about their ImageNet weights: the address, the licence, and the mean and std of the training.

The sources (`weights/sources`) look words up here; a backbone names those that fit it in its `imagenet`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from segbox.weights.mean_std import Card
from segbox.weights.sources import torchvision
from segbox.weights.sources.licences import DINOV3_LICENCE, NVIDIA

BSD, APACHE, MIT = "BSD-3-Clause", "Apache-2.0", "MIT"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and std of images from 0 to 1
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
FIRST_VERSION = ".IMAGENET1K_V1"  # may be left out
OF_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
VIT = ("small", "base", "large", "giant")
# Repositories https://huggingface.co/timm/NAME, Apache-2.0 except the copies of torchvision's and Microsoft's
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
    *("resnest14d.gluon_in1k", "resnest26d.gluon_in1k", "resnest50d.in1k", "resnest101e.in1k"),
    *("resnest200e.in1k", "resnest269e.in1k"),
    *("mobilenetv2_100.ra_in1k", "mobilenetv2_140.ra_in1k", "mobilenetv2_050.lamb_in1k"),
    *(f"pvt_v2_b{size}.in1k" for size in range(6)),
    *(f"vit_{size}_patch14_{form}.lvd142m" for size in VIT for form in ("dinov2", "reg4_dinov2")),
    *("convnext_tiny.fb_in1k", "repvit_m1_1.dist_300e_in1k", "efficientvit_b1.r256_in1k"),
    "mobilenetv4_conv_medium.e500_r256_in1k",
    *("twins_pcpvt_small.in1k", "twins_pcpvt_base.in1k", "twins_pcpvt_large.in1k"),
    *("twins_svt_small.in1k", "twins_svt_base.in1k", "twins_svt_large.in1k"),
    *(f"poolformer_{size}.sail_in1k" for size in ("s12", "s24", "s36", "m36", "m48")),
    *("deit_small_patch16_224.fb_in1k", "deit_base_patch16_224.fb_in1k"),
)
DINOV3 = tuple(f"vit_{size}_patch16_dinov3.lvd1689m" for size in VIT[:3])
LINGBOT = tuple(f"vit_{size}_patch16_lingbot.robbyant" for size in VIT)  # in repositories of somebody else
TIMM_BY_MICROSOFT = (
    *(f"hrnet_w{width}.ms_in1k" for width in ("18", "18_small_v2", "32", "48")),
    *("swin_tiny_patch4_window7_224.ms_in1k", "swin_small_patch4_window7_224.ms_in1k"),
    *("swin_base_patch4_window7_224.ms_in22k", "swin_large_patch4_window7_224.ms_in22k"),
)
TIMM_WITH_HALF = (
    *("tf_mobilenetv3_large_100.in1k", "tf_mobilenetv3_small_100.in1k"),
    *("resnet18d.ra4_e3600_r224_in1k", "resnet50d.ra4_e3600_r224_in1k", "mobilenetv1_100.ra4_e3600_r224_in1k"),
    *("vit_base_patch16_224.augreg2_in21k_ft_in1k", "beit_base_patch16_224.in22k_ft_in22k"),
    *(f"vit_{size}_patch16_384.augreg_in21k_ft_in1k" for size in ("tiny", "small", "base", "large")),
    *("xception41.tf_in1k", "xception65.tf_in1k", "xception65.ra3_in1k"),
)
CLIP = ("vit_base_patch16_clip_224.openai", "vit_large_patch14_clip_336.openai")
# Files of https://download.openmmlab.com/, for the networks that nobody else has
OPENMMLAB = (
    "pretrain/third_party/resnet18_v1c-b5776b93.pth",
    "pretrain/third_party/resnet50_v1c-2cccc1ad.pth",
    "pretrain/third_party/resnet101_v1c-e67eebb6.pth",
    "mmsegmentation/v0.5/pretrain/stdc/stdc1_20220308-5368626c.pth",
    "mmsegmentation/v0.5/pretrain/stdc/stdc2_20220308-7dbd9127.pth",
    "mmsegmentation/v0.5/pretrain/segnext/mscan_t_20230227-119e8c9f.pth",
    "mmsegmentation/v0.5/pretrain/segnext/mscan_s_20230227-f33ccdf2.pth",
    "mmsegmentation/v0.5/pretrain/segnext/mscan_b_20230227-3ab7d230.pth",
    "mmsegmentation/v0.5/pretrain/segnext/mscan_l_20230227-cef260d4.pth",
)


@dataclass(frozen=True)
class Published:
    """One file of weights, by the word that names it."""

    word: str
    url: str
    licence: str | None  # None: its publisher states none
    mean: tuple[float, ...]  # of images from 0 to 1
    std: tuple[float, ...]

    @property
    def card(self) -> Card:
        """The mean and std for images of bytes."""
        mean, std = (tuple(round(255 * part, 6) for part in numbers) for numbers in (self.mean, self.std))
        return Card(self.word, mean, std)


def published(word: str) -> Published | None:
    """What is known of the weights that a word of a config names; None for words that are not in these tables."""
    return all_published().get(str(word).removesuffix(FIRST_VERSION))


@cache
def all_published() -> dict[str, Published]:
    return {entry.word: entry for entry in entries()}


def entries() -> Iterator[Published]:
    for name, files in torchvision.FILES.items():
        for tag, file in files.items():
            if tag != torchvision.COCO:
                word = f"torchvision://{name}.{tag}".removesuffix(FIRST_VERSION)
                yield Published(word, torchvision.URL + file, torchvision.LICENCE, *IMAGENET)
    of_timm = ((TIMM, IMAGENET), (TIMM_BY_MICROSOFT, IMAGENET), (TIMM_WITH_HALF, HALF), (CLIP, OF_CLIP))
    for names, numbers in of_timm:
        for name in names:
            licence = BSD if name.endswith((".tv_in1k", ".tv2_in1k")) else MIT if ".ms_" in name else APACHE
            yield Published(f"timm://{name}", on_the_hub(f"timm/{name}", "model.safetensors"), licence, *numbers)
    for name in DINOV3:
        yield Published(f"timm://{name}", on_the_hub(f"timm/{name}", "model.safetensors"), DINOV3_LICENCE, *IMAGENET)
    for name in LINGBOT:
        yield Published(f"timm://{name}", on_the_hub(f"belfner/{name}", "model.safetensors"), APACHE, *IMAGENET)
    for size in range(6):
        repository = f"nvidia/mit-b{size}"
        yield Published(f"hf://{repository}", on_the_hub(repository, "pytorch_model.bin"), NVIDIA, *IMAGENET)
    for path in OPENMMLAB:
        url = f"https://download.openmmlab.com/{path}"
        yield Published(url, url, None, *IMAGENET)


def on_the_hub(repository: str, file: str) -> str:
    return f"https://huggingface.co/{repository}/resolve/main/{file}"
