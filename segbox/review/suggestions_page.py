"""The suggested pictures as one HTML page: each with the prediction, and with where the model is unsure."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from segbox.data.readers.files import read_image
from segbox.evaluation.predictor import Predictor
from segbox.review.suggestions import Suggestion
from segbox.viz.certainty import as_grey
from segbox.viz.html_page import escape, page, picture_address
from segbox.viz.overlay import as_bytes, overlay

SIDE = 360  # longer side of a picture in pixels, at most
PANELS = ("picture", "prediction", "uncertainty: bright is unsure")

STYLE = """
.suggestion { margin-top: 14px; break-inside: avoid; }
.suggestion p { margin: 6px 0 10px; overflow-wrap: anywhere; }
.panels { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
.panels figure img { height: auto; max-height: 360px; }
@media (max-width: 600px) { .panels { gap: 4px; } .panels figcaption { padding: 2px 6px 4px; } }
"""


def suggestions_page(title: str, suggestions: Sequence[Suggestion], total: int, predictor: Predictor) -> str:
    about = f"{len(suggestions)} of {total:,} pictures to label next, the most useful first"
    cards = "".join(card(number, own, predictor) for number, own in enumerate(suggestions, 1))
    header = f'<header><div><h1>{escape(title)}</h1><div class="soft">{about}</div></div></header>'
    return page(title, header + legend(predictor) + cards, STYLE)


def legend(predictor: Predictor) -> str:
    chips = (
        f'<span><span class="chip" style="background:rgb({",".join(map(str, colour))})"></span>{escape(name)}</span>'
        for name, colour in zip(predictor.classes, predictor.palette)
    )
    return f'<div class="legend" style="margin-top:12px">{"".join(chips)}</div>'


def card(number: int, own: Suggestion, predictor: Predictor) -> str:
    figures = "".join(
        f'<figure><img alt="{name}" src="{picture_address(picture)}"><figcaption>{name}</figcaption></figure>'
        for name, picture in zip(PANELS, pictures(own, predictor))
    )
    return (
        f'<section class="card suggestion"><span class="tag note">{number}</span><b>{escape(own.path.name)}</b>'
        f'<p>{escape(own.reason(predictor.classes))}</p><div class="panels">{figures}</div>'
        f'<p class="soft">{escape(str(own.path))}</p></section>'
    )


def pictures(own: Suggestion, predictor: Predictor) -> Iterable[np.ndarray]:
    """The picture, the predicted classes over it, and the entropies as brightness."""
    image = read_image(own.path, predictor.channels, predictor.bits, predictor.exif)
    label, _, entropy = predictor.certainty(image)
    shown = as_bytes(image)
    heat = cv2.cvtColor(cv2.applyColorMap(as_grey(entropy), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return (small(picture) for picture in (shown, overlay(shown, label, predictor.palette), heat))


def small(picture: np.ndarray) -> np.ndarray:
    factor = min(1, SIDE / max(picture.shape[:2]))
    size = tuple(max(1, round(side * factor)) for side in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
