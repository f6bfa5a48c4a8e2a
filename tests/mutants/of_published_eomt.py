"""Mutants of the models that others have published on plain vision transformers."""

from tests.mutants.mutant import Mutant, in_file

VIT, DPT = "interop/transformers_vit.py", "tests/interop/test_transformers_vit.py"

OF_PUBLISHED_EOMT: list[Mutant] = [
    *in_file("interop/eomt.py", "tests/interop/test_eomt.py", [
        ("EoMT of its authors: other heads of attention", "HEAD_WIDTH = 64", "HEAD_WIDTH = 32"),
        ("EoMT of its authors: mean of images from 0 to 1", "round(255 * value, 6)", "round(value, 6)"),
        ("EoMT of its authors: no prefix is cut off", 'PREFIX = "network."', 'PREFIX = "net."'),
        ("EoMT of its authors: one class more", "len(weights[CLASSES]) - 1", "len(weights[CLASSES])"),
    ]),
    *in_file("interop/transformers_eomt.py", "tests/interop/test_transformers_eomt.py", [
        ("transformers' EoMT: no gate", "fc1_g", "fc1_x"),
        ("transformers' EoMT: GELU in the head beside SiLU", "num_blocks=blocks, act=act)", "num_blocks=blocks)"),
    ]),
    *in_file(VIT, DPT, [
        ("transformers' DPT: positions resized otherwise", 'resize="bilinear"', 'resize="bicubic"'),
        ("transformers' DPT: logits doubled otherwise", "align_corners=True)", "align_corners=False)"),
        ("transformers' BEiT: maps as mmsegmentation counts them", "[place - 1 for place", "[place for place"),
    ]),
]  # fmt: skip
