"""What each head must depend on, and what its golden numbers were checked against.

A head that is registered and not named here is tried with its defaults. It must have golden numbers all the same:
`python -m tests.models.goldens` prints them; write them down when another implementation has given the same.

Compared once, in 64 bits: mmsegmentation 1.2.2 and transformers 5.23 differed by 0 to 1e-14 (1e-8 to 1e-7 for heads
that compute a part in 32 bits). segmentation-models-pytorch 0.6 has other layers in all decoders (nearest neighbours,
aligned corners, 4x4 kernels): the heads SMP... are its forms, and tests/interop/test_smp.py compares them with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature

import torch
from torch import Tensor

from segbox.models.heads.head import DecodeHead
from segbox.models.heads.mask_head import MaskHead
from segbox.registry import HEADS
from tests.models import naive_branches as branches
from tests.models import naive_context_heads as context
from tests.models import naive_heads as naive
from tests.models import naive_made_heads as made
from tests.models import naive_nonlocal_heads as nonlocal_
from tests.models import naive_queries as queries
from tests.models import naive_realtime as realtime
from tests.models import naive_segnext as segnext
from tests.models import naive_vits as vits
from tests.models.fixed import CHANNELS, CLASSES, STRIDES, features, normal, projected
from tests.models.mask_heads import with_logits_of_pixels
from tests.models.naive_layers import Weights
from tests.models.naive_pointrend import SEED, pointrend
from tests.tiny import HEADS_OF_MAPS, SMALL

Maps = tuple[Tensor, ...]
Truth = Callable[[Weights, Maps], Tensor | Mapping[str, Tensor]]

IMAGE = 1  # the stride of the image itself
ALL = frozenset(STRIDES)
COARSE = ALL - {2}
TIGHT, SINGLE = 1e-9, 1e-5  # SINGLE: a part of the head computes in 32 bits, whatever comes in


@dataclass(frozen=True)
class Case:
    """One head with its options, and what is expected of it.

    `uses`: the strides of the maps that its logits depend on; on the others they do not. `sees_all`: every pixel of
    the logits depends on every place of the last map; else only on near ones. `truth`: the head written a second
    time, as logits by the names of the losses. `source`: from where, and which other implementation has given the
    same numbers from the same weights and maps. `gates`: what begins at zero and holds back the gradients of others.
    `idle`: parameters without gradient: a softmax over keys does not change with a bias of all keys.
    """

    options: Mapping[str, object]
    uses: frozenset[int]
    sees_all: bool
    truth: Truth
    source: str
    gates: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    tolerance: float = TIGHT


def of(name: str, **options: object) -> dict[str, object]:
    return {"type": name, **options}


CASES: dict[str, Case] = {
    "ANNHead": Case(
        of("ANNHead", channels=16, key_channels=8), frozenset({16, 32}), True, nonlocal_.ann,
        "mmsegmentation, to 1e-5 in 32 bits", ("attend_low.project.weight", "attend.project.weight"),
    ),
    "APCHead": Case(of("APCHead", channels=8), frozenset({32}), True, made.apcnet, "mmsegmentation"),
    "BiSeNetHead": Case(
        of("BiSeNetHead", channels=8, context_loss_weight=0.5), frozenset({IMAGE, 16, 32}), True,
        context.bisenet, "paper",
    ),
    "BiSeNetHead nearest": Case(
        of("BiSeNetHead", channels=8, nearest=True, gate_norm=True, head_channels=10, context_head_channels=4),
        frozenset({IMAGE, 16, 32}), True, partial(context.bisenet, is_nearest=True),
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "CCNetHead": Case(
        of("CCNetHead", channels=16), frozenset({32}), True, context.ccnet, "paper, loop over pixels; mmsegmentation",
        ("attention.gamma",), ("attention.key.bias",), SINGLE,
    ),
    "DANetHead": Case(
        of("DANetHead", channels=16), frozenset({32}), True, context.danet, "paper; mmsegmentation",
        ("position.1.gamma", "channel.1.gamma"), ("position.1.key.bias",), SINGLE,
    ),
    "DNLHead": Case(
        of("DNLHead", channels=16), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, nonlocal_.disentangled), "mmsegmentation, to 1e-5 in 32 bits",
        ("convs.context.project.norm.weight",), tuple(f"convs.context.{n}.bias" for n in ("query", "key", "attend")),
        SINGLE,
    ),
    "DDRHead": Case(of("DDRHead", channels=8), frozenset({32}), False, branches.ddr_head, "mmsegmentation"),
    "DeepLabV3Head": Case(
        of("DeepLabV3Head", channels=8), frozenset({32}), True, context.deeplab_v3, "paper; torchvision",
    ),
    "DeepLabV3Head mixed by 3x3": Case(
        of("DeepLabV3Head", channels=8, mix_kernel=3, refine=False), frozenset({32}), True,
        context.deeplab_v3_unrefined, "mmsegmentation",
    ),
    "DeepLabV3PlusHead": Case(
        of("DeepLabV3PlusHead", channels=8, low_channels=6), frozenset({4, 32}), True, context.deeplab_v3_plus, "paper",
    ),
    "DeepLabV3PlusHead separable": Case(
        of("DeepLabV3PlusHead", channels=8, low_channels=6, separable=True), frozenset({4, 32}), True,
        context.deeplab_v3_plus, "paper",
    ),
    "DeepLabV3PlusHead mixed by 3x3": Case(
        of("DeepLabV3PlusHead", channels=8, low_channels=6, separable=True, mix_kernel=3), frozenset({4, 32}), True,
        context.deeplab_v3_plus, "mmsegmentation",
    ),
    "EMAHead": Case(
        of("EMAHead", channels=8, attention_channels=12, num_bases=4), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, nonlocal_.mixture), "mmsegmentation, to 1e-5 in 32 bits",
    ),
    "DMHead": Case(of("DMHead", channels=8), frozenset({32}), True, made.dmnet, "mmsegmentation"),
    "DMHead even": Case(
        of("DMHead", channels=8, filter_sizes=(2, 4)), frozenset({32}), True,
        lambda w, maps: made.dmnet(w, maps, (2, 4)), "mmsegmentation",
    ),
    "DPTHead": Case(
        of("DPTHead", channels=8, level_channels=(3, 4, 5, 6)), COARSE, False, vits.dpt,
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "EncNetHead": Case(
        of("EncNetHead", channels=16, num_codewords=4), frozenset({32}), True,
        lambda w, maps: context.encnet(w, maps)[0], "paper, all residuals held; mmsegmentation", tolerance=SINGLE,
    ),
    "EncNetHead lateral": Case(
        of("EncNetHead", channels=16, num_codewords=4, lateral=True), frozenset({8, 16, 32}), True,
        lambda w, maps: context.encnet(w, maps)[0], "paper; all residuals held", tolerance=SINGLE,
    ),
    "FCN16sHead": Case(
        of("FCN16sHead", channels=8), frozenset({16, 32}), False, lambda w, maps: naive.long_fcn(w, maps, (3,)),
        "paper",
    ),
    "FCN32sHead": Case(
        of("FCN32sHead", channels=8), frozenset({32}), False, lambda w, maps: naive.long_fcn(w, maps, ()), "paper",
    ),
    "FCN8sHead": Case(
        of("FCN8sHead", channels=8), frozenset({8, 16, 32}), False, lambda w, maps: naive.long_fcn(w, maps, (3, 2)),
        "paper",
    ),
    "FCNHead": Case(of("FCNHead"), frozenset({32}), False, naive.fcn, "paper; torchvision; mmsegmentation"),
    "FCNHead concat": Case(
        of("FCNHead", num_convs=2, dilation=2, concat_input=True), frozenset({32}), False,
        lambda w, maps: naive.fcn_concat(w, maps, dilation=2), "mmsegmentation",
    ),
    "FPNHead": Case(of("FPNHead", channels=32), COARSE, True, naive.semantic_fpn, "paper"),  # group norms see all
    "FPNHead BN": Case(
        of("FPNHead", channels=8, norm="BN"), COARSE, False, lambda w, maps: naive.semantic_fpn(w, maps, "BN"),
        "paper; mmsegmentation",
    ),
    "FPNHead doublings": Case(
        of("FPNHead", channels=8, norm="BN", always_double=True), COARSE, False,
        lambda w, maps: naive.semantic_fpn(w, maps, "BN", always_double=True), "mmsegmentation",
    ),
    "GCHead": Case(
        of("GCHead", channels=16), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, nonlocal_.global_context), "mmsegmentation, to 1e-5 in 32 bits",
        ("convs.context.transform.3.weight",), ("convs.context.attend.bias",), SINGLE,
    ),
    "GCNHead": Case(of("GCNHead", kernel=5), COARSE, False, naive.gcn, "paper"),
    "ISAHead": Case(
        of("ISAHead", channels=16, key_channels=8, window=(2, 3)), frozenset({32}), True, nonlocal_.isa,
        "mmsegmentation, to 1e-5 in 32 bits",
    ),
    "KNetHead": Case(
        of("KNetHead", **SMALL["KNetHead"]), frozenset({32}), True, queries.knet, "mmsegmentation",
    ),
    "LRASPPDecoderHead": Case(
        of("LRASPPDecoderHead", channels=8, skip_channels=(3, 5)), frozenset({2, 4, 32}), True, naive.lraspp_decoder,
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "LRASPPHead": Case(of("LRASPPHead", channels=8), frozenset({8, 32}), True, naive.lraspp, "paper; torchvision"),
    "LightHamHead": Case(
        of("LightHamHead", channels=32, ham_channels=32), frozenset({8, 16, 32}), True, segnext.light_ham,
        "mmsegmentation",
    ),
    "LinearHead": Case(of("LinearHead"), frozenset({32}), False, naive.linear, "its formula"),
    "LinkNetHead": Case(of("LinkNetHead", channels=8), ALL, False, naive.linknet, "paper"),
    "NonLocalHead": Case(
        of("NonLocalHead", channels=16), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, nonlocal_.non_local), "mmsegmentation, to 1e-5 in 32 bits",
        ("convs.context.project.norm.weight",), ("convs.context.key.bias",),
    ),
    "NonLocalHead dot_product": Case(
        of("NonLocalHead", channels=16, mode="dot_product"), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, partial(nonlocal_.non_local, mode="dot_product")),
        "mmsegmentation, to 1e-5 in 32 bits", ("convs.context.project.norm.weight",),
    ),
    "NonLocalHead unscaled": Case(
        of("NonLocalHead", channels=16, reduction=4, use_scale=False), frozenset({32}), True,
        lambda w, maps: nonlocal_.around(w, maps, partial(nonlocal_.non_local, use_scale=False)), "paper",
        ("convs.context.project.norm.weight",), ("convs.context.key.bias",),
    ),
    "Mask2FormerHead": Case(
        of("Mask2FormerHead", **SMALL["Mask2FormerHead"] | {"num_layers": 4}), COARSE, True, queries.mask2former,
        "mmsegmentation, to 1e-6; positions in 32 bits there", ("pixel_decoder.blocks.*.attention.weights.weight",),
    ),
    "MaskFormerHead": Case(
        of("MaskFormerHead", **SMALL["MaskFormerHead"]), COARSE, True, queries.maskformer,
        "mmsegmentation, to 1e-6; positions in 32 bits there",
        gates=("blocks.0.exchange.attention.value.bias",),
        idle=("blocks.0.exchange.attention.query.weight", "blocks.0.exchange.attention.key.weight",
              "blocks.0.exchange.attention.query.bias", "blocks.0.exchange.attention.key.bias",
              "blocks.0.exchange.attention.value.weight"),  # the first block's queries are zero: equal values
    ),
    "OCNetHead": Case(
        of("OCNetHead", channels=16), frozenset({32}), True, context.ocnet, "paper",
        ("context.attention.project.weight",),
    ),
    "OCNetHead asp": Case(
        of("OCNetHead", channels=16, context="asp"), frozenset({32}), True, context.ocnet_asp, "paper",
        ("context.branches.0.1.project.weight",),
    ),
    "OCRHead": Case(
        of("OCRHead", channels=16, key_channels=8), frozenset({16, 32}), True, context.ocr, "paper; mmsegmentation",
        tolerance=SINGLE,
    ),
    "OCRHead on one map": Case(
        of("OCRHead", channels=16, key_channels=8, coarse_level=-1, coarse_kernel=1, coarse_channels=12),
        frozenset({32}), True, partial(context.ocr, level=-1, padding=0), "mmsegmentation, to 1e-5 in 32 bits",
        tolerance=SINGLE,
    ),
    "PSAHead": Case(
        of("PSAHead", channels=8, mask_size=(5, 7)), frozenset({32}), True,
        lambda w, maps: made.psanet(w, maps, (5, 7)), "mmsegmentation",
    ),
    "PSAHead collects": Case(
        of("PSAHead", channels=8, mask_size=(2, 3), directions=("collect",)), frozenset({32}), True,
        lambda w, maps: made.psanet(w, maps, (2, 3), ("collect",)), "mmsegmentation",
    ),
    "PIDHead": Case(  # borders are everywhere in these labels: see losses/test_of_heads.py
        of("PIDHead", channels=8), frozenset({32}), False, branches.pid_head, "mmsegmentation",
        idle=branches.OF_BORDERS,
    ),
    "PSPHead": Case(of("PSPHead", channels=8), frozenset({32}), True, context.psp, "paper; mmsegmentation"),
    "PSPHead wide": Case(
        of("PSPHead", channels=8, pool_channels=7), frozenset({32}), True, context.psp, "mmsegmentation",
    ),
    "PointRendHead": Case(
        of("PointRendHead", channels=8, point_channels=12, always_double=True, subdivision_points=20, train_points=10,
           oversampling=2, uncertain_share=0.5),
        COARSE, False, partial(pointrend, subdivided=20, trained=10), "paper; mmsegmentation",
    ),
    "PlainUNetHead": Case(of("PlainUNetHead"), ALL, False, naive.plain_unet, "paper"),
    "PlainUNetHead transposed": Case(
        of("PlainUNetHead", transposed=True, norm=True, bias=True), ALL, False, naive.plain_unet, "paper",
    ),
    "RefineNetHead": Case(
        of("RefineNetHead", channels=8, deepest_channels=12, num_pools=2), COARSE, False, naive.refinenet, "paper",
    ),
    "STDCHead": Case(
        of("STDCHead", channels=8, fused_channels=12, head_channels=8, context_head_channels=8, detail_channels=6),
        frozenset({8, 16, 32}), True, realtime.stdc_head, "mmsegmentation",
    ),
    "SegFormerHead": Case(of("SegFormerHead", channels=8), COARSE, False, naive.segformer, "paper; transformers"),
    "SegFormerHead norms": Case(
        of("SegFormerHead", channels=8, project_norm=True), COARSE, False, naive.segformer_norms, "mmsegmentation",
    ),
    "SETRMLAHead": Case(
        of("SETRMLAHead", channels=6), COARSE, False, vits.setr_mla, "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "SETRUPHead": Case(
        of("SETRUPHead", channels=8), frozenset({32}), False, partial(vits.setr_up, num_convs=1, padding=0, scale=4),
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "SETRUPHead progressive": Case(
        of("SETRUPHead", channels=8, num_convs=4, kernel=3, scale=2), frozenset({32}), False,
        partial(vits.setr_up, num_convs=4, padding=1, scale=2), "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "SegNetHead": Case(of("SegNetHead"), ALL, False, naive.segnet, "paper"),  # of the finer maps, places of maxima
    "SeparableFCNHead": Case(
        of("SeparableFCNHead", channels=8), frozenset({32}), False, realtime.separable_fcn, "mmsegmentation",
    ),
    "SegmenterHead": Case(
        of("SegmenterHead", channels=8, heads=2), frozenset({32}), True, vits.segmenter,
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "UNetHead": Case(of("UNetHead"), ALL, False, naive.unet, "paper, residual blocks"),
    "UNetHead se": Case(of("UNetHead", se=True), ALL, True, naive.unet, "paper, residual blocks with SE"),
    "UNetPlusPlusHead": Case(
        of("UNetPlusPlusHead", channels=(3, 4, 5, 6)), ALL, False, lambda w, maps: deep(naive.unet_plus_plus(w, maps)),
        "paper",
    ),
    "UNetPlusPlusHead transposed": Case(
        of("UNetPlusPlusHead", channels=(3, 4, 5, 6), deep_supervision=False, transposed=True, norm=False, bias=True),
        ALL, False, lambda w, maps: deep(naive.unet_plus_plus(w, maps)), "paper",
    ),
    "UPerHead": Case(of("UPerHead", channels=8), COARSE, True, context.uper, "paper; transformers"),
}  # fmt: skip


def deep(outputs: list[Tensor]) -> dict[str, Tensor]:
    return {"": torch.stack(outputs).mean(0)} | {f"deep{i}": logits for i, logits in enumerate(outputs)}


def titles() -> list[str]:
    """The cases above, and each registered head that has none and reads maps."""
    named = {case.options["type"] for case in CASES.values()}
    return [*CASES, *(name for name in HEADS_OF_MAPS if name not in named)]


def build(title: str, **more: object) -> DecodeHead:
    options = CASES[title].options if title in CASES else of(title, **SMALL.get(title, {}))
    strides, channels = shapes(title)
    head = HEADS.build({**options, **more}, in_channels=channels, in_strides=strides, num_classes=CLASSES)
    if isinstance(head, MaskHead):
        head.__class__ = with_logits_of_pixels(type(head))
    return head


def shapes(title: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The strides and channels that the head is offered."""
    if HEADS[title.split()[0]].sees_images:
        return (IMAGE, *STRIDES), (3, *CHANNELS)
    return STRIDES, CHANNELS


def dropouts(title: str) -> list[str]:
    """The names of the head's arguments that are rates of dropout."""
    return [name for name in signature(HEADS[title.split()[0]]).parameters if name.endswith("dropout")]


def inputs(title: str) -> Maps:
    return features(*shapes(title))


def outputs(head: DecodeHead, maps: Maps) -> dict[str, Tensor]:
    """The logits under "", and the losses by their names: those of logits are projections of them."""
    height, width = maps[0].shape[-2:]
    labels = (normal("labels", (len(maps[0]), height, width)).abs() * 3).long().clamp(max=CLASSES - 1)
    torch.manual_seed(SEED)
    return {"": head(maps), **head.loss(maps, labels, projected)}
