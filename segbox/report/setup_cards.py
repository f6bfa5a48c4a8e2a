"""Cards about the run itself: what was trained on what, for how long, where; and the command to repeat it."""

import shlex
from collections.abc import Mapping
from typing import Any

from segbox.progress import duration
from segbox.report.log_rows import training_seconds
from segbox.report.run import TEST_CONFIG, Run
from segbox.viz.html_page import escape


def cards(run: Run, parameters: int | None) -> str:
    """`parameters` of the model are None if it could not be opened."""
    found = [card("Model", model_facts(run.config or {}, parameters)), card("Data", data_facts(run))]
    if run.log.steps:
        found.append(card("Training", training_facts(run)))
    if run.starts:
        found.append(card("Machine", machine_facts(run.starts[-1])))
    return f'<div class="cards four">{"".join(found)}</div>'


def card(title: str, facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    return f'<div class="card"><b>{title}</b><dl>{rows}</dl></div>' if rows else ""


def model_facts(config: Mapping[str, Any], parameters: int | None) -> dict[str, str]:
    model = config.get("model") or {}
    backbone = model.get("backbone") or {}
    variant = backbone.get("variant") or backbone.get("name") or ""
    start = model.get("weights") or model.get("backbone_weights") or ("timm" if backbone.get("pretrained") else "")
    return {
        "model": str(model.get("type") or ""),
        "head": str((model.get("decode_head") or {}).get("type", "")),
        "backbone": f"{backbone.get('type', '')} {variant}".strip(),
        "size": "" if parameters is None else f"{parameters / 1e6:.3g} M parameters",
        "began with": str(start) or ("random weights" if model else ""),
    }


def data_facts(run: Run) -> dict[str, str]:
    data = (run.config or {}).get("data") or {}
    facts = {"trained on": where(data.get("train")), "scored on": where(data.get("val"))}
    if run.evaluation is not None:
        _, targets, _ = run.evaluation.tables()
        size = f"{targets.sum() / 1e6:.3g} M labelled pixels"
        facts["scored"] = f"{len(run.evaluation.images):,} images, {size}"
        facts["classes"] = f"{len(run.evaluation.classes)}"
        facts["protocol"] = run.evaluation.protocol
    return facts


def where(dataset: Any) -> str:
    """The root of a data set, or its type; that of the first set inside a wrapper."""
    if not isinstance(dataset, Mapping):
        return ""
    inside = dataset.get("dataset") or next(iter(dataset.get("datasets") or ()), None)
    if inside is not None:
        return f"{where(inside)}, as {dataset.get('type', '')}"
    split = dataset.get("split") or dataset.get("split_file") or ""
    return ", ".join(str(part) for part in (dataset.get("root") or dataset.get("type"), split) if part)


OPTIMIZER = {"type": "", "lr": "learning rate"}


def training_facts(run: Run) -> dict[str, str]:
    rows, config = run.log.steps, run.config or {}
    last = rows[-1]
    batch = (config.get("data") or {}).get("batch_size")
    optimizer = config.get("optimizer") or {}
    train = config.get("train") or {}
    named = (f"{name} {optimizer[key]}".strip() for key, name in OPTIMIZER.items() if key in optimizer)
    return {
        "steps": f"{last['step']:,}" + (f" of {batch} images" if batch else ""),
        "time in steps": duration(training_seconds(run.log)),
        "optimizer": ", ".join(named),
        "precision": precision_of(run, train),
        "seed": str(config.get("seed", "")),
        "loss at the end": f"{last['loss']:.4g}" if isinstance(last.get("loss"), float) else "",
        "starts": f"{len(run.starts)}" if len(run.starts) > 1 else "",
    }


def precision_of(run: Run, train: Mapping[str, Any]) -> str:
    """As the last start has recorded it; for a run of an older version, as its config gives it."""
    recorded = run.starts[-1].get("precision") if run.starts else None
    return str(recorded or train.get("precision", train.get("amp")) or "fp32")


MACHINE = ("started", "processes", "torch", "python", "segbox", "commit")  # of environment.json
PROCESSORS = ("x86_64", "AMD64", "aarch64", "arm64")  # devices that are no GPU


def machine_facts(start: Mapping[str, Any]) -> dict[str, str]:
    device = str(start.get("device", ""))
    device = f"CPU ({device})" if device in PROCESSORS else device
    return {"device": device, **{name: str(start[name]) for name in MACHINE if start.get(name)}}


def again(run: Run) -> str:
    """The commands that make the run and this page again."""
    if run.starts:
        commands = [str(run.starts[-1].get("command", ""))]
    elif run.evaluation is not None:
        folder = str(run.folder)
        config = run.folder / TEST_CONFIG
        words = ["segbox", "test", *([str(config)] if config.is_file() else []), run.checkpoint, "--out", f"{folder}/"]
        commands = [shlex.join(words)]
    commands.append(shlex.join(["segbox", "report", str(run.folder)]))
    return "".join(f'<pre class="command">{escape(command)}</pre>' for command in commands if command)
