"""The places of a review as one HTML page: image, label and prediction around each, with its outline."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from segbox.review.contradictions import Review
from segbox.review.findings import counted, heading
from segbox.review.places import SWAPPED, Place
from segbox.viz.html_page import escape, page, picture_address
from segbox.viz.overlay import as_bytes, overlay

AROUND = 1.0  # of the longer side of a place: what is shown on each side of it
LEAST = 48  # pixels that are shown on each side, at least
SIDE = 320  # longer side of a picture in pixels; smaller ones are enlarged
PANELS = ("image", "label", "model")
DARK, BRIGHT = (0, 0, 0), (255, 255, 255)  # of the outline: one of the two is seen on any ground

STYLE = """
.place { margin-top: 14px; }
.place p { margin: 6px 0 10px; overflow-wrap: anywhere; }
.place .what { font-weight: 600; }
.panels { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; max-width: 1000px; }
.panels figure img { height: auto; max-height: 320px; }
@media (max-width: 600px) { .panels { gap: 4px; } .panels figcaption { padding: 2px 6px 4px; } }
@media print { .place { break-inside: avoid; } }
"""


def places_page(title: str, review: Review, places: Sequence[Place], top: int, note: str = "") -> str:
    """The first places with pictures."""
    shown = places[:top]
    pill = f'<span class="pill {"bad" if places else "good"}">{counted(places)}</span>'
    body = [
        f'<header><div><h1>{escape(title)}</h1><div class="soft">{escape(heading(review, places))}</div></div>{pill}',
        "</header>",
        f'<p class="soft">{escape(note)}</p>' if note else "",
        legend(review, shown) if shown else "",
        *(place_card(number, place, review) for number, place in enumerate(shown, 1)),
    ]
    if len(places) > top:
        body.append(f'<p class="soft">... and {len(places) - top:,} more: --top {len(places)} draws all</p>')
    return page(title, "".join(body), STYLE)


def legend(review: Review, places: Sequence[Place]) -> str:
    """The classes of these places, with their colours."""
    classes = sorted({own for place in places for own in (place.labelled, place.predicted)})
    return f'<div class="legend">{"".join(chip(review, own) for own in classes)}</div>'


def chip(review: Review, own: int) -> str:
    colour = ",".join(str(int(value)) for value in review.dataset.palette[own])
    name = escape(review.dataset.classes[own])
    return f'<span><span class="chip" style="background:rgb({colour})"></span>{name}</span>'


def place_card(number: int, place: Place, review: Review) -> str:
    figures = "".join(
        f'<figure><img alt="{name} around the place" src="{picture_address(picture)}"><figcaption>{name}</figcaption>'
        "</figure>"
        for name, picture in zip(PANELS, pictures(place, review))
    )
    return (
        f'<section class="card place" id="place-{number}"><div><span class="tag bad">{number}</span>'
        f'<span class="tag split">{escape(place.kind)}</span><b>{escape(Path(place.path).name)}</b>'
        f' <span class="soft">{escape(place.where())}</span></div>'
        f'<p class="what">{escape(place.sentence(review.dataset.classes))}</p><div class="panels">{figures}</div>'
        f'<p class="soft">{escape(place.path)}</p></section>'
    )


def pictures(place: Place, review: Review) -> Iterable[np.ndarray]:
    """Image, label and prediction around the place, outlined."""
    sample = review.dataset.load(place.index)
    image, label, prediction = as_bytes(sample["image"]), sample["label"], review.prediction(place.index)
    rows, columns = surroundings(place, label.shape)
    region = region_of(place, label, prediction)[rows, columns]
    image, label, prediction = image[rows, columns], label[rows, columns], prediction[rows, columns]
    palette = review.dataset.palette
    for picture in (image, overlay(image, label, palette), overlay(image, prediction, palette)):
        yield outlined(picture, region)


def surroundings(place: Place, shape: Sequence[int]) -> tuple[slice, slice]:
    """The rows and columns that are shown: the box of the place, and the same again on each side."""
    x, y, width, height = place.box
    margin = max(LEAST, round(AROUND * max(width, height)))
    rows = slice(max(0, y - margin), min(shape[0], y + height + margin))
    return rows, slice(max(0, x - margin), min(shape[1], x + width + margin))


def region_of(place: Place, label: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The pixels of the place with the rims around it: H W, 0 or 1."""
    region = (label == place.labelled) & (prediction == place.predicted)
    if place.kind == SWAPPED:
        return (region | ((label == place.predicted) & (prediction == place.labelled))).astype(np.uint8)
    parts = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)[1]
    x, y = place.point
    return (parts == parts[y, x]).astype(np.uint8)


def outlined(picture: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The picture at the page's size with the outline of the region."""
    factor = SIDE / max(picture.shape[:2])
    size = tuple(max(1, round(side * factor)) for side in picture.shape[1::-1])
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    region = cv2.resize(region, size, interpolation=cv2.INTER_NEAREST)
    lines = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(picture, lines, -1, DARK, 3, cv2.LINE_AA)
    cv2.drawContours(picture, lines, -1, BRIGHT, 1, cv2.LINE_AA)
    return picture
