"""Mutants of the page of a run: what it counts, chooses and advises."""

from tests.mutants.mutant import in_file

REPORT = "tests/report"

OF_REPORT = [
    *in_file(
        "report/boundaries.py",
        f"{REPORT}/test_boundaries.py",
        [
            ("boundaries: only the pixels above touch", "touches[:-1] |= down", "pass"),
            ("boundaries: a band begins a pixel early", "np.array(LAST) + 0.5", "np.array(LAST) - 0.5"),
            (
                "boundaries: ignored pixels count",
                "wrong = (target != prediction)[known]",
                "wrong = (target == target)[known]",
            ),
            ("boundaries: an ignored outline is a class", "filled = without_ignored(target)", "filled = target"),
        ],
    ),
    *in_file(
        "report/confusion.py",
        f"{REPORT}/test_confusion.py",
        [
            ("confusion: hits are mistakes", "counts * ~np.eye(len(counts), dtype=bool)", "counts"),
            (
                "confusion: columns for rows",
                "of_class = wrong.sum(), counts.sum(1)",
                "of_class = wrong.sum(), counts.sum(0)",
            ),
            ("confusion: rare classes are left out", "if mistake.of_class >= MOSTLY", "if False"),
        ],
    ),
    *in_file(
        "report/log_rows.py",
        f"{REPORT}/test_log_rows.py",
        [
            ("log: steps that were trained again stay", "kind.pop()", "break"),
            ("log: seconds of single steps", '(row["step"] - before) * row', "row"),
        ],
    ),
    *in_file(
        "report/examples.py",
        f"{REPORT}/test_examples.py",
        [
            ("examples: an image is worst and best", "reversed(examples[len(worst) :])", "reversed(examples)"),
            (
                "examples: ignored pixels are errors",
                "(target != guess) & (target != IGNORE_INDEX)",
                "(target != guess)",
            ),
            (
                "examples: augmented training images",
                '"pipeline": pipeline_of(data["val"])[0]',
                '"skip_unreadable": False',
            ),
        ],
    ),
    *in_file(
        "report/advice.py",
        f"{REPORT}/test_advice.py",
        [
            ("advice: a curve that fell still rises", "if gain >= STILL_RISING:", "if True:"),
            ("advice: a rare class on one image", "& (images >= MANY_IMAGES)", ""),
            (
                "advice: boundaries wherever they are",
                "part >= NEAR_BOUNDARIES and near <= FEW_NEAR",
                "near <= FEW_NEAR",
            ),
            ("advice: all runs overfit", "best - last >= WORSE_THAN_BEST", "True"),
        ],
    ),
]
