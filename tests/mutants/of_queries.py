"""Mutants of heads with queries and kernels."""

from tests.mutants.mutant import in_file

SEE = "tests/models/test_heads_see.py"
MASK2FORMER, KNET = f"{SEE} -k Mask2FormerHead", f"{SEE} -k KNetHead"

OF_QUERIES = [
    *in_file("models/heads/pixel_head.py", f"{SEE} -k PSPHead", [
        ("pixel head: no dropout", "self.dropout(self.pixels(features))", "self.pixels(features)"),
    ]),
    *in_file("models/layers/sine_positions.py", MASK2FORMER, [
        ("sines: rows and columns are swapped", "(height, width))\n", "(width, height))\n"),
        ("sines: places from 0", "torch.arange(1, length + 1,", "torch.arange(0, length,"),
        ("sines: one frequency", "2 * pairs / channels", "0 * pairs / channels"),
    ]),
    *in_file("models/layers/transformer.py", MASK2FORMER, [
        ("attention: no mask", "None if mask is None else mask[:, None]", "None"),
        ("attention: no norm", "self.norm(x + self.attention(", "(x + self.attention("),
        ("MLP: no residual", "self.norm(x + self.dropout(", "self.norm(self.dropout("),
    ]),
    *in_file("models/layers/deformable_attention.py", MASK2FORMER, [
        ("deformable: offsets of rows are columns", "offsets[..., 0] / width, offsets[..., 1] / height",
         "offsets[..., 1] / width, offsets[..., 0] / height"),
        ("deformable: corners for centres", "dtype=dtype) + 0.5)", "dtype=dtype) + 0.0)"),
        ("deformable: the weights of level 0", "weights[:, None, :, level]", "weights[:, None, :, 0]"),
    ]),
    *in_file("models/layers/points.py", "tests/models/layers/test_points.py", [
        ("points: never deterministic", "if torch.are_deterministic_algorithms_enabled():", "if False:"),
        ("points: the axes are swapped", "x, y = points.unbind(-1)", "y, x = points.unbind(-1)"),
    ]),
    *in_file("models/layers/points.py", MASK2FORMER, [
        ("points: aligned corners by grid_sample", "2 * points[:, None] - 1, align_corners=align_corners",
         "2 * points[:, None] - 1, align_corners=True"),
    ]),
    *in_file("models/layers/deformable_pixel_decoder.py", MASK2FORMER, [
        ("pixel decoder: no levels", "self.channels) + level for", "self.channels) + 0 * level for"),
        ("pixel decoder: the fine map alone", "x + self.resize(maps[-1]", "x + 0 * self.resize(maps[-1]"),
        ("pixel decoder: values with positions", "self.attention(x + positions, x, places",
         "self.attention(x + positions, x + positions, places"),
    ]),
    *in_file("models/heads/mask2former.py", MASK2FORMER, [
        ("Mask2Former: always the coarsest map", "level = i % len(maps)", "level = 0"),
        ("Mask2Former: empty masks see nothing", "is_inside | ~is_inside.any(dim=-1, keepdim=True)", "is_inside"),
        ("Mask2Former: the outside of the mask", ".flatten(2) >= 0", ".flatten(2) < 0"),
        ("Mask2Former: keys without positions", "value + sine_positions(x, x.shape[1])", "value"),
        ("Mask2Former: the first layer", "self.predict(states[-1], pixels)", "self.predict(states[0], pixels)"),
    ]),
    *in_file("models/heads/maskformer.py", f"{SEE} -k MaskFormerHead", [
        ("MaskFormer: bilinear for nearest", 'mode="nearest"', 'mode="bilinear"'),
        ("MaskFormer: keys without positions", "value + sine_positions(last, last.shape[1])", "value"),
        ("MaskFormer: the map first", "self.mlp(self.look(x, x + positions, key, value))",
         "self.mlp(self.exchange(self.look(x, x + positions, key, value), placed, placed, x))"),
        ("MaskFormer: the first layer", "self.predict(states[-1], pixels)", "self.predict(states[0], pixels)"),
    ]),
    *in_file("models/heads/knet.py", KNET, [
        ("K-Net: the gates are swapped", "self.found_gate(both) * self.found_norm(found_out)",
         "self.kernel_gate(both) * self.found_norm(found_out)"),
        ("K-Net: shares over places", "wide.softmax(dim=1)", "wide.softmax(dim=2)"),
        ("K-Net: kernels do not see each other", "self.mlp(self.exchange(kernels, kernels, kernels, kernels))",
         "self.mlp(kernels)"),
        ("K-Net: each stage begins with the classifier", "kernels, last = stage(", "_, last = stage("),
        ("K-Net: earlier stages are not trained", "for i, logits in enumerate(earlier):", "for i, logits in []:"),
    ]),
]  # fmt: skip
