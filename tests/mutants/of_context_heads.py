"""Mutants of the non-local heads and their successors."""

from tests.mutants.mutant import in_file
from tests.mutants.of_models import head

TRAINING = "tests/models/test_heads_nonlocal_numerics.py"

OF_CONTEXT_HEADS = [
    *in_file("models/layers/context_convs.py", "tests/models/test_heads_see.py -k GCHead", [
        ("context convs: the map is not joined", "torch.cat([x, self", "torch.cat([0 * x, self"),
    ]),
    *head("gc", [
        ("GC: no context", "x + self.transform(context)", "x + 0 * self.transform(context)"),
        ("GC: the plain mean", "describe_regions(x, self.attend(x))", "x.mean((2, 3), keepdim=True)"),
        ("GC: no norm", "nn.LayerNorm((inner, 1, 1))", "nn.Identity()"),
    ], "GCHead"),
    *head("non_local", [
        ("NL: no scale", "inner**-0.5 if use_scale", "1.0 if use_scale"),
        ("NL: always a scale", "if use_scale else 1.0", "if use_scale else inner**-0.5"),
        ("NL: a sum over pixels", " / keys.shape[-1]", ""),
        ("NL: keys and values change places", "values @ keys.mT", "keys @ values.mT"),
        ("NL: no shortcut", "return x + self.project(pixel", "return self.project(pixel"),
    ], "NonLocalHead"),
    *head("dnl", [
        ("DNL: no unary term", "pairwise + unary", "pairwise"),
        ("DNL: no pairwise term", "pairwise + unary", "unary"),
        ("DNL: queries with their mean", "centred(self.query(x))", "self.query(x)"),
        ("DNL: no temperature", " / temperature", ""),
    ], "DNLHead"),
    *head("isa", [
        ("ISA: no attention from afar", "x = self.distant(x.permute", "x = (x.permute"),
        ("ISA: no attention nearby", "self.near(x.flatten(0, 2))", "x.flatten(0, 2)"),
        ("ISA: the odd pixel at the first end", "missing // 2, missing - missing // 2",
         "missing - missing // 2, missing // 2"),
        ("ISA: no scale", "key_channels**-0.5", "1.0"),
    ], "ISAHead"),
    *head("ann", [
        ("ANN: all keys are equal", "self.pooled(key), value", "self.pooled(0 * key), value"),
        ("ANN: keys of single pixels", "torch.cat([means.flatten(2) for means in grid_means(x, self.pool_scales)]",
         "torch.cat([x.flatten(2)]"),
        ("ANN: no second attention", "self.attend(embedded, embedded, x), x]", "0 * x, x]"),
        ("ANN: a ReLU behind the fusion", "2 * high, high, act=None", "2 * high, high"),
    ], "ANNHead"),
    *head("ema", [
        ("EMA: one iteration", "range(self.iterations)", "range(1)"),
        ("EMA: bases of any length", "self.bases.to(pixels.dtype)", "2 * self.bases.to(pixels.dtype)"),
        ("EMA: bases share out the pixels", "torch.softmax(pixels.mT @ bases, dim=-1)",
         "torch.softmax(pixels.mT @ bases, dim=1)"),
        ("EMA: no ReLU behind the mixture", "self.project(torch.relu(mixtures))", "self.project(mixtures)"),
    ], "EMAHead"),
    *in_file("models/heads/ema.py", TRAINING, [
        ("EMA: bases that never move", "            if self.training:", "            if False:"),
        ("EMA: bases move in evaluation", "            if self.training:", "            if True:"),
        ("EMA: each process has its bases", "distributed.mean(bases.mean(dim=0, keepdim=True))",
         "bases.mean(dim=0, keepdim=True)"),
        ("EMA: the mean is not normalized", "lerp_(F.normalize(mean, dim=1)", "lerp_((mean)"),
        ("EMA: gradients of the bases", "with torch.no_grad():", "with torch.enable_grad():"),
    ]),
]  # fmt: skip
