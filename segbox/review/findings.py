"""The places of a review as text for a terminal, and as plain values for JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segbox.config import shorten
from segbox.errors import printable
from segbox.review.contradictions import Review
from segbox.review.places import Place


def findings_text(title: str, review: Review, places: Sequence[Place], top: int) -> str:
    """The first places, one below the other."""
    lines = [printable(title), heading(review, places)]
    classes = review.dataset.classes
    for number, place in enumerate(places[:top], 1):
        lines += [f"{number:>3}. {printable(shorten(Path(place.path)))}"]
        lines += [f"     {printable(place.sentence(classes))}, {place.where()}"]
    if len(places) > top:
        lines.append(f"     ... and {len(places) - top:,} more: --top {len(places)} shows all, --json lists all")
    return "\n".join(lines)


def heading(review: Review, places: Sequence[Place]) -> str:
    images = f"{review.images:,} image" + "s" * (review.images != 1)
    if not places:
        return f"{images}: no place where the model contradicts the label"
    affected = len({place.index for place in places})
    return f"{images}: {counted(places)} in {affected:,} of them where the model contradicts the label"


def counted(places: Sequence[Place]) -> str:
    return f"{len(places):,} place" + "s" * (len(places) != 1)


def as_json(title: str, review: Review, places: Sequence[Place]) -> dict[str, Any]:
    """All places, with the numbers that they were ranked by."""
    classes = review.dataset.classes
    return {
        "title": title,
        "images": review.images,
        "classes": [{"id": i, "name": name, "typical": round(float(review.typical()[i]), 4)}
                    for i, name in enumerate(classes)],
        "places": [place_as_json(place, classes) for place in places],
    }  # fmt: skip


def place_as_json(place: Place, classes: Sequence[str]) -> Mapping[str, Any]:
    return {
        "image": place.path,
        "kind": place.kind,
        "labelled": classes[place.labelled],
        "predicted": classes[place.predicted],
        "confidence": round(place.confidence, 4),
        "score": round(place.score, 3),
        "pixels": place.pixels,
        "box": dict(zip(("x", "y", "width", "height"), place.box)),
        "point": dict(zip("xy", place.point)),
    }
