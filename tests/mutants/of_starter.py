"""Mutants of the first config: what is measured, what is chosen, what is written."""

from tests.mutants.mutant import in_file

PLAN = "tests/starter/test_plan.py"
SETUP = "tests/starter/test_setup.py"
WIDTHS = "tests/starter/test_fingerprint.py"
TRIAL = "tests/starter/test_trial.py"
TEXT = "tests/starter/test_config_text.py"

OF_STARTER = [
    *in_file(
        "starter/plan.py",
        PLAN,
        [
            (
                "plan: the lightest model that gets enough",
                "for setup in reversed(setups[1:]):",
                "for setup in setups[1:]:",
            ),
            (
                "plan: evaluations take no time",
                "left = (1 - SPARE) * seconds - measured.start_seconds - evaluations",
                "left = (1 - SPARE) * seconds - measured.start_seconds",
            ),
            ("plan: hopeless models are measured", "> OPTIMISM * worth", "> 1000 * worth"),
            (
                "plan: few images, hardly any steps",
                "min(max(low, epochs_as_steps(ENOUGH_EPOCHS, images, batch)), high)",
                "min(epochs_as_steps(ENOUGH_EPOCHS, images, batch), high)",
            ),
            (
                "plan: large crops however few the steps",
                "least_steps, light[::-1], images",
                "least_steps, light, images",
            ),
            (
                "plan: a hopeless budget is taken",
                "    if budget is not None:\n        refuse(",
                "    if False:\n        refuse(",
            ),
            (
                "plan: a free run takes the whole limit",
                "wanted = good_steps(images, batch) if is_free else",
                "wanted = math.inf if is_free else",
            ),
            ("plan: as many evaluations as are allowed", "max(1, min(EVALUATIONS, int(wanted)))", "EVALUATIONS"),
        ],
    ),
    *in_file(
        "starter/setup.py",
        SETUP,
        [
            ("setup: crops do not grow with the image", "whole_cells(scale * min(longest", "whole_cells(min(longest"),
            ("setup: as many enlarged crops", "// (2 if scale > 1 else 1)", ""),
            ("setup: half cells", "int(side + 0.5) // stride * stride", "int(side)"),
        ],
    ),
    *in_file(
        "starter/fingerprint.py",
        WIDTHS,
        [
            ("widths: regions count, not pixels", "np.cumsum(rows[order, 1])", "np.arange(1, len(rows) + 1)"),
            (
                "widths: ids of the files, not classes",
                "region_widths(table[label], num_classes)",
                "region_widths(label, num_classes)",
            ),
            ("widths: half as wide", "4 * sums / pixels - 2", "2 * sums / pixels - 1"),
        ],
    ),
    *in_file(
        "starter/trial.py",
        TRIAL,
        [
            (
                "trial: the slower precision",
                "if own < FASTER * seconds:\n                best",
                "if own > FASTER * seconds:\n                best",
            ),
            (
                "trial: the memory format is not tried",
                "other = replace(best, channels_last=not best.channels_last)",
                "other = best",
            ),
            ("trial: loading is free", "max(seconds + taken, work / workers)", "seconds"),
            (
                "trial: workers have cores of their own",
                "max(seconds + taken, work / workers)",
                "max(seconds, work / workers)",
            ),
            (
                "trial: a part of the batch is the batch",
                "factor = setup.batch / len(small",
                "factor = 1 + 0 * len(small",
            ),
            (
                "trial: the time of a part of an image",
                "height * width / (min(height, WINDOW) * min(width, WINDOW))",
                "1.0",
            ),
        ],
    ),
    *in_file(
        "starter/config_text.py",
        TEXT,
        [
            (
                "config: first stages rest whatever the images",
                "and facts.is_rgb and start.is_known",
                "and facts.is_rgb",
            ),
            ("config: enlarged in training only", "if setup.scale != 1:", "if False:"),
            ("config: rare classes weigh as others", "and parts.facts.is_imbalanced", "and False"),
            (
                "config: short runs average as long ones",
                "min(max(WIDEST_EMA, 1 - 5 / steps), LONGEST_EMA)",
                "LONGEST_EMA",
            ),
        ],
    ),
]
