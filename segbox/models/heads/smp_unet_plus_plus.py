"""U-Net++'s decoder as in segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch)."""

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.registry import HEADS

from .head import DecodeHead
from .smp_unet import UPSAMPLINGS, UpBlock


@HEADS.register
class SMPUNetPlusPlusHead(DecodeHead):
    """A grid of U-Net blocks: row 0 begins at the last map, row i at a map that is i steps finer; all rows climb to
    the finest map. Logits at twice its size.

    A block concatenates the map of its size and the blocks of that size in the rows below. `channels` are those of row
    0, coarsest first; the blocks of the other rows are as wide as the map of their size. `scse` is that of SMPUNetHead.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: tuple[Count, ...] = (256, 128, 64, 32, 16),
        norm: bool = True,
        scse: bool = False,
        upsampling: str = "nearest",
    ) -> None:
        super().__init__()
        if upsampling not in UPSAMPLINGS:
            raise ValueError(f"there is no upsampling {upsampling!r}; there are {', '.join(UPSAMPLINGS)}")
        maps = in_channels[::-1]  # coarse to fine
        self.depth = len(maps) - 1
        self.factor = 1 if in_strides[0] == 1 else 2  # from the finest map to the logits
        widths = [channels[min(i, len(channels) - 1)] for i in range(self.depth + 1)]
        options = (scse, upsampling)
        self.blocks = nn.ModuleDict()  # "row_level": level i makes a map of the size of map i + 1
        for level, skip in enumerate(maps[1:]):
            for row in range(level + 1):
                below = maps[row] if row == level else maps[level] if row else widths[level - 1]
                out = skip if row else widths[level]
                self.blocks[f"{row}_{level}"] = UpBlock(below + skip * (level + 1 - row), out, norm, scse, *options)
        self.finish = UpBlock(widths[self.depth - 1] if self.depth else maps[0], widths[-1], norm, False, *options)
        self.classify = nn.Conv2d(widths[-1], num_classes, 3, padding=1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = features[::-1]
        rows = list(maps[: max(1, self.depth)])  # the last map that each row has made
        for level in range(self.depth):
            skip, made = maps[level + 1], []
            for row in reversed(range(level + 1)):
                rows[row] = self.blocks[f"{row}_{level}"](rows[row], skip.shape[-2:], [*made, skip])
                made.insert(0, rows[row])
        height, width = rows[0].shape[-2:]
        return self.classify(self.finish(rows[0], (self.factor * height, self.factor * width), []))
