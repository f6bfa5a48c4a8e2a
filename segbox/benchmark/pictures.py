"""Pictures of measurements as SVG files: bars of parts, curves of growth. Readable on light and dark pages."""

from collections.abc import Sequence

from segbox.benchmark.measure import Measured
from segbox.benchmark.result import seconds_text, time_of

WIDTH, LEFT = 860, 20
BAR, ROW = 26, 92  # the height of a bar, and of a bar with its title and legend
PANEL_WIDTH, PANEL_HEIGHT = 360, 190
COLOURS = ("#4c8bd6", "#e0913a", "#35a27f", "#b85ac0", "#8a8f99")
STYLE = (
    "<style>text { font: 12px sans-serif; fill: #24292f } .title { font-weight: bold } .soft { fill: #59636e }"
    " line { stroke: #d0d7de } polyline { fill: none; stroke-width: 2 }"
    " @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #9198a1 } line { stroke: #3d444d } }"
    "</style>"
)


def svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">\n'
        + "\n".join([STYLE, *parts])
        + "\n</svg>\n"
    )


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    escaped = content.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escaped}</text>'


# --- where the time goes ---------------------------------------------------------------------------------------------


def parts_picture(cases: Sequence[Measured]) -> str:
    """A bar for each case, divided by how much more each side takes than the one before."""
    drawn = [part for number, case in enumerate(cases) for part in bar(case, 10 + number * ROW)]
    return svg(10 + ROW * len(cases), drawn)


def shares(case: Measured) -> list[tuple[str, float]]:
    """The name and the seconds of each part. Noise may make a larger part of the work the quicker one: then it is 0."""
    found, before = [], 0.0
    for side in case.sides:
        own = time_of(case, side)
        now = max(before, own[1] if own else before)
        found.append((side.name, now - before))
        before = now
    return found


def bar(case: Measured, top: float) -> list[str]:
    parts = shares(case)
    total = sum(seconds for _, seconds in parts) or 1.0
    drawn = [text(LEFT, top + 12, f"{case.name}: {seconds_text(total)}", "title")]
    x, wide = float(LEFT), WIDTH - 2 * LEFT
    label = float(LEFT)
    for number, (name, seconds) in enumerate(parts):
        width = wide * seconds / total
        fill = COLOURS[number % len(COLOURS)]
        drawn.append(f'<rect x="{x:.1f}" y="{top + 20}" width="{width:.1f}" height="{BAR}" fill="{fill}"/>')
        drawn.append(f'<rect x="{label:.1f}" y="{top + 54}" width="10" height="10" fill="{fill}"/>')
        shown = f"{name} {100 * seconds / total:.0f} %"
        drawn.append(text(label + 14, top + 63, shown))
        x, label = x + width, label + 28 + 6.0 * len(shown)
    return drawn


# --- how it grows ----------------------------------------------------------------------------------------------------


def growth_picture(cases: Sequence[Measured]) -> str:
    """A panel for each curve: seconds over the number in the cases' names, a line for each side."""
    curves = curves_of(cases)
    drawn = []
    for number, (name, lines) in enumerate(curves.items()):
        drawn += panel(name, lines, LEFT + number % 2 * (PANEL_WIDTH + 10), 10 + number // 2 * PANEL_HEIGHT)
    return svg(10 + PANEL_HEIGHT * -(-len(curves) // 2), drawn)


Lines = dict[str, list[tuple[float, float]]]


def curves_of(cases: Sequence[Measured]) -> dict[str, Lines]:
    """By curve and side: the numbers and their seconds."""
    curves: dict[str, Lines] = {}
    for case in cases:
        name, _, number = case.name.rpartition(": ")
        for side in case.sides:
            if own := time_of(case, side):
                curves.setdefault(name, {}).setdefault(side.name, []).append((float(number), own[1]))
    return curves


def panel(name: str, lines: Lines, left: float, top: float) -> list[str]:
    points = [point for own in lines.values() for point in own]
    most, highest = max(x for x, _ in points) or 1.0, max(y for _, y in points) or 1.0
    base, wide, high = top + 140, PANEL_WIDTH - 80, 100
    drawn = [
        text(left, top + 12, name, "title"),
        f'<line x1="{left}" x2="{left + wide}" y1="{base}" y2="{base}"/>',
        f'<line x1="{left}" x2="{left + wide}" y1="{base - high}" y2="{base - high}"/>',
        text(left, base - high - 4, seconds_text(highest), "soft"),
    ]
    for x in sorted({x for x, _ in points}):
        if x == most or x / most < 0.85:
            drawn.append(text(left + wide * x / most, base + 15, f"{x:.0f}", "soft", "middle" if x else "start"))
    for number, (side, own) in enumerate(lines.items()):
        places = [(left + wide * x / most, base - high * y / highest) for x, y in own]
        stroke = COLOURS[number % len(COLOURS)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{joined}" stroke="{stroke}"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{stroke}"/>' for x, y in places]
        drawn.append(f'<rect x="{left + 90 * number}" y="{top + 160}" width="10" height="10" fill="{stroke}"/>')
        drawn.append(text(left + 14 + 90 * number, top + 169, side))
    return drawn
