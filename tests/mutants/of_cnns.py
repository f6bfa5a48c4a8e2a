"""Mutants of ResNeSt, STDC, BiSeNetV2, SegNeXt, DDRNet, PIDNet, CGNet, ERFNet and Fast-SCNN."""

from tests.mutants.mutant import Mutant, in_file
from tests.mutants.of_models import head, part

OF_HEADS = "tests/models/losses/test_of_heads.py"
PARITY = "tests/interop/mmseg/test_parity.py"


def bridge(file: str, model: str, rows: list[tuple[str, ...]]) -> list[Mutant]:
    return in_file(f"interop/mmseg/parts/{file}.py", f"{PARITY} -k {model}", rows)


OF_CNNS = [
    *part("backbones", "resnest", [
        ("ResNeSt: no attention", "scores.softmax(dim=1)", "0.5"),
        ("ResNeSt: a stride of the convolution for the pooling", "nn.AvgPool2d(3, stride, padding=1)",
         "nn.AvgPool2d(2, stride, ceil_mode=True)"),
    ], "ResNeSt"),
    *part("backbones", "stdc", [
        ("STDC: parts in another order", "parts.append(x)", "parts.insert(0, x)"),
        ("STDC: the first part is not pooled but strided", "self.pool(first)], self.downsample(first)",
         "self.downsample(first)], self.downsample(first)"),
    ], "STDCNet"),
    *part("backbones", "bisenet_v2", [
        ("BiSeNetV2: the gates change places", "coarse = self.detail_down(detail) * torch.sigmoid(self.semantic_dwconv",
         "coarse = torch.sigmoid(self.detail_down(detail)) * (self.semantic_dwconv"),
        ("BiSeNetV2: no context", "x + self.conv_gap(self.gap(x))", "x + 0 * self.conv_gap(self.gap(x))"),
    ], "BiSeNetV2"),
    *part("backbones", "mscan", [
        ("MSCAN: strips one way only", 'getattr(self, f"conv{i}_2")(getattr(self, f"conv{i}_1")(near))',
         'getattr(self, f"conv{i}_1")(near)'),
        ("MSCAN: no shortcut in the attention", "return x + self.proj_2", "return self.proj_2"),
    ], "MSCAN"),
    *part("layers", "two_branches", [
        ("DDRNet: pooled maps are not mixed one after the other", "process(y + parts[-1])", "process(y + parts[0])"),
        ("DDRNet: a ReLU behind the last sum of a row", "act=i < last", "act=True"),
    ], "DDRNet"),
    *part("backbones", "ddrnet", [
        ("DDRNet: the fine branch gives after it has been given", "coarse + down(torch.relu(fine))",
         "coarse + down(torch.relu(fine + added))"),
    ], "DDRNet"),
    *part("backbones", "pidnet", [
        ("PIDNet: context on borders, detail elsewhere", "share * detail + (1 - share) * context",
         "share * context + (1 - share) * detail", "class Mixture"),
        ("PIDNet: the detail map after its last exchange", "detail, borders = firsts[0], d",
         "detail, borders = firsts[1], d"),
    ], "PIDNet"),
    *part("backbones", "cgnet", [
        ("CGNet: the usual eps", "EPS = 1e-3", "EPS = 1e-5"),
        ("CGNet: the image is not joined at stride 4", "down, self.halve(half)]", "down, 0 * self.halve(half)]"),
    ], "CGNet"),
    *part("backbones", "erfnet", [
        ("ERFNet: the last rows are left, not the first", "x[..., :height, :width]", "x[..., -height:, -width:]"),
        ("ERFNet: rows are not dilated", "padding=(0, rate), dilation=(1, rate)", "padding=(0, 1)"),
    ], "ERFNet"),
    *part("backbones", "fast_scnn", [
        ("Fast-SCNN: ReLU behind depthwise convolutions", "stride, groups=in_channels, act=None",
         "stride, groups=in_channels"),
        ("Fast-SCNN: no pyramid", "self.out(*self.ppm(x)", "self.out(x, *(0 * y for y in self.ppm(x)[1:])"),
    ], "FastSCNN"),
    *head("light_ham", [
        ("SegNeXt: one step less", "for _ in range(self.train_steps if", "for _ in range(1, self.train_steps if"),
        ("SegNeXt: no last update", "            shares = improved(shares, pixels.mT, bases)\n            return",
         "            return"),
    ], "LightHamHead"),
    *head("stdc", [
        ("STDC: no gate behind the fusion", "x + self.excite(x)", "x"),
    ], "STDCHead"),
    *in_file("models/losses/detail.py", OF_HEADS, [
        ("STDC: details at one scale", "STRIDES = (1, 2)", "STRIDES = (1,)"),
        ("STDC: both sides of a border", "padding=1) > 0)", "padding=1) != 0)"),
        ("STDC: plain probabilities in the Dice loss", "p.square().sum(1)", "p.sum(1)"),
    ]),
    *in_file("models/losses/borders.py", OF_HEADS, [
        ("PIDNet: ignored pixels have borders", " & valid[here] & valid[there]", ""),
        ("PIDNet: wide borders to the other side", "before, after = width // 2, (width - 1) // 2",
         "before, after = (width - 1) // 2, width // 2"),
        ("PIDNet: weights change places", "torch.where(truth, 1 - share, share)",
         "torch.where(truth, share, 1 - share)"),
    ]),
    *in_file("models/heads/pid.py", OF_HEADS, [
        ("PIDNet: every pixel is near a border", "SURE = 0.8", "SURE = 0.0"),
    ]),
    *bridge("stdc", "stdc1", [
        ("mmseg STDC: the contexts change places", 'f"context.attend.{i}.convolve." for',
         'f"context.attend.{1 - i}.convolve." for'),
    ]),
    *bridge("cnns", "bisenet_v2", [
        ("mmseg BiSeNetV2: another map", "levels = {0: -3, 1: -5, 2: -4,", "levels = {0: -4, 1: -5, 2: -3,"),
    ]),
]  # fmt: skip
