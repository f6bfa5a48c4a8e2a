"""The page of a server: a form for a picture, and the result of one. It needs no JavaScript; `page.js` adds comfort."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from segbox.serve.limits import Limits
from segbox.serve.uploads import FORMATS
from segbox.viz.html_page import STYLE, escape, page

ACCEPTED = "image/*,.tif,.tiff"  # phones then offer their camera, too
SILENCE = "The server does not answer. Is it still running? It ends requests that are too large or too slow."
EMPTY = "Choose a picture first."


@cache
def file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def content_policy() -> str:
    """What a browser lets the page do: nothing but its own style and script, pictures inside of it, this server."""
    style, script = (digest(text) for text in (STYLE + file("page.css"), file("page.js")))
    return (
        f"default-src 'none'; img-src data: blob:; style-src '{style}'; script-src '{script}'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def document(models: Sequence[str], limits: Limits, model: str = "", result: str = "", problem: str = "") -> str:
    """`result` is HTML, `problem` a sentence; `model` is the one that is chosen."""
    title = models[0] if len(models) == 1 else "segbox"
    status = f'<p class="status{" bad" if problem else ""}" role="status" aria-live="polite">{escape(problem)}</p>'
    body = "".join(
        [
            f"<header><h1>{escape(title)}</h1><span class=soft>semantic segmentation with segbox</span></header>",
            form(models, model, limits),
            status,
            result or '<div class="no-result"></div>',
            usage(models),
        ]
    )
    return page(f"{title}: segment a picture", body, file("page.css"), file("page.js"))


def form(models: Sequence[str], chosen: str, limits: Limits) -> str:
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == chosen else ""}>{escape(name)}</option>'
        for name in models
    )
    choice = f"<label>Model <select name=model>{options}</select></label>" if len(models) > 1 else ""
    picture = f'<input type=file name=image accept="{ACCEPTED}"'
    return (
        f'<form method=post action="/predict?output=page" enctype="multipart/form-data" data-silence="{SILENCE}"'
        f' data-empty="{EMPTY}"><div class=drop>'
        f"<label>Choose a picture<span class=script-only>, drop it here, or paste it</span> {picture}></label>"
        f"<label class=camera>Take a photo {picture} capture=environment></label>"
        f"{choice}<button>Segment</button></div>"
        f"<span class=soft>{FORMATS}, up to {limits.megabytes:g} MB and {limits.pixels / 1e6:g} million pixels."
        " Nothing is stored.</span></form>"
    )


def usage(models: Sequence[str]) -> str:
    model = f"&model={models[0]}" if len(models) > 1 else ""
    return (
        "<details class=help><summary>From a program</summary><p><code>curl -F image=@photo.jpg"
        f" &quot;http://ADDRESS/predict?output=mask{escape(model)}&quot; &gt; mask.png</code></p><p class=soft>"
        "output: json, mask, color, overlay, confidence or areas. Others: /models, /health, /metrics.</p></details>"
    )
