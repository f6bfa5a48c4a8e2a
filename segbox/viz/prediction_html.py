"""A prediction as HTML that contains its picture: what a notebook shows."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from segbox.viz.html_page import escape, picture_address
from segbox.viz.overlay import Palette

LONGEST = 512  # side of the picture, in pixels
TINY = 256  # smaller pictures are enlarged
LISTED = 20  # classes in the legend


def prediction_html(picture: np.ndarray, shares: Mapping[str, float], palette: Palette) -> str:
    """The picture, made smaller if it is large, above the classes that it shows, the largest first."""
    colours = dict(zip(shares, palette))
    shown = sorted((name for name in shares if shares[name]), key=shares.__getitem__, reverse=True)
    entries = [legend_entry(name, colours[name], shares[name]) for name in shown[:LISTED]]
    if len(shown) > LISTED:
        entries.append(f"<span>and {len(shown) - LISTED} more</span>")
    legend = '<div style="display:flex;flex-wrap:wrap;gap:2px 14px;margin-top:4px">' + "".join(entries) + "</div>"
    return f'<div style="max-width:{LONGEST}px">{inline_picture(picture)}{legend}</div>'


def inline_picture(picture: np.ndarray) -> str:
    height, width = picture.shape[:2]
    longest = max(height, width)
    factor = LONGEST / longest if longest > LONGEST else max(1, TINY // longest)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    about = f'alt="classes over the {width} x {height} image" style="max-width:100%"'
    return f'<img {about} src="{picture_address(picture, quality=None)}">'


def legend_entry(name: str, colour: Sequence[int], share: float) -> str:
    square = f"display:inline-block;width:.8em;height:.8em;background:rgb({','.join(str(int(c)) for c in colour)})"
    return f'<span><span style="{square}"></span> {escape(name)} {percent(share)}</span>'


def percent(share: float) -> str:
    return "&lt; 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
