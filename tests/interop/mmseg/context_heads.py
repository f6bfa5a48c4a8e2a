"""Models of mmsegmentation with a head that gathers context, on a small ResNet: see cases.py."""

from tests.interop.mmseg.resnets import SIZE, head, model, resnet

WINDOW = {"isa_channels": 8, "down_factor": (4, 6)}  # the map of 7 x 9 is filled on three sides
EMA = {"ema_channels": 12, "num_bases": 5, "num_stages": 3, "momentum": 0.1}


def on_last(kind, **more):
    return model(resnet(stride=8), head(kind, 512, 16, 3, **more))


MODELS = {
    "ann_r18": (
        model(resnet(stride=8), head("ANNHead", [256, 512], 16, [2, 3], project_channels=8, query_scales=(1,))), SIZE
    ),
    "dnl_r18": (on_last("DNLHead", reduction=2, use_scale=True, mode="embedded_gaussian"), SIZE),
    "ema_r18": (on_last("EMAHead", **EMA), SIZE),
    "gc_r18": (on_last("GCHead", ratio=1 / 4.0, pooling_type="att", fusion_types=("channel_add",)), SIZE),
    "isa_r18_corners": (on_last("ISAHead", **WINDOW, align_corners=True), SIZE),
    "nl_r18": (on_last("NLHead", reduction=2, use_scale=True, mode="embedded_gaussian"), SIZE),
    "nl_r18_dot_product": (on_last("NLHead", reduction=4, mode="dot_product"), SIZE),
}  # fmt: skip
