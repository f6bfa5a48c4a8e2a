"""Images with an EXIF orientation: do they lie on their masks as the data set reads them, or the other way?"""

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from segbox.data.readers.orientation import TRANSPOSED, UPRIGHT
from segbox.doctor.problem import Problem, gather, size_text
from segbox.doctor.scan import Pair, Scan

AWAY, FITS, UNKNOWN = "away", "fits", "unknown"  # as read, by the sizes of image and mask
READ = {True: "turned by their EXIF tag", False: "not turned by their EXIF tag (exif=False)"}
OTHER_WAY = {True: "unturned", False: "turned"}
Gathered = tuple[Scan, Callable[[Pair, np.ndarray], str], Callable[[Pair], str]]


def verdict(pair: Pair) -> str:
    """Of an image with a tag that turns it: what the sizes tell; "" without a tag, and where neither size fits."""
    header, size, mask = pair.image.header, pair.image.size, pair.mask.size
    if pair.image.error or header is None or header.orientation == UPRIGHT:
        return ""
    other = size[::-1] if header.orientation in TRANSPOSED else size
    if size == mask:
        return UNKNOWN if other == mask else FITS
    return AWAY if other == mask else ""


def orientation_problems(name: str, scan: Scan) -> Iterable[Problem]:
    """Of one split."""
    counts = Counter(map(verdict, scan.pairs))
    for exif in (True, False):
        yield from _away(name, scan, exif, counts)
        yield from _unknown(name, scan, exif, counts)
        yield from _fitting(name, scan, exif)
    yield from _masks(name, scan)


def fits_better_otherwise(scans: Iterable[Scan]) -> bool:
    """All images whose sizes tell lie on their masks only the other way than they are read."""
    counts = Counter(verdict(pair) for scan in scans for pair in scan.pairs)
    return counts[AWAY] > 0 and not counts[FITS]


def _with(scan: Scan, kind: str, exif: bool) -> Gathered:
    """What `gather` asks for, of the images with this verdict."""

    def describe(pair: Pair, table: np.ndarray) -> str:
        if verdict(pair) != kind or pair.exif != exif:
            return ""
        sizes = f"image {size_text(pair.image.size)}, mask {size_text(pair.mask.size)}"
        return f"orientation {pair.image.header.orientation}, {sizes}"

    return scan, describe, lambda pair: pair.path


def _away(name: str, scan: Scan, exif: bool, counts: Counter) -> Iterable[Problem]:
    advice = f"exif={not exif} in the data set reads them {OTHER_WAY[exif]}."
    if counts[FITS]:
        advice = (
            f"The masks are drawn in both ways: {counts[FITS]:,} other images with such a tag fit only as they are read"
            " now. Turn the pixels instead and save without the tag (`exiftran`, `mogrify -auto-orient`), or remove the"
            " tag, whichever makes image and mask agree."
        )
    message = f"{{files}} {READ[exif]}, away from their masks; {OTHER_WAY[exif]}, they would fit"
    yield from gather(*_with(scan, AWAY, exif), Problem("turned image", name, message, advice), "image")


def _unknown(name: str, scan: Scan, exif: bool, counts: Counter) -> Iterable[Problem]:
    others = ", ".join(
        f"{counts[kind]:,} fit {way}"
        for kind, way in ((FITS, "only as they are read now"), (AWAY, "only the other way"))
        if counts[kind]
    )
    evidence = f" Of the images with a tag whose sizes tell, {others}." if others else ""
    yield from gather(
        *_with(scan, UNKNOWN, exif),
        Problem(
            "perhaps turned",
            name,
            f"{{files}} {READ[exif]}; sizes cannot tell whether their masks are turned too",
            f"Look at them (segbox browse); exif={not exif} in the data set reads them {OTHER_WAY[exif]}.{evidence}",
            is_note=True,
        ),
        "image",
    )


def _fitting(name: str, scan: Scan, exif: bool) -> Iterable[Problem]:
    yield from gather(
        *_with(scan, FITS, exif),
        Problem(
            "rightly turned" if exif else "rightly unturned",
            name,
            f"{{files}} {READ[exif]}; so their sizes fit their masks, {OTHER_WAY[exif]} they would not",
            "Nothing: segbox predict reads photos in the same way.",
            is_note=True,
        ),
        "image",
    )


def _masks(name: str, scan: Scan) -> Iterable[Problem]:
    def describe(pair: Pair, table: np.ndarray) -> str:
        return f"orientation {pair.mask.orientation}" if pair.exif and pair.mask.orientation != UPRIGHT else ""

    yield from gather(
        scan,
        describe,
        lambda pair: pair.label_path,
        Problem(
            "mask with a tag",
            name,
            "{files} with an EXIF orientation of their own: they are turned by it as images are",
            "Remove the tag if the ids lie right without it; exif=False in the data set ignores the tags of all files.",
            is_note=True,
        ),
        "mask",
    )
