"""TensorFlow's padding "SAME"."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """Padded so that the output has ceil(size / stride) pixels; an odd rest goes to the right and the bottom.

    With a stride, what is padded depends on the size: nothing may be added at the left and the top.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, 0, dilation, groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        sides = []
        for size in x.shape[:-3:-1]:  # width, height
            stride, reach = self.stride[0], self.dilation[0] * (self.kernel_size[0] - 1) + 1
            padding = torch.sym_max(0, ((size + stride - 1) // stride - 1) * stride + reach - size)
            sides += [padding // 2, padding - padding // 2]
        return super().forward(F.pad(x, sides))
