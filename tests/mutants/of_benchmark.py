"""Mutants of `segbox bench`: comparisons that would flatter one side."""

from tests.mutants.mutant import in_file

OF_BENCHMARK = [
    *in_file("benchmark/measure.py", "tests/benchmark/test_measure.py", [
        ("bench: the first turn counts", "zip(*taken[1:])", "zip(*taken)"),
        ("bench: other numbers are timed all the same", "if own.difference <= case.tolerance else", "if True else"),
        ("bench: more numbers agree with fewer", "if len(numbers) != len(reference) or", "if False and"),
        ("bench: ratios upside down", "return own[1] / first[1] if own and first and first[1] else None",
         "return first[1] / own[1] if own and first and first[1] else None"),
    ]),
    *in_file("benchmark/training.py", "tests/benchmark/test_cases.py -k 'steps or other_losses'", [
        ("bench: the bare loop does not step", "    optimizer.step()", "    pass"),
        ("bench: the bare loss is always cross entropy", "    return all(type(head).loss is DecodeHead.loss",
         "    return True or all(type(head).loss is DecodeHead.loss"),
    ]),
    *in_file("benchmark/evaluation.py", "tests/benchmark/test_cases.py -k 'evaluation'", [
        ("bench: bare windows are not added", "x : x + window[1]] += resize", "x : x + window[1]] = resize"),
    ]),
    *in_file("benchmark/inference.py", "tests/benchmark/test_cases.py -k 'exported or whose_classes'", [
        ("bench: a file of other classes is timed", 'if different > MOST_DIFFERENT["fp32"]:', "if False:"),
    ]),
    *in_file("benchmark/peers.py", "tests/benchmark/test_peers.py", [
        ("bench: a peer's error is an answer", 'if "error" in reply:', "if False:"),
    ]),
]  # fmt: skip
