"""Mutants of SAN, of the CLIP that it reads, and of what converts mmsegmentation's."""

from tests.mutants.mutant import in_file

SAN = "tests/models/test_san.py"
PARITY = "tests/interop/mmseg/test_parity.py -k san"
CONVERT = "tests/interop/mmseg/test_san.py"

OF_SAN = [
    *in_file("models/heads/san.py", SAN, [
        ("SAN: queries see each other", "1 - torch.eye(queries)", "0 * torch.eye(queries)"),
        ("SAN: patches see queries", "below = torch.cat([looks.new_full((others, queries), UNSEEN)",
         "below = torch.cat([looks.new_full((others, queries), 0.0)"),
        ("SAN: fixed classes learn", "torch.cat([classes[:-1].detach(), classes[-1:]])", "classes"),
        ("SAN: a backbone without a class token", "if not tokens.prefix():", "if False:"),
    ]),
    *in_file("models/heads/san.py", PARITY, [
        ("SAN: positions once", "x = x + positions\n", "x = x + (i == 0) * positions\n"),
        ("SAN: one map of the CLIP for all", "self.fused(i, seen[i], size)", "self.fused(i, seen[0], size)"),
        ("SAN: products, not cosines", "F.normalize(self.project(queries), dim=-1)", "self.project(queries)"),
    ]),
    *in_file("models/layers/grid_maxima.py", SAN, [
        ("maxima: minima", ".amax(dim)", ".amin(dim)"),
        ("maxima: cells do not overlap", "((cells + 1) * length + count - 1) // count",
         "((cells + 1) * length) // count"),
    ]),
    *in_file("models/backbones/vit.py", PARITY, [
        ("CLIP: no first norm", "x = self.first_norm(x)", "x = x"),
        ("CLIP: images at their own size", "scale_factor=self.image_scale", "scale_factor=1.0"),
    ]),
    *in_file("interop/mmseg/clip_text.py", PARITY, [
        ("CLIP's text: words see what follows", "is_causal=True", "is_causal=False"),
        ("CLIP's text: the first token's embedding", "len(own) - 1 for own", "0 for own"),
        ("CLIP's text: long templates count more", "F.normalize(encode(weights, own, heads), dim=-1)",
         "encode(weights, own, heads)"),
    ]),
    *in_file("interop/mmseg/settings.py", CONVERT, [
        ("mmseg: the longest side is the short one", '"short": min(sides)', '"short": longest'),
    ]),
]  # fmt: skip
