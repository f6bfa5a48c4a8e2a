"""Mutants of predictions at scale."""

from tests.mutants.mutant import in_file

PREDICTIONS = "tests/viz/test_predictions.py"

OF_SCALE = [
    *in_file("viz/in_threads.py", "tests/viz/test_in_threads.py", [
        ("threads: any number of results wait", "if len(begun) > threads:", "if len(begun) > 99 * threads:"),
        ("threads: one after the other", "pool = ThreadPoolExecutor(threads)", "pool = ThreadPoolExecutor(1)"),
    ]),
    *in_file("viz/batches.py", "tests/viz/test_batches.py", [
        ("batches: an item may wait for ever", "if oldest in begun and", "if False and"),
        ("batches: one more than asked for", "if len(batch) >= most(item):", "if len(batch) > most(item):"),
        ("order: as they come", "while following in early:", "while early:"),
    ]),
    *in_file("viz/predictions.py", PREDICTIONS, [
        ("predict: all of a batch get the first map", "{kind: values[i] for", "{kind: values[0] for"),
        ("predict: sizes are mixed", "(picture.image.shape, picture.image.dtype)", "(picture.image.dtype,)"),
    ]),
    *in_file("evaluation/predictor.py", "tests/evaluation/test_predictor.py", [
        ("predictor: batches of any number of pixels", "BATCH_PIXELS // (", "2**30 // ("),
    ]),
]  # fmt: skip
