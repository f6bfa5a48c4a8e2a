"""The part of a page that shows the result of one picture. All of it is in the page, the downloads as well."""

import base64
from pathlib import PurePath

import cv2
import numpy as np

from segbox.errors import printable
from segbox.serve.result import OUTPUTS, Result, areas, overlay_jpeg
from segbox.viz.certainty import as_grey
from segbox.viz.html_page import data_address, escape, picture_address
from segbox.viz.overlay import as_bytes, colour_map
from segbox.viz.prediction_html import percent

SHORTEST, LONGEST = 512, 1280  # longer side of the pictures that are shown; the downloads are as large as the image
VIEWS = {"classes": "classes", "confidence": "confidence", "image": "image only"}


def result_html(result: Result) -> str:
    height, width = result.label.shape
    size = shown_size(height, width)
    label = cv2.resize(result.label, size, interpolation=cv2.INTER_NEAREST)
    mean = 100 * float(result.confidence.mean(dtype=np.float64))
    facts = f"{width} x {height} pixels, {result.seconds:.2f} s, mean confidence {mean:.1f} %, {result.model}"
    ids = base64.b64encode(label.tobytes()).decode()
    return (
        f'<section class=result data-width="{size[0]}" data-height="{size[1]}" data-ids="{ids}">'
        f"<p class=facts><b>{escape(result.name)}</b> <span class=soft>{escape(facts)}</span></p>"
        f"{views()}<div class=columns><div>{stage(result, label, size)}{downloads(result)}</div>"
        f"<div>{table(result)}</div></div></section>"
    )


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Width and height. Tiny pictures are enlarged."""
    longest = max(height, width)
    factor = LONGEST / longest if longest > LONGEST else max(1, SHORTEST // longest)
    return max(1, round(width * factor)), max(1, round(height * factor))


def views() -> str:
    choices = "".join(
        f'<label><input type=radio name=view id="view-{key}"{" checked" if key == "classes" else ""}> {text}</label>'
        for key, text in VIEWS.items()
    )
    return (
        f"<div class=views>{choices}<label class=script-only>opacity"
        ' <input type=range min=0 max=100 value=50 aria-label="opacity"></label>'
        "<span class=scale>unsure<i></i>sure</span></div>"
    )


def stage(result: Result, label: np.ndarray, size: tuple[int, int]) -> str:
    """The image, and over it the classes and the confidence."""
    image = cv2.resize(as_bytes(result.image), size, interpolation=cv2.INTER_AREA)
    grey = cv2.resize(as_grey(result.confidence), size, interpolation=cv2.INTER_AREA)
    heat = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    classes = picture_address(colour_map(label, result.predictor.palette), quality=None)
    return (
        f'<div class=stage><img alt="the picture" src="{picture_address(image)}">'
        f'<img class="over classes" alt="its classes" src="{classes}">'
        f'<img class="over confidence" alt="confidence" src="{picture_address(heat)}"></div>'
    )


def downloads(result: Result) -> str:
    stem = PurePath(printable(result.name)).stem or "picture"
    files = [
        ("mask of class ids (PNG)", f"{stem}_mask.png", *made(result, "mask")),
        ("colours (PNG)", f"{stem}_color.png", *made(result, "color")),
        ("overlay (JPEG)", f"{stem}_overlay.jpg", overlay_jpeg(result), "image/jpeg"),
        ("areas (CSV)", f"{stem}_areas.csv", *made(result, "areas")),
    ]
    links = "".join(
        f'<a download="{escape(name)}" href="{data_address(content, kind)}">{text}</a>'
        for text, name, content, kind in files
    )
    shown = f'<a class="shown script-only" href="#" data-name="{escape(stem)}_shown.png">as shown (PNG)</a>'
    return f"<div class=downloads><span class=soft>Download:</span>{links}{shown}</div>"


def made(result: Result, output: str) -> tuple[bytes, str]:
    kind, content = OUTPUTS[output]
    return content(result), kind.partition(";")[0]


def table(result: Result) -> str:
    """The classes by area, and below them those that the picture does not show."""
    found = sorted(areas(result), key=lambda area: -area["pixels"])
    rows = "".join(row(area) for area in found if area["pixels"])
    absent = [escape(area["class"]) for area in found if not area["pixels"]]
    more = f"<details><summary>not in this picture: {len(absent)}</summary>{', '.join(absent)}</details>"
    return (
        "<div class=wide><table class=areas><thead><tr><th>class"
        ' <a href="#" class="all script-only">all on or off</a></th><th>area</th><th></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{more if absent else ''}"
    )


def row(area: dict) -> str:
    """Colours are attributes of drawings: the page's rules allow no styles in elements."""
    colour, text = ",".join(map(str, area["color"])), percent(area["share"])
    chip = f'<svg class=chip viewBox="0 0 1 1"><rect width="1" height="1" fill="rgb({colour})"/></svg>'
    switch = f'<input class=script-only type=checkbox checked value="{area["id"]}" data-colour="{colour}">'
    label = f"<label>{switch}{chip}{escape(area['class'])}</label>"
    length = f'width="{100 * area["share"]:.3f}%" height="100%"'
    bar = f'<svg class=share role=img aria-label="{text}"><rect {length}/></svg>'
    return f"<tr><td>{label}</td><td>{text}</td><td>{bar}</td></tr>"
