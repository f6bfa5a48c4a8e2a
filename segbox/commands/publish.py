"""Write a trained model for others: weights without the optimizer, config, classes, scores and a model card.

segbox publish work_dirs/NAME/best.pt published/NAME --licence cc-by-4.0
segbox publish CHECKPOINT FOLDER --scores scores/scores.json        # of: segbox test CHECKPOINT --out scores/
segbox publish mmseg://NAME FOLDER                                 # a model of another library, in segbox's form

Of a run with averaged weights (EMA), these are taken. segbox.load(FOLDER) and `segbox predict FOLDER SOURCE` read it;
so does hf://OWNER/NAME after the upload, which the last lines describe.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from segbox.config import load_config
from segbox.errors import ConfigError, DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", help="a checkpoint, or the name of a published model")
    parser.add_argument("folder", help="the folder to write")
    parser.add_argument("--config", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument("--name", help="the name of the weight file (default: from the checkpoint's path)")
    parser.add_argument("--licence", "--license", help="the licence of the weights, such as cc-by-4.0")
    parser.add_argument("--scores", metavar="FILE.json", help="scores that segbox test has written")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    name = name_of(args.checkpoint) if args.name is None else args.name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}", name):
        raise ConfigError(f"--name {name!r}: expected letters, digits, '_', '.' and '-'")
    config = None if args.config is None else load_config(args.config, args.cfg_options)
    scores = None if args.scores is None else read_scores(Path(args.scores))

    from segbox.engine.logs import start_logging
    from segbox.evaluation.open_model import check_classes, open_model, settled
    from segbox.evaluation.pretrained_folder import WEIGHTS, link_by_hash, save_pretrained
    from segbox.interop.saved import read_saved

    start_logging()
    saved = read_saved(args.checkpoint)
    opened = open_model(saved, settled(saved, config, args.cfg_options))
    given: dict[str, Any] = {}
    if scores is not None:
        check_classes(opened, scores.pop("classes"))
        given["scores"] = scores
    if args.licence is not None:
        given["licence"] = args.licence
    folder = Path(args.folder)
    save_pretrained(opened, folder, **given)
    file = link_by_hash(folder / WEIGHTS, name)
    print(explanation(folder, file, name, bool(opened.saved.licence or args.licence)))


def name_of(checkpoint: str) -> str:
    """The name of a run for a checkpoint in its work dir; else that of the file."""
    path = Path(checkpoint.rstrip("/").partition("://")[2] or checkpoint)
    is_of_run = path.stem in ("best", "last") or path.stem.startswith("step_")
    name = path.resolve().parent.name if is_of_run else path.stem if path.suffix in (".pt", ".pth") else path.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", f"segbox-{name}")


def read_scores(path: Path) -> dict[str, Any]:
    """Scores, protocol and classes of a file that `segbox test --out` has written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"--scores {path}: cannot be read: {error}") from None
    values, classes = (content.get(key) if isinstance(content, dict) else None for key in ("scores", "classes"))
    if not isinstance(values, dict) or not isinstance(classes, list) or not all(isinstance(c, str) for c in classes):
        raise DataError(f"--scores {path}: is no file that segbox test --out FILE.json has written")
    known = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return {**known, "protocol": str(content.get("protocol", "")), "classes": classes}


def explanation(folder: Path, file: Path, name: str, has_licence: bool) -> str:
    """What was written, and how to upload it."""
    lines = [
        f"written to {folder}: config.json, model.safetensors, README.md, and {file.name} (the same weights, named by"
        " their hash, for a web server)",
        f'try it:    segbox predict {folder} photo.jpg       or: segbox.load("{folder}")',
        f"upload it: hf upload OWNER/NAME {folder} . --exclude {name}-*.safetensors '.segbox_outputs'",
        'then:      segbox.load("hf://OWNER/NAME")',
    ]
    if not has_licence:
        lines.append(
            "no licence is stated: give one (--licence cc-by-4.0), or nobody knows whether the model may be used"
        )
    return "\n".join(lines)
