"""Mutants of what heads that predict masks need: their loss, their matching, their inference."""

from tests.mutants.mutant import Mutant, in_file

LOSS = "tests/models/losses/test_mask_loss.py"
MAP = "tests/evaluation/test_mask_map.py"
HEAD = "tests/models/test_mask_head.py"

OF_MASKS: list[Mutant] = [
    *in_file(
        "models/losses/assignment.py",
        f"{LOSS} -k assignment",
        [
            ("assignment: columns keep their price", "price_of_column[seen] -= length - distance[seen]", "pass"),
            ("assignment: rows keep their price", "price_of_row[path] += ", "price_of_row[path] = 0 * "),
            ("assignment: a taken column is taken twice", "if row_of[column] < 0:", "if True:"),
        ],
    ),
    *in_file(
        "models/layers/points.py",
        LOSS,
        [
            (
                "points: the upper left corner of a pixel is its centre",
                "(x * width - 0.5, y * height - 0.5)",
                "(x * width, y * height)",
            ),
            ("points: beyond the border as at the border", "weight * is_inside", "weight"),
            ("points: the first image for all", "height * width * torch.arange", "0 * torch.arange"),
        ],
    ),
    *in_file(
        "models/losses/mask_matching.py",
        LOSS,
        [
            ("matching: without the classes", "self.class_loss_weight * own + ", ""),
            ("matching: ignored points are outside", "outside @ counts.mT", "outside.sum(dim=2, keepdim=True)"),
            ("matching: no focal loss", 'if self.form == "bce":', "if True:"),
            ("dice: no smooth", "(2 * both + 1) / (predicted + target + 1)", "2 * both / (predicted + target + 1e-9)"),
            ("matching: NaN is no number", "every.nan_to_num(nan=1e9, posinf=1e9, neginf=-1e9)", "every"),
        ],
    ),
    *in_file(
        "models/losses/mask_loss.py",
        LOSS,
        [
            ("masks: earlier layers are left out", "for own in losses[:-1])}", "for own in losses[:-1]) * 0}"),
            ("masks: images without labels have no objects", 'if self.void == "ignore":', "if False:"),
            (
                "masks: certain points",
                "(-values_at(drawn, masks, self.align_corners).abs())",
                "values_at(drawn, masks, self.align_corners).abs()",
            ),
            ("masks: ignored points are the first", "-torch.inf)", "torch.inf)"),
            (
                "masks: no object weighs as much",
                "[1.0] * num_classes + [no_object_weight]",
                "[1.0] * (num_classes + 1)",
            ),
            ("masks: the mean over all points", "/ counts.sum(dim=1).clamp(min=1)", "/ counts.shape[1]"),
        ],
    ),
    *in_file(
        "models/losses/mask_loss.py",
        f"{HEAD} -k processes",
        [
            (
                "masks: each process its own number",
                "distributed.mean(torch.tensor(own, dtype=torch.float, device=device))",
                "torch.tensor(own, dtype=torch.float, device=device)",
            ),
        ],
    ),
    *in_file(
        "models/class_scores.py",
        MAP,
        [
            ("log scores: with no object", "[..., :-1]", "[..., 1:]"),
            ("log scores: the log of nothing", ".clamp(min=SMALLEST).log()", ".log()"),
        ],
    ),
    *in_file(
        "evaluation/score_map.py",
        MAP,
        [
            (
                "mask map: all rows at once",
                "slice(top, min(top + most, rows.stop)) for top in range(rows.start, rows.stop, most)",
                "rows for most in [1]",
            ),
        ],
    ),
    *in_file(
        "models/class_rows.py",
        HEAD,
        [
            ("class rows: no object begins anew", "(*self.pairs, last)", "self.pairs"),
        ],
    ),
    *in_file(
        "models/head_builder.py",
        "tests/models/losses/test_criterion.py",
        [
            ("heads: any loss for any head", 'getattr(loss, "takes_masks", False) == makes_masks', "True"),
        ],
    ),
]
