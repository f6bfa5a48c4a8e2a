"""Mutants of EoMT."""

from tests.mutants.mutant import Mutant, in_file

EOMT = "tests/models/test_eomt.py"

OF_EOMT: list[Mutant] = [
    *in_file("models/heads/eomt.py", EOMT, [
        ("EoMT: an open query is masked", ">= probability", "< probability"),
        ("EoMT: the masks of the first block for all", "self.mask_probability[i])", "self.mask_probability[0])"),
        ("EoMT: queries do not see each other", "count - patches.shape[2] :] = patches",
         ": patches.shape[2]] = patches"),
        ("EoMT: masks in the padding", "[..., :height, :width]", ""),
        ("EoMT: a finished model computes all layers", "if of_all_blocks or is_masked", "if True"),
        ("EoMT: a loaded model forgets its masks", "if not self.mask_probability.is_meta:", "if False:"),
        ("EoMT: half the steps to stride 4", "self.patch.bit_length() - 3", "self.patch.bit_length() - 4"),
    ]),
    *in_file("models/layers/tokens.py", EOMT, [
        ("tokens: queries are rotated", "torch.zeros_like(sine)", "torch.ones_like(sine)"),
        ("tokens: patches without the norm", "values = self.norm(self.values)", "values = self.values"),
        ("tokens: the rotation of another block", "self.ropes[first:last]", "self.ropes[: last - first]"),
    ]),
    *in_file("engine/hooks/mask_annealing.py", "tests/engine/test_mask_annealing.py", [
        ("annealing: a straight line", "POWER = 0.9", "POWER = 1.0"),
        ("annealing: the average keeps its masks", "(runner.model, runner.averaged_model)", "(runner.model, None)"),
        ("annealing: no last phase", "(i + 2) / (count + 2)) for", "(i + 2) / (count + 1)) for"),
    ]),
    *in_file("interop/transformers_eomt.py", "tests/interop/test_transformers_eomt.py", [
        ("transformers' EoMT: no masks", '"decode_head.mask_probability"', "None"),
    ]),
]  # fmt: skip
