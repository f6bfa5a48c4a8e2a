"""Mutants of networks that predict in several steps: ICNet, PointRend."""

from tests.mutants.mutant import in_file
from tests.mutants.of_interop import part
from tests.mutants.of_models import HEADS
from tests.mutants.of_models import part as own_part

OF_CASCADES = [
    *own_part("backbones", "icnet", [
        ("ICNet: the middle branch is missing", "return coarse, coarse + self.fine(fine)", "return coarse, coarse"),
        ("ICNet: floor instead of ceil in the pooling", "ceil_mode=True", "ceil_mode=False"),
        ("ICNet: an odd row shifts all others", "x[..., : 2 * height, : 2 * width]", "x"),
        ("ICNet: both branches after both sums", "less_coarse, total = self.add_fine(total, fine)",
         "less_coarse, total = self.add_fine(coarse, fine)"),
    ], "ICNet"),
    *part("icnet", "icnet", [
        ("ICNet of mmsegmentation: the pyramid's parts in our order", "torch.roll(weights[name], -PYRAMID * ",
         "torch.roll(weights[name], 0 * "),
    ]),
    *in_file("models/heads/pointrend.py", f"{HEADS} -k PointRendHead", [
        ("PointRend: the surest pixels", "return second - best", "return best - second"),
        ("PointRend: corners of pixels instead of centres", "(column.to(precision) + 0.5)", "column.to(precision)"),
        ("PointRend: the corners of pixels are their centres", "x, align_corners=False", "x, align_corners=True"),
        ("PointRend: layers without the coarse logits", "layer(torch.cat([x, coarse], dim=1))",
         "layer(torch.cat([x, 0 * coarse], dim=1))"),
        ("PointRend: one subdivision", "in range(self.subdivisions)", "in range(1)"),
        ("PointRend: random points only", "gather(1, best[..., None]", "gather(1, 0 * best[..., None]"),
    ]),
]  # fmt: skip
