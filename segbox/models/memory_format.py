"""Which memory format trains a model faster: channels first (the order of PyTorch's shapes) or channels last."""

from torch import nn

from segbox.models.layers import DepthwiseConv2d


def prefers_channels_last(model: nn.Module, device_type: str, precision: str, tf32: bool = False) -> bool:
    """Whether training steps are faster with `torch.channels_last`; `precision` is "fp32", "bf16" or "fp16".

    In half precision, and in TF32, the kernels of GPUs and CPUs want it. In float32 on a CPU, the gradients of
    convolutions' weights are slower in it, and depthwise convolutions faster. CPU time of a step, and of a prediction,
    channels first / channels last (AVX2, one thread, 2 images; above 1: channels last is faster):

    | model | size | step | prediction |
    |---|---|---|---|
    | PSPNet, ResNet-18, stride 8 | 256 | 0.86 | 1.12 |
    | PSPNet, ResNet-50, stride 8 | 128 | 0.86 | 1.05 |
    | DeepLabV3+, ResNet-18 | 256 | 0.84 | 1.24 |
    | DeepLabV3+, ResNet-50 | 256 | 1.00 | 1.19 |
    | UPerNet, ResNet-50 | 128 | 0.84 | 1.12 |
    | UPerNet, Swin-T | 128 | 0.87 | 0.99 |
    | UPerNet, ConvNeXt-T (timm) | 128 | 0.82 | 1.05 |
    | U-Net, own encoder | 128 | 0.77 | 1.11 |
    | U-Net, ResNet-34 | 128 | 0.97 | 1.26 |
    | FCN, HRNet-W18-small | 128 | 1.00 | 1.29 |
    | DeepLabV3+, MobileNetV2 | 256 | 1.00 | 1.17 |
    | LR-ASPP, MobileNetV3 | 256 | 1.24 | 1.30 |
    | SegFormer-B0 | 256 | 1.11 | 1.38 |
    """
    if precision != "fp32" or (device_type == "cuda" and tf32):
        return True
    backbone = getattr(model, "backbone", model)
    return device_type == "cpu" and any(isinstance(layer, DepthwiseConv2d) for layer in backbone.modules())
