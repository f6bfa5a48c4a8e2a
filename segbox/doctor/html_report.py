"""The report of a check as one HTML page that contains its pictures and loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.wrapper import unwrap
from segbox.data.readers.files import read_image, read_label
from segbox.doctor.problem import Problem
from segbox.doctor.report import Report, class_fractions
from segbox.doctor.scan import Pair, Scan
from segbox.doctor.summary import SplitSummary
from segbox.doctor.text_report import percent_text, sizes_text
from segbox.errors import DataError
from segbox.viz.html_page import escape, page, picture_address
from segbox.viz.overlay import as_bytes, overlay

EXAMPLES = 10  # pictures per split
PICTURES = 8  # per problem
WIDTH = 320  # of a picture, at most; in pixels
UNKNOWN = (255, 0, 255)  # colour of ids that are no class
SIZES = 6  # how many image sizes of a split are listed

Picture = np.ndarray


def check_page(report: Report, weights: Mapping[str, np.ndarray]) -> str:
    """Summary, problems with pictures, classes, and examples."""
    title = escape(report.title)
    parts = [
        f'<header><div><h1>{title}</h1><div class="soft">Every image and every mask was read.</div></div>',
        f"{_verdict(report)}</header>",
        f'<div class="cards">{"".join(map(_split_card, report.splits.values()))}</div>',
        *_problem_section("Problems", report.errors, report),
        *_problem_section("Notes", report.notes, report),
    ]
    if report.splits:
        parts += ["<h2>Classes</h2>", _class_table(report, weights)]
    for name, found in report.scans.items():
        parts += _example_section(name, found, report)
    return page(report.title, "".join(parts))


def _verdict(report: Report) -> str:
    count = len(report.errors)
    if not count:
        return '<span class="pill good">Ready to train</span>'
    return f'<span class="pill bad">{count} problem{"s" if count > 1 else ""}</span>'


def _split_card(split: SplitSummary) -> str:
    every = split.labelled + split.ignored
    sizes = ", ".join(f"{h}x{w} ({n:,})" for (h, w), n in split.sizes.most_common(SIZES))
    rows = {
        "size": sizes_text(split) if len(split.sizes) == 1 else f"{sizes_text(split)}: {sizes}",
        "channels": ", ".join(f"{c} of {b} bits" for c in split.channels for b in split.bits) or "unknown",
        "ignored": f"{100 * split.ignored / max(every, 1):.2f} % of the pixels",
        "mean": ", ".join(_level(v) for v in split.mean),
        "std": ", ".join(_level(v) for v in split.std),
    }
    if split.files != split.images:
        rows["files"] = f"{split.files:,} pairs"
    listed = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in rows.items())
    head = f'<b class="number">{split.images:,}</b>images in <b>{escape(split.name)}</b>'
    return f'<div class="card">{head}<dl>{listed}</dl></div>'


def _level(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.3g}"


# --- problems --------------------------------------------------------------------------------------------------------


def _problem_section(title: str, problems: Sequence[Problem], report: Report) -> Iterable[str]:
    if problems:
        yield f"<h2>{title}</h2>"
        yield from (_problem_card(problem, report) for problem in problems)


def _problem_card(problem: Problem, report: Report) -> str:
    kind = "note" if problem.is_note else "bad"
    details = problem.details or [""] * len(problem.files)
    parts = [
        f'<div class="card problem{" is-note" if problem.is_note else ""}">',
        f'<span class="tag {kind}">{escape(problem.kind)}</span>',
        f'<span class="tag split">{escape(problem.split)}</span>',
        f'<p class="message">{escape(problem.message)}</p><p>{_with_code(problem.advice)}</p>',
    ]
    found = report.scans.get(problem.split)
    if problem.pairs and found is not None:
        shown = list(zip(problem.pairs, problem.files, details))[:PICTURES]
        figures = "".join(_pair_figure(found, position, file, text, report) for position, file, text in shown)
        parts.append(f'<div class="grid">{figures}</div>')
    if problem.files:
        lines = "".join(f"<li>{escape(f)}{escape(f': {d}' if d else '')}</li>" for f, d in zip(problem.files, details))
        count = f"{len(problem.files):,} file{'s' if len(problem.files) > 1 else ''}"
        parts.append(f"<details><summary>{count}</summary><ul>{lines}</ul></details>")
    return "".join([*parts, "</div>"])


def _with_code(text: str) -> str:
    """HTML with `words in backquotes` as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def _pair_figure(found: Scan, position: int, file: str, text: str, report: Report) -> str:
    """Image and mask side by side, where they can be read."""
    pair = found.pairs[position]
    own = unwrap(found.dataset, found.indices[position])[0]
    image = _picture(lambda: read_image(pair.path, own.channels, own.bits, own.exif))
    mask = _picture(lambda: _mask_picture(pair, found.label_tables[position], report, own.exif))
    caption = f"<b>{escape(Path(file).name)}</b><br>{escape(text)}"
    return f'<figure class="pair"><span class="picture">{image}{mask}</span><figcaption>{caption}</figcaption></figure>'


def _mask_picture(pair: Pair, table: np.ndarray, report: Report, exif: bool) -> Picture:
    if pair.mask.kind == "ids":
        colours = np.full((256, 3), UNKNOWN, np.uint8)
        colours[: len(report.palette)] = report.palette
        colours[IGNORE_INDEX] = 0
        return colours[table[read_label(pair.label_path, exif)]]
    if pair.mask.kind == "unreadable":
        raise DataError("cannot be read")
    raw = cv2.imdecode(np.fromfile(pair.label_path, np.uint8), cv2.IMREAD_UNCHANGED)
    return as_bytes(raw[:, :, :3][:, :, ::-1] if raw.ndim == 3 else raw)


def _picture(make) -> str:
    try:
        return _image(make())
    except DataError:
        return '<span class="none">cannot be read</span>'


# --- classes and examples --------------------------------------------------------------------------------------------


def _class_table(report: Report, weights: Mapping[str, np.ndarray]) -> str:
    splits = list(report.splits.values())
    fractions = {split.name: class_fractions(split) for split in splits}
    largest = max((float(values.max()) for values in fractions.values()), default=1) or 1
    names = "".join(f"<th>{escape(s.name)} %</th><th>images</th>" for s in splits)
    head = f"<tr><th>id</th><th>class</th><th></th>{names}{''.join(f'<th>{w}</th>' for w in weights)}</tr>"
    rows = [_class_row(i, report, splits, fractions, largest, weights) for i in range(len(report.classes))]
    colours = [
        f'<span><span class="chip" style="background:var(--bar{"2" if i else ""})"></span>{escape(s.name)}</span>'
        for i, s in enumerate(splits)
    ]
    note = (
        "Percentages of the pixels that are not ignored. The bars show square roots, so that rare classes are visible."
    )
    legend = f'<div class="legend">{"".join(colours)}<span class="soft">{note}</span></div>'
    return f'<div class="card wide">{legend}<table>{head}{"".join(rows)}</table></div>'


def _class_row(
    i: int,
    report: Report,
    splits: Sequence[SplitSummary],
    fractions: Mapping[str, np.ndarray],
    largest: float,
    weights: Mapping[str, np.ndarray],
) -> str:
    bars, cells = "", ""
    for position, split in enumerate(splits):
        fraction, images = float(fractions[split.name][i]), int(split.images_with[i])
        width = 100 * (fraction / largest) ** 0.5
        style = f'" style="width:{width:.1f}%' if images else " zero"
        bars += f'<div class="bar{" second" if position else ""}{style}"></div>'
        cells += f"<td>{percent_text(fraction) if images else 'never'}</td><td>{images:,}</td>"
    cells += "".join(f"<td>{values[i]:.3g}</td>" if values[i] else "<td>-</td>" for values in weights.values())
    absent = ' class="absent"' if not all(split.images_with[i] for split in splits) else ""
    return f'<tr{absent}><td>{i}</td><td>{_chip(report, i)}</td><td class="bars">{bars}</td>{cells}</tr>'


def _chip(report: Report, i: int) -> str:
    colour = "#" + "".join(f"{int(c):02x}" for c in report.palette[i])
    return f'<span><span class="chip" style="background:{colour}"></span>{escape(report.classes[i])}</span>'


def _example_section(name: str, found: Scan, report: Report) -> Iterable[str]:
    figures = "".join(_examples(found, report))
    if figures:
        yield f"<h2>Examples of {escape(name)}</h2>"
        yield f'<div class="legend">{"".join(_chip(report, i) for i in range(len(report.classes)))}'
        yield '<span class="soft">Point at a picture to see the image without the labels.</span></div>'
        yield f'<div class="grid">{figures}</div>'


def _examples(found: Scan, report: Report) -> Iterable[str]:
    """Pairs without problems, spread evenly over the split."""
    sound = [
        i
        for i, pair in enumerate(found.pairs)
        if not pair.image.error and pair.mask.kind == "ids" and pair.image.size == pair.mask.size
    ]
    for position in np.linspace(0, len(sound) - 1, min(EXAMPLES, len(sound))).astype(int):
        sample = found.dataset.load(found.indices[sound[position]])
        image, label = _small(as_bytes(sample["image"]), sample["label"])
        known = np.where(label < len(report.classes), label, IGNORE_INDEX)
        pictures = _image(image) + _image(overlay(image, known, report.palette))
        caption = f"{escape(Path(sample['path']).name)} <span class='soft'>{'x'.join(map(str, sample['size']))}</span>"
        yield f'<figure><span class="picture">{pictures}</span><figcaption>{caption}</figcaption></figure>'


def _small(image: Picture, label: np.ndarray) -> tuple[Picture, np.ndarray]:
    factor = min(1, WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.resize(
        label, size, interpolation=cv2.INTER_NEAREST
    )


def _image(picture: Picture) -> str:
    picture = as_bytes(picture)
    if picture.shape[1] > WIDTH:
        picture = _small(picture, picture[:, :, 0])[0]
    return f'<img alt="" src="{picture_address(picture)}">'
