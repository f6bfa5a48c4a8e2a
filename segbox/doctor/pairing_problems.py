"""Images without mask, masks without image, and duplicate images."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from segbox.config import shorten
from segbox.doctor.problem import Problem, counted
from segbox.doctor.scan import Scan


def missing_partners(name: str, no_image: Sequence[str], no_mask: Sequence[str]) -> list[Problem]:
    problems = []
    for kind, names, lack, advice in (
        ("missing mask", no_mask, "no mask", "Label them, or remove them; allow_missing=True skips them."),
        ("missing image", no_image, "no image", "Check the names; allow_missing=True skips them."),
    ):
        if names:
            subject = counted(len(names), "image" if kind == "missing mask" else "mask or listed name")
            have = "have" if len(names) > 1 else "has"
            problems.append(Problem(kind, name, f"{subject} {have} {lack}", advice, list(names)))
    return problems


def duplicates_between(scans: dict[str, Scan]) -> list[Problem]:
    """Images of one split that are also in another one, which makes scores too good."""
    shared = defaultdict(list)
    for group in _same_images(list(scans.items())).values():
        names = list(dict.fromkeys(name for name, _ in group))
        for other in names[1:]:
            first = next(position for name, position in group if name == names[0])
            shared[names[0], other] += [(first, position) for name, position in group if name == other]
    problems = []
    for (one, other), pairs in shared.items():
        files = [scans[other].pairs[position].path for _, position in pairs]
        verb = "are" if len(pairs) > 1 else "is"
        problems.append(
            Problem(
                "leak",
                other,
                f"{counted(len(pairs), 'image')} of {other!r} {verb} in {one!r} too, pixel by pixel:"
                " scores would be too good",
                "Remove them from one of the splits.",
                files,
                [f"the same as {shorten(Path(scans[one].pairs[first].path))}" for first, _ in pairs],
                [position for _, position in pairs],
            )
        )
    return problems


def too_few_to_split(scans: dict[str, Scan]) -> list[Problem]:
    """A folder without train and val will be split, which takes two different images."""
    pairs = scans["all"].pairs if "all" in scans else []
    if len({pair.image.content or pair.path for pair in pairs}) != 1:
        return []
    held = "there is one image only" if len(pairs) == 1 else f"all {len(pairs)} images are the same, pixel by pixel"
    advice = "Add images with masks: one to train on and another one to validate on are the least."
    return [Problem("too few", "all", f"{held}: no split into train and val", advice, [pairs[0].path])]


def duplicates_within(name: str, scan: Scan) -> Iterable[Problem]:
    same = [group for group in _same_images([(name, scan)]).values() if len(group) > 1]
    groups = [list({scan.pairs[i].path: i for _, i in reversed(group)}.values())[::-1] for group in same]
    groups = [group for group in groups if len(group) > 1]  # one file listed by two data sets is intended
    if not groups:
        return
    differ = [g for g in groups if len({scan.pairs[i].mask.content for i in g}) > 1]
    more = f"; in {len(differ)} of them the masks differ" if differ else ""
    count = f"{len(groups)} images occur" if len(groups) > 1 else "1 image occurs"
    yield Problem(
        "duplicate",
        name,
        f"{count} more than once, under different names{more}",
        "Keep one of each; where the masks differ, the one with the correct mask.",
        [scan.pairs[group[0]].path for group in groups],
        ["the same as " + ", ".join(shorten(Path(scan.pairs[i].path)) for i in group[1:]) for group in groups],
        [group[0] for group in groups],
        is_note=not differ,
    )


def _same_images(scans: list[tuple[str, Scan]]) -> dict[bytes, list[tuple[str, int]]]:
    groups = defaultdict(list)
    for name, scan in scans:
        for position, pair in enumerate(scan.pairs):
            if not pair.image.error:
                groups[pair.image.content].append((name, position))
    return groups
