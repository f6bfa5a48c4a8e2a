"""Mutants of the way back to the labels: places, their ranking, and the choice of pictures."""

from tests.mutants.mutant import in_file

CONTRADICTIONS = "tests/review/test_contradictions.py"

OF_REVIEW = [
    *in_file("review/places.py", "tests/review/test_places.py", [
        ("places: rims count", "& ~(near[labelled] & near[predicted])", ""),
        ("places: what is near one class is a rim", "~(near[labelled] & near[predicted])", "~near[labelled]"),
        ("places: ignored pixels count", "(label != prediction) & (label != IGNORE_INDEX)", "(label != prediction)"),
        ("places: the labelled object is that of the prediction", "for ids in (label, prediction))",
         "for ids in (prediction, label))"),
        ("places: one swapped class is enough", "and is_mostly(b, a, label, prediction)", ""),
    ]),
    *in_file("review/contradictions.py", CONTRADICTIONS, [
        ("review: no class has a typical probability", "(place.odds - expected)", "place.odds"),
        ("review: all classes need the same confidence", "np.minimum(typical, SURE)", "np.maximum(typical, SURE)"),
        ("review: what is typical is that of the prediction", "label[known], np.exp(own[known])",
         "label[known], np.exp(best[known])"),
    ]),
    *in_file("review/folds.py", CONTRADICTIONS, [
        ("folds: the judged images are trained on", "if number not in own for", "if number not in [] for"),
    ]),
    *in_file("review/choice.py", "tests/review/test_choice.py", [
        ("choice: near-duplicates", "nearest > alike", "nearest >= 0"),
        ("choice: far from the last one only", "np.minimum(nearest, distances(features, chosen[-1]))",
         "distances(features, chosen[-1])"),
        ("choice: the farthest", "uncertainty * nearest, 0", "nearest, 0"),
    ]),
    *in_file("review/uncertainty.py", "tests/review/test_uncertainty.py", [
        ("doubt: of the whole picture", "round(WORST * len(entropy))", "len(entropy)"),
        ("doubt: the second class is forgotten", "low * num_classes + high", "low * num_classes + low"),
    ]),
]  # fmt: skip
