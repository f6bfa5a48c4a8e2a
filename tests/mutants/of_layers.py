"""Mutants of layers that parts share, and of the numbers that parts begin with."""

from tests.mutants.mutant import in_file
from tests.mutants.of_models import HEADS

BEGINNINGS = "tests/models/layers/test_beginnings.py"

OF_SHARED = [
    *in_file("models/layers/resize.py", f"{HEADS} -k PSPHead", [
        ("resize: aligned corners", "    align_corners = False", "    align_corners = True"),
        ("resize: nearest", 'mode="bilinear", align_corners=align_corners', 'mode="nearest"'),
    ]),
    *in_file("models/layers/conv.py", f"{HEADS} -k FCNHead", [
        ("ConvNormAct: no activation", "self.act(self.norm(x))", "self.norm(x)"),
        ("ConvNormAct: no norm", "self.act(self.norm(x))", "self.act(x)"),
        ("ConvNormAct: activation before norm", "self.act(self.norm(x))", "self.norm(self.act(x))"),
        ("ConvNormAct: eps", "nn.BatchNorm2d(out_channels)", "nn.BatchNorm2d(out_channels, eps=1e-3)"),
    ]),
    *in_file("models/layers/conv_stack.py", f"{HEADS} -k PlainUNetHead", [
        ("conv_stack: no ReLU", "nn.ReLU(inplace=True)]", "nn.Identity()]"),
    ]),
    *in_file("models/layers/up_conv.py", f"{HEADS} -k 'PlainUNetHead and transposed'", [
        ("up_conv: overlapping windows", "factor, factor)", "factor + 2, factor, 1)"),
    ]),
    *in_file("models/layers/aspp.py", f"{HEADS} -k DeepLabV3", [
        ("ASPP: no image pooling", "self.image(x)]", "0 * self.image(x)]"),
        ("ASPP: no atrous branches", "*(a(x) for a in self.atrous)", "*(0 * a(x) for a in self.atrous)"),
        ("ASPP: the rates of stride 16 everywhere", "rate * 16 // stride", "rate"),
        ("ASPP: separable without ReLU between", "dilation=dilation, groups=in_channels)\n",
         "dilation=dilation, groups=in_channels, act=None)\n"),
    ]),
    *in_file("models/layers/grid_means.py", "tests/models/layers/test_grid_means.py -m 'not slow'", [
        ("grid means: cells do not overlap", "places * count < (cells + 1)", "(places + 1) * count <= (cells + 1)"),
        ("grid means: cells begin behind the border", "(places + 1) * count > cells", "places * count >= cells"),
        ("grid means: rows and columns exchanged", "rows[:, None, :, None] * columns[None, :, None, :]",
         "rows[None, :, :, None] * columns[:, None, None, :]"),
    ]),
    *in_file("models/layers/window_mean.py", "tests/models/layers/test_window_mean.py", [
        ("WindowMean: windows not centred", "(left, w - 1 - left, top, h - 1 - top)", "(w - 1, 0, h - 1, 0)"),
        ("WindowMean: a wrong window", "F.avg_pool2d(x, (h, w), stride=1)", "F.avg_pool2d(x, (h, h), stride=1)"),
        ("WindowMean: exported windows leave the map", "torch.zeros_like(places) + length - side", "places"),
    ]),
    *in_file("models/layers/squeeze_excitation.py", f"{HEADS} -k 'UNetHead and se'", [
        ("SE: no ReLU", "self.fc1(averages).relu()", "self.fc1(averages)"),
        ("SE: no gate", "return x * self.gate(", "return x + 0 * self.gate("),
    ]),
    *in_file("models/layers/pixel_attention.py", f"{HEADS} -k 'DANetHead or OCNetHead'", [
        ("attention: no scale", "*tokens, scale=scale)", "*tokens)"),
    ]),
    *in_file("models/layers/depthwise.py", "tests/models/layers/test_depthwise.py", [
        ("depthwise: dilated rows in another order", "x.permute(2, 4, 0, 1, 3, 5)", "x.permute(4, 2, 0, 1, 3, 5)"),
        ("depthwise: no bias", "F.conv2d(x, self.weight, self.bias, padding=self.kernel",
         "F.conv2d(x, self.weight, None, padding=self.kernel"),
    ]),
    *in_file("models/layers/conv_of_resized.py", "tests/models/layers/test_conv_of_resized.py", [
        ("conv of resized: taps in another order", "for tap in range(kernel)]", "for tap in reversed(range(kernel))]"),
        ("conv of resized: no dilation", "padded[tap * dilation : tap * dilation + size]", "padded[tap : tap + size]"),
        ("conv of resized: no bias", "return total if conv.bias is None", "return total if True"),
        ("conv of resized: where it changes the size", "conv.padding == reach and ", ""),
    ]),
    *in_file("models/memory_format.py", "tests/models/test_memory_format.py", [
        ("memory format: by the device alone", " and any(isinstance(layer", " or any(isinstance(layer"),
        ("memory format: half precision as float32", 'if precision != "fp32" or', 'if precision == "none" or'),
    ]),
    *in_file("models/layers/dilation.py", "tests/models/layers/test_dilation.py", [
        ("dilation: at once", "plan.append((1, dilation))\n            dilation *= stride",
         "dilation *= stride\n            plan.append((1, dilation))"),
        ("dilation: does not grow", "dilation *= stride", "dilation = stride"),
    ]),
    *in_file("models/layers/drop_path.py", "tests/models/test_mit.py -k drop_path", [
        ("DropPath: the mean is not kept", "x * kept / (1 - self.rate)", "x * kept"),
        ("DropPath: in evaluation too", "if not self.training or self.rate == 0", "if self.rate == 0"),
        ("DropPath: the same rate everywhere", "last * i / max(1, depth - 1)", "last"),
    ]),
    *in_file("models/layers/initialize.py", "tests/models/layers/test_initialize.py", [
        ("initialize: by fan-in", 'mode="fan_out"', 'mode="fan_in"'),
        ("initialize: zero_init_residual does nothing", "nn.init.zeros_(block.last_norm.weight)",
         "nn.init.ones_(block.last_norm.weight)"),
    ]),
]  # fmt: skip

OF_BEGINNINGS = [
    *in_file("models/layers/conv.py", BEGINNINGS, [
        ("ConvNormAct: begins by fan-in", '"fan_out"', '"fan_in"'),
    ]),
    *in_file("models/layers/conv_stack.py", BEGINNINGS, [
        ("conv_stack: begins by fan-out", '"fan_in"', '"fan_out"'),
    ]),
    *in_file("models/layers/up_conv.py", BEGINNINGS, [
        ("up_conv: begins as PyTorch's", "std=in_channels**-0.5", "std=0.02"),
    ]),
    *in_file("models/backbones/mit.py", BEGINNINGS, [
        ("MiT: layers begin wide", "std=0.02", "std=0.2"),
        ("MiT: convolutions begin by fan-in", "layer.out_channels // layer.groups",
         "layer.in_channels // layer.groups"),
    ]),
    *in_file("models/heads/encnet.py", BEGINNINGS, [
        ("EncNet: scales begin at zero", "uniform_(-1, 0)", "uniform_(0, 0)"),
    ]),
    *in_file("models/backbones/mobilenet_v3.py", BEGINNINGS, [
        ("MobileNetV3: norms forget as others", ", momentum=0.01", ""),
    ]),
]  # fmt: skip

OF_LAYERS = [*OF_SHARED, *OF_BEGINNINGS]
