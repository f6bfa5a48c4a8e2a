"""Problems of files: unreadable, masks in colours, wrong sizes, channels or bits."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from segbox.doctor.colour_masks import how_to_convert
from segbox.doctor.orientation_problems import orientation_problems, orientation_verdict
from segbox.doctor.problem import SHOWN, Problem, problem_of_pairs, size_text
from segbox.doctor.scan import Pair, Scan
from segbox.doctor.summary import channel_statistics

JPEG = (".jpg", ".jpeg")


def file_problems(name: str, scan: Scan) -> list[Problem]:
    """All problems of this kind in one split."""
    finders = (_unreadable, _other_kinds, _jpeg_masks, _colour_masks, _deep_masks, _sizes, orientation_problems)
    finders += (_channels, _depths, _constant_channels)
    return [problem for find in finders for problem in find(name, scan)]


def is_jpeg(path: str) -> bool:
    return path.lower().endswith(JPEG)


def _unreadable(name: str, scan: Scan) -> Iterable[Problem]:
    advice = "Copy or download them again; `skip_unreadable=True` in the data set trains without them, with a warning."
    yield from problem_of_pairs(
        scan,
        lambda pair, table: pair.image.error if pair.image.kind == "unreadable" else "",
        lambda pair: pair.path,
        Problem("unreadable image", name, "{files} cannot be read", advice),
        "image",
    )
    yield from problem_of_pairs(
        scan,
        lambda pair, table: pair.mask.error if pair.mask.kind == "unreadable" and not pair.image.error else "",
        lambda pair: pair.label_path,
        Problem("unreadable mask", name, "{files} cannot be read", advice),
        "mask",
    )


def _other_kinds(name: str, scan: Scan) -> Iterable[Problem]:
    yield from problem_of_pairs(
        scan,
        lambda pair, table: pair.image.error if pair.image.kind == "other" else "",
        lambda pair: pair.path,
        Problem(
            "other kind",
            name,
            "{files} with other channels or bits than the data set reads",
            "All images of a data set must have the same channels and bits: convert them, or set `channels` and `bits`"
            " in the data set.",
        ),
        "image",
    )


def _jpeg_masks(name: str, scan: Scan) -> Iterable[Problem]:
    yield from problem_of_pairs(
        scan,
        lambda pair, table: "JPEG" if is_jpeg(pair.label_path) else "",
        lambda pair: pair.label_path,
        Problem(
            "JPEG mask",
            name,
            "{files} stored as JPEG, whose compression changes ids along every edge",
            "Get the original masks as PNG; ids that JPEG has changed cannot be restored exactly.",
        ),
        "mask",
    )


def _colour_masks(name: str, scan: Scan) -> Iterable[Problem]:
    colours: Counter = Counter()
    for pair in scan.pairs:
        colours.update(pair.mask.colours)
    shown = ", ".join(f"{colour} {100 * n / colours.total():.1f} %" for colour, n in colours.most_common(SHOWN))
    more = f", ... ({len(colours)} in all)" if len(colours) > SHOWN else ""
    advice = "All three channels are equal: save only one of them, if it holds the ids."
    if not all(len(set(colour)) == 1 for colour in colours):
        advice = how_to_convert([pair for pair in scan.pairs if pair.mask.kind == "colours"], len(colours))
    yield from problem_of_pairs(
        scan,
        lambda pair, table: f"{len(pair.mask.colours)} colours" if pair.mask.kind == "colours" else "",
        lambda pair: pair.label_path,
        Problem("colour mask", name, f"{{files}} with colours instead of class ids: {shown}{more}", advice),
        "mask",
    )


def _deep_masks(name: str, scan: Scan) -> Iterable[Problem]:
    def describe(pair: Pair, table: np.ndarray) -> str:
        return f"ids up to {max(pair.mask.ids, default=0)}" if pair.mask.kind == "deep" else ""

    highest = max((max(pair.mask.ids, default=0) for pair in scan.pairs if pair.mask.kind == "deep"), default=0)
    advice = (
        "Save them with 8 bits."
        if highest <= 255
        else "Map the ids to 0 to 254 (255 means ignored), and save them with 8 bits."
    )
    message = f"{{files}} with more than 8 bits per pixel, and ids up to {highest}"
    yield from problem_of_pairs(
        scan, describe, lambda pair: pair.label_path, Problem("16-bit mask", name, message, advice), "mask"
    )


def _sizes(name: str, scan: Scan) -> Iterable[Problem]:
    def describe(pair: Pair, table: np.ndarray) -> str:
        is_reported = bool(pair.image.error) or pair.mask.kind == "unreadable" or orientation_verdict(pair)
        if is_reported or pair.image.size == pair.mask.size:
            return ""
        return f"image {size_text(pair.image.size)}, mask {size_text(pair.mask.size)}"

    yield from problem_of_pairs(
        scan,
        describe,
        lambda pair: pair.label_path,
        Problem(
            "size mismatch",
            name,
            "{files} of another size than the image (height x width)",
            "Image and mask must match pixel by pixel. Resize masks with nearest neighbour only, or export them again.",
        ),
        "mask",
    )


def _channels(name: str, scan: Scan) -> Iterable[Problem]:
    headers = [pair.image.header for pair in scan.pairs if pair.image.header is not None]
    channels = Counter(header.channels for header in headers)
    read_as = {len(pair.image.mean) for pair in scan.pairs if not pair.image.error}
    if read_as == {3} and set(channels) == {1}:
        yield Problem(
            "grey images",
            name,
            "all images have one channel, but are read as three equal ones",
            "channels=1 in the data set and in_channels=1 in the backbone save time.",
            is_note=True,
        )
    elif len(channels) > 1:
        shown = ", ".join(f"{n} with {c}" for c, n in channels.most_common())
        message = f"images differ in their number of channels: {shown}; read as {', '.join(map(str, read_as))}"
        yield Problem("mixed channels", name, message, "Nothing, if this is intended.", is_note=True)


def _depths(name: str, scan: Scan) -> Iterable[Problem]:
    """Images of more than 8 bits that are reduced to bytes: all of them, as the config says, or some among bytes."""

    def is_reduced(pair: Pair) -> bool:
        return pair.image.header is not None and not pair.image.error and pair.image.header.depth > pair.image.bits

    reduced, sound = sum(map(is_reduced, scan.pairs)), sum(not pair.image.error for pair in scan.pairs)
    if reduced == sound > 0:
        yield Problem(
            "deep images",
            name,
            "all images have more than 8 bits per channel, and are reduced to bytes",
            "bits=16 in the data set keeps their values; model.mean and model.std must then be in the same units.",
            is_note=True,
        )
        return
    yield from problem_of_pairs(
        scan,
        lambda pair, table: f"{pair.image.header.bits} bits" if is_reduced(pair) else "",
        lambda pair: pair.path,
        Problem(
            "mixed depths",
            name,
            "{files} with more than 8 bits per channel among images of 8 bits; they are reduced to 8 bits",
            "8 and 16 bits are in different units: save all images of a folder with the same bits.",
        ),
        "image",
    )


def _constant_channels(name: str, scan: Scan) -> Iterable[Problem]:
    constant = np.flatnonzero(channel_statistics(scan)[1] == 0) if any(not p.image.error for p in scan.pairs) else []
    if len(constant):
        shown = ", ".join(map(str, constant))
        yield Problem(
            "constant channel",
            name,
            f"channels (counted from 0) that have the same value everywhere: {shown}",
            "Nothing can be learned from them. Set their std to 1, because 0 would divide by zero.",
            is_note=True,
        )
