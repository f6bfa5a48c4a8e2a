"""Ultralytics: its start is compared. Its models and losses have no counterpart of the same numbers in segbox."""


def versions():
    import ultralytics

    return {"ultralytics": ultralytics.__version__}


WORKS = {}
