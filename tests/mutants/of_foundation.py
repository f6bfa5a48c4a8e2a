"""Mutants of what foundation models are trained with: rates by layer, and the schedules of others."""

from tests.mutants.mutant import in_file

OF_FOUNDATION = [
    *in_file("engine/hooks/lr_schedule.py", "tests/engine/test_schedules.py", [
        ("restarts: cycles of one length", "growth**i for i in range(cycles)", "1.0 for i in range(cycles)"),
        ("restarts: a step late", "bisect(ends[:-1], step) - 1", "max(0, bisect(ends[:-1], step - 1) - 1)"),
        ("one cycle: the top is a step later", "self.rise * steps - 1, steps - 1", "self.rise * steps, steps - 1"),
        ("one cycle: ends at its start", "start / self.end_divisor", "start"),
        ("two warm-ups: the backbone begins at once", "            if step < 0:\n                return 0.0\n", ""),
        ("two warm-ups: all of one length", "self.backbone_warmup_steps\n            if", "warmup\n            if"),
    ]),
    *in_file("engine/optim.py", "tests/engine/test_layer_decay.py", [
        ("layer decay: one layer too many", "layer_decay ** (last - layer)", "layer_decay ** (last - layer + 1)"),
        ("optimizer: tokens decay", "(embeddings and EMBEDDING.search(name))", "False"),
        ("optimizer: all groups count to the backbone", '"in_backbone": in_backbone}', '"in_backbone": True}'),
    ]),
    *in_file("models/depth.py", "tests/engine/test_layer_decay.py", [
        ("depth: the last norm counts to the first layer", "if name in found else current", "if name in found else 0"),
    ]),
    *in_file("weights/sources/licences.py", "tests/weights/sources/test_licences.py", [
        ("licences: conditions are not told", "CONDITIONS.get(licence)", "None"),
    ]),
    *in_file("weights/sources/repositories.py", "tests/weights/sources/test_licences.py", [
        ("sources: all of timm's words are timm's repositories", "OWNERS.get(", "dict().get("),
    ]),
    *in_file("models/heads/linear.py", "tests/models/test_linear.py", [
        ("linear: always a norm", "if norm else nn.Identity()", "if True else nn.Identity()"),
    ]),
    *in_file("models/backbones/timm.py", "tests/models/test_timm.py -k maps_are_as_promised", [
        ("timm: output_stride for the whole network", 'if key != "output_stride"', "if True"),
    ]),
]  # fmt: skip
