"""The results of a subject, in one shape for all: as JSON, as a table for terminals, as Markdown."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from segbox.benchmark.measure import Measured, Timed, ratio_to_first, read_measured, time_of
from segbox.benchmark.peers import Peer

COLUMNS = ("", "time", "quartiles", "of segbox", "peak MB", "difference")
ABOUT = (
    "time: median of the runs; of segbox: this time as a part of segbox's (2.00: segbox is twice as fast); peak MB:"
    " beyond the inputs; difference: of the numbers, as a part of the largest"
)


def as_result(
    subject: str, setting: Mapping[str, Any], cases: Iterable[Measured], peers: Sequence[Peer]
) -> dict[str, Any]:
    return {
        "subject": subject,
        "setting": dict(setting),
        "machine": machine(peers, setting.get("runtimes", ())),
        "cases": [case.as_dict() for case in cases],
    }


def machine(peers: Sequence[Peer], runtimes: Sequence[str] = ()) -> dict[str, Any]:
    """The processor and the versions, without names of people or hosts."""
    import cv2
    import numpy as np
    import torch

    from segbox import __version__
    from segbox.benchmark.inference import FILES
    from segbox.machine import cores

    own = {"segbox": __version__, "torch": torch.__version__, "numpy": np.__version__, "OpenCV": cv2.__version__}
    own |= {name: import_module(name).__version__ for name in runtimes if name in FILES}
    return {
        "cpu": processor(),
        "cores": cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": own,
        "peers": {peer.name: dict(peer.versions) for peer in peers},
    }


def processor() -> str:
    """The name of the CPU's model."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def machine_text(result: Mapping[str, Any]) -> str:
    """The machine in a sentence."""
    about, setting = result["machine"], result["setting"]
    threads = setting["threads"]
    where = about["gpu"] if setting.get("device") == "cuda" else f"{threads} thread{'s' if threads > 1 else ''}"
    own = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    theirs = [
        f"{name}: {', '.join(f'{part} {version}' for part, version in versions.items())}"
        for name, versions in about["peers"].items()
    ]
    cores = f"{about['cores']} core{'s' if about['cores'] > 1 else ''}"
    clock = "wall-clock" if setting.get("device") == "cuda" else "CPU"
    return (
        f"{about['cpu']}, {cores}, {where}; Python {about['python']}, {own}"
        f"{''.join(f'; {text}' for text in theirs)}; {clock} time, median of {setting['runs']} in turns"
    )


def as_text(result: Mapping[str, Any]) -> str:
    from terminaltables import AsciiTable

    blocks = []
    for case in map(read_measured, result["cases"]):
        lines = [case.name]
        if case.sides:
            table = AsciiTable([list(COLUMNS), *rows_of(case)])
            table.justify_columns = dict.fromkeys(range(1, len(COLUMNS)), "right")
            lines.append(table.table)
        blocks.append("\n".join([*lines, *remarks(case)]))
    return "\n\n".join([*blocks, f"{machine_text(result)}\n{ABOUT}"])


def as_markdown(result: Mapping[str, Any]) -> str:
    """One table; what a cell leaves out stands below it."""
    columns = ("Case", "Side", *(name[0].upper() + name[1:] for name in COLUMNS[1:]))
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * 2}{'--:|' * (len(columns) - 2)}"]
    below = []
    for case in map(read_measured, result["cases"]):
        for number, row in enumerate(rows_of(case)):
            lines.append(f"| {' | '.join([case.name if number == 0 else '', *row])} |")
        below += [f"- {case.name}: {remark}" for remark in remarks(case)]
    return "\n".join([*lines, *(["", *below] if below else [])])


def rows_of(case: Measured) -> list[list[str]]:
    return [row_of(case, side) for side in case.sides]


def row_of(case: Measured, side: Timed) -> list[str]:
    own, ratio = time_of(case, side), ratio_to_first(case, side.name)
    return [
        side.name,
        seconds_text(own[1]) if own else "-",
        f"{seconds_text(own[0])} to {seconds_text(own[2])}" if own else "-",
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if side.peak_mb is None else f"{side.peak_mb:.1f}",
        "-" if side.difference is None else f"{side.difference:.1g}",
    ]


def remarks(case: Measured) -> list[str]:
    return [*case.notes, *(f"{side.name}: {side.note}" for side in case.sides if side.note)]


def seconds_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
