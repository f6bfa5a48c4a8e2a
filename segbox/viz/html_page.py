"""What the HTML pages of segbox share: a page that contains all it shows and loads nothing, its style, its pictures."""

import base64
import html

import cv2
import numpy as np

from segbox.errors import printable

# For light and dark mode, narrow and wide windows.
STYLE = """
:root { --ground: #f6f7f9; --card: #fff; --text: #1d2330; --soft: #667085; --line: #e3e6ec; --bar: #4f7cff;
  --bar2: #f0a23b; --bad: #c8321f; --bad-ground: #fdecea; --good: #19764a; --good-ground: #e6f5ec;
  --note: #8a6100; --note-ground: #fdf4dd; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171d; --card: #1d2129; --text: #e7eaf0; --soft: #98a1b2;
  --line: #303642; --bar: #6f95ff; --bar2: #e0a04c; --bad: #ff8a7a; --bad-ground: #3b1f1d; --good: #76d3a0;
  --good-ground: #173326; --note: #eac36a; --note-ground: #352c15; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 38px 0 12px; }
header { display: flex; flex-wrap: wrap; gap: 10px 18px; align-items: center; justify-content: space-between; }
.soft { color: var(--soft); }
.pill { border-radius: 99px; padding: 4px 14px; font-weight: 600; white-space: nowrap; }
.bad { color: var(--bad); background: var(--bad-ground); }
.good { color: var(--good); background: var(--good-ground); }
.note { color: var(--note); background: var(--note-ground); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 14px; margin-top: 20px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; }
.card b.number { font-size: 26px; margin-right: 6px; }
.card dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0 0; }
.card dt { color: var(--soft); } .card dd { margin: 0; overflow-wrap: anywhere; }
.problem { margin-bottom: 14px; border-left: 4px solid var(--bad); }
.problem.is-note { border-left-color: var(--note); }
.problem p { margin: 6px 0; overflow-wrap: anywhere; }
.problem .message { font-weight: 600; }
.tag { font-size: 12px; border-radius: 6px; padding: 2px 8px; margin-right: 6px; font-weight: 600; }
.split { border: 1px solid var(--line); color: var(--soft); }
code { font-size: 13px; background: var(--ground); border-radius: 4px; padding: 1px 5px; }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--soft); }
details ul { margin: 6px 0; padding-left: 20px; max-height: 300px; overflow: auto; font-size: 13px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 12px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
figure .picture { position: relative; display: block; background: var(--line); }
figure img { display: block; width: 100%; height: 160px; object-fit: contain; }
figure img + img { position: absolute; inset: 0; transition: opacity .15s; }
figure:hover img + img { opacity: 0; }
.problem .grid { grid-template-columns: repeat(auto-fill, minmax(262px, 1fr)); }
figure.pair img, figure.pair .none { height: 112px; }
figure.pair .picture { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; }
figure.pair img + img { position: static; } figure.pair:hover img + img { opacity: 1; }
figcaption { font-size: 12px; padding: 6px 10px 8px; overflow-wrap: anywhere; line-height: 1.35; }
.none { height: 160px; display: flex; align-items: center; justify-content: center; padding: 0 14px;
  background: repeating-linear-gradient(45deg, #2a2d34, #2a2d34 9px, #33363e 9px, #33363e 18px); color: #d8dbe2;
  font-size: 13px; text-align: center; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: right; color: var(--soft); font-weight: 500; font-size: 13px; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
tr:last-child td { border-bottom: 0; }
td.bars { width: 34%; min-width: 180px; text-align: left; }
.bar { height: 8px; border-radius: 4px; background: var(--bar); margin: 2px 0; min-width: 2px; }
.bar.second { background: var(--bar2); }
.bar.zero { visibility: hidden; }
.chip { display: inline-block; width: 13px; height: 13px; border-radius: 4px; margin-right: 7px; vertical-align: -2px;
  border: 1px solid rgba(128, 128, 128, .5); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0 0 12px; font-size: 13px; }
.absent td { color: var(--bad); }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--bar); }
th[aria-sort] { color: var(--text); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
"""
# Sorts tables of class `sortable` by a click on a head with `data-sort`. A cell's number is its `data-v`; an empty one
# is unknown, and comes last.
SORT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("th")], body = table.tBodies[0];
  const text = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim().toLowerCase();
  heads.forEach((head, column) => {
    if (!("sort" in head.dataset)) return;
    const button = document.createElement("button"), isNumber = "v" in body.rows[0].cells[column].dataset;
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort"), isUp = before ? before === "descending" : !isNumber;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      const sign = isUp ? 1 : -1;
      body.append(...[...body.rows].sort((a, b) => {
        const [x, y] = [text(a, column), text(b, column)];
        if (!isNumber) return sign * x.localeCompare(y);
        return x === "" || y === "" ? (x === "") - (y === "") : sign * (x - y);
      }));
    });
  });
}
"""


def page(title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole HTML document. `title` is plain text; `body`, `style` and `script` are put in as they are."""
    ending = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{style}</style></head><body><main>{body}</main>{ending}</body></html>"
    )


def escape(text: str) -> str:
    """For HTML: names of files and classes may hold any character."""
    return html.escape(printable(text))


def picture_address(picture: np.ndarray, quality: int | None = 82) -> str:
    """An RGB picture as a `data:` address for `src`: a JPEG of this quality, or a PNG (None), which loses nothing."""
    kind, settings = ("png", []) if quality is None else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, quality])
    content = cv2.imencode(f".{kind}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)[1]
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
