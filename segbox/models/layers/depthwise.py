"""Depthwise convolutions with strides or dilation, whose gradients are slow on CPUs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DepthwiseConv2d(nn.Conv2d):
    """One kernel per channel, padded to keep the size; in training on a CPU, computed in a faster, equal way.

    On CPUs, oneDNN has no fast gradient for dilated depthwise convolutions, nor for strided ones in bfloat16. Both are
    computed by plain ones here (`segbox bench depthwise` shows the speedups).
    """

    def __init__(self, channels: int, kernel: int = 3, stride: int = 1, dilation: int = 1, bias: bool = False) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type == "cpu" and torch.is_grad_enabled():
            stride, dilation = self.stride[0], self.dilation[0]
            if dilation > 1 and stride == 1 and min(x.shape[-2:]) > 2 * dilation:
                return self.dilated(x)
            if dilation == 1 and stride > 1 and x.dtype == torch.bfloat16:
                return self.with_stride(x)
        return super().forward(x)

    def dilated(self, x: Tensor) -> Tensor:
        """Every d-th row and column form an image, on which the kernel is not dilated."""
        d = self.dilation[0]
        n, c, height, width = x.shape
        x = F.pad(x, (0, -width % d, 0, -height % d))
        rows, columns = x.shape[2] // d, x.shape[3] // d
        x = x.permute(0, 2, 3, 1).reshape(n, rows, d, columns, d, c)
        x = x.permute(2, 4, 0, 1, 3, 5).reshape(d * d * n, rows, columns, c).permute(0, 3, 1, 2)
        x = F.conv2d(x, self.weight, self.bias, padding=self.kernel_size[0] // 2, groups=c)
        x = x.permute(0, 2, 3, 1).reshape(d, d, n, rows, columns, c)
        x = x.permute(2, 3, 0, 4, 1, 5).reshape(n, rows * d, columns * d, c)[:, :height, :width]
        return x.contiguous().permute(0, 3, 1, 2)

    def with_stride(self, x: Tensor) -> Tensor:
        s = self.stride[0]
        x = F.conv2d(x, self.weight, self.bias, padding=self.padding, groups=self.groups)[:, :, ::s, ::s]
        return x.contiguous(memory_format=torch.channels_last)
