"""Images with an EXIF orientation: do they match their masks with the rotation, or without it?"""

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from segbox.data.readers.orientation import TRANSPOSED, UPRIGHT
from segbox.doctor.problem import Problem, problem_of_pairs, size_text
from segbox.doctor.scan import Pair, Scan

MISMATCH, FITS, UNKNOWN = "mismatch", "fits", "unknown"  # as read, judged by the sizes of image and mask
READ = {True: "read with EXIF rotation", False: "read without EXIF rotation (exif=False)"}
OTHER_WAY = {True: "without it", False: "with it"}
PairArguments = tuple[Scan, Callable[[Pair, np.ndarray], str], Callable[[Pair], str]]


def orientation_verdict(pair: Pair) -> str:
    """What the sizes say of an image with an EXIF rotation; "" without one, and if neither size fits."""
    header, size, mask = pair.image.header, pair.image.size, pair.mask.size
    if pair.image.error or header is None or header.orientation == UPRIGHT:
        return ""
    other = size[::-1] if header.orientation in TRANSPOSED else size
    if size == mask:
        return UNKNOWN if other == mask else FITS
    return MISMATCH if other == mask else ""


def orientation_problems(name: str, scan: Scan) -> Iterable[Problem]:
    """All problems of this kind in one split."""
    counts = Counter(map(orientation_verdict, scan.pairs))
    for exif in (True, False):
        yield from _mismatches(name, scan, exif, counts)
        yield from _unknown(name, scan, exif, counts)
        yield from _fitting(name, scan, exif)
    yield from _masks(name, scan)


def only_fit_other_way(scans: Iterable[Scan]) -> bool:
    """Whether no image fits its mask as it is read, but some would with the other setting of `exif`.

    Images whose sizes fit both ways do not count.
    """
    counts = Counter(orientation_verdict(pair) for scan in scans for pair in scan.pairs)
    return counts[MISMATCH] > 0 and not counts[FITS]


def _with(scan: Scan, kind: str, exif: bool) -> PairArguments:
    """Arguments of `problem_of_pairs` that select the images with this verdict."""

    def describe(pair: Pair, table: np.ndarray) -> str:
        if orientation_verdict(pair) != kind or pair.exif != exif:
            return ""
        sizes = f"image {size_text(pair.image.size)}, mask {size_text(pair.mask.size)}"
        return f"orientation {pair.image.header.orientation}, {sizes}"

    return scan, describe, lambda pair: pair.path


def _mismatches(name: str, scan: Scan, exif: bool, counts: Counter) -> Iterable[Problem]:
    advice = f"exif={not exif} in the data set reads images {OTHER_WAY[exif]}."
    if counts[FITS]:
        advice = (
            f"The masks are not consistent: {counts[FITS]:,} other images with such a tag fit only as they are read"
            " now. Rotate the pixels themselves and save without the tag (`exiftran`, `mogrify -auto-orient`), or"
            " remove the tag, whichever makes image and mask match."
        )
    message = f"{{files}} {READ[exif]}: image and mask match only {OTHER_WAY[exif]}"
    yield from problem_of_pairs(*_with(scan, MISMATCH, exif), Problem("turned image", name, message, advice), "image")


def _unknown(name: str, scan: Scan, exif: bool, counts: Counter) -> Iterable[Problem]:
    others = ", ".join(
        f"{counts[kind]:,} fit {way}"
        for kind, way in ((FITS, "only as they are read now"), (MISMATCH, f"only {OTHER_WAY[exif]}"))
        if counts[kind]
    )
    evidence = f" Of the other images with a tag, {others}." if others else ""
    yield from problem_of_pairs(
        *_with(scan, UNKNOWN, exif),
        Problem(
            "perhaps turned",
            name,
            f"{{files}} {READ[exif]}: the sizes do not show whether image and mask match",
            f"Check with `segbox browse`; exif={not exif} in the data set reads images {OTHER_WAY[exif]}.{evidence}",
            is_note=True,
        ),
        "image",
    )


def _fitting(name: str, scan: Scan, exif: bool) -> Iterable[Problem]:
    yield from problem_of_pairs(
        *_with(scan, FITS, exif),
        Problem(
            "rightly turned" if exif else "rightly unturned",
            name,
            f"{{files}} {READ[exif]}: image and mask match; {OTHER_WAY[exif]}, they would not",
            "Nothing to do: `segbox predict` reads photos in the same way.",
            is_note=True,
        ),
        "image",
    )


def _masks(name: str, scan: Scan) -> Iterable[Problem]:
    def describe(pair: Pair, table: np.ndarray) -> str:
        return f"orientation {pair.mask.orientation}" if pair.exif and pair.mask.orientation != UPRIGHT else ""

    yield from problem_of_pairs(
        scan,
        describe,
        lambda pair: pair.label_path,
        Problem(
            "mask with a tag",
            name,
            "{files} with an EXIF orientation, which is applied as for images",
            "Remove the tag if the masks are right without it; exif=False in the data set ignores all tags.",
            is_note=True,
        ),
        "mask",
    )
