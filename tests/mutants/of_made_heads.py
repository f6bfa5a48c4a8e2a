"""Mutants of heads that make weights for each image or pixel."""

from tests.mutants.mutant import in_file
from tests.mutants.of_interop import part
from tests.mutants.of_models import head

OF_MADE_HEADS = [
    *head("apcnet", [
        ("APCNet: pixels do not know the image", "x + self.whole(x.mean((2, 3), keepdim=True))", "x"),
        ("APCNet: weights without bounds", "torch.sigmoid(self.weigh(", "(self.weigh("),
        ("APCNet: no shortcut", "torch.relu(x + self.residual(context))", "torch.relu(self.residual(context))"),
    ], "APCHead"),
    *head("dmnet", [
        ("DMNet: even filters at the other side", "(width // 2, (width - 1) // 2, height // 2, (height - 1) // 2)",
         "((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)"),
        ("DMNet: the same filters for all sizes", "branch(x, mean) for", "branch(x, means[0]) for"),
    ], "DMHead"),
    *head("psanet", [
        ("PSANet: distributes as it collects", 'if self.direction == "collect"', 'if True'),
        ("PSANet: offsets the other way round", "places[:, None] - places +", "places - places[:, None] +"),
        ("PSANet: beyond the mask is its edge", ".expand(shape)) * is_reached", ".expand(shape))"),
        ("PSANet: without the border", "(1, 1, 1, 1)", "(0, 0, 0, 0)"),
    ], "PSAHead"),
    *in_file("models/heads/psanet.py", "tests/interop/mmseg/test_parity.py -k psa_r18", [
        ("PSANet: always aligned", "* is_aligned).clamp", ").clamp"),
        ("PSANet: never aligned", "* is_aligned).clamp", "* 0).clamp"),
    ]),
    *part("made", "psa_r18_d8", [
        ("PSANet: directions exchanged", '{"": "collect", "_p": "distribute"}', '{"": "distribute", "_p": "collect"}'),
    ]),
]  # fmt: skip
