#!/usr/bin/env python3
"""Score a checkpoint on the validation set of a config, at the labels' own size.

tools/test.py CONFIG work_dirs/NAME/best.pt --eval mIoU mFscore
tools/test.py CONFIG CHECKPOINT --mode slide --scales 0.75 1 1.25 --flip --show-dir pictures --out scores.json
"""

import argparse
import json
from pathlib import Path

from segbox.config import load_config
from segbox.errors import ends_with_a_message


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a config file")
    parser.add_argument("checkpoint", help="a checkpoint, or a file of weights")
    parser.add_argument(
        "--eval", nargs="+", default=["mIoU"], choices=("mIoU", "mDice", "mFscore"), help="which scores to print"
    )
    parser.add_argument(
        "--mode",
        choices=("whole", "slide", "crop"),
        help="whole image, sliding window, or a centre crop (default: as the config says)",
    )
    parser.add_argument("--scales", nargs="+", type=float, metavar="S", help="average over these sizes of the image")
    parser.add_argument("--flip", action="store_true", help="average with the mirror image")
    parser.add_argument("--show-dir", metavar="DIR", help="write image, truth and prediction side by side")
    parser.add_argument("--out", metavar="FILE.json", help="write the scores and the confusion matrix")
    parser.add_argument("--amp", nargs="?", const="bf16", choices=("bf16", "fp16"), help="mixed precision (bf16)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")
    return parser.parse_args()


def main() -> None:
    args = parse()
    config = load_config(args.config, args.cfg_options)
    asked = {"mode": args.mode, "scales": args.scales and tuple(args.scales), "flip": args.flip or None}
    config["test"] = {**config.get("test", {}), **{key: value for key, value in asked.items() if value is not None}}

    from segbox import distributed
    from segbox.engine.build import check_classes, choose_device, plain_scores, require, start_logging
    from segbox.engine.predictor import load_model
    from segbox.engine.protocol import Evaluation
    from segbox.engine.tables import score_table
    from segbox.registry import import_extensions
    from segbox.viz.watch import PictureWriter

    start_logging()
    device = choose_device(args.device)
    require(config, "model", "data")
    import_extensions(config.get("imports", ()))
    with distributed.process_group(device):
        evaluation = Evaluation(config, device, args.amp)
        model, content = load_model(config, args.checkpoint, len(evaluation.classes))
        check_classes(content, evaluation.classes, args.checkpoint)
        watch = None
        if args.show_dir:
            watch = PictureWriter(Path(args.show_dir), evaluation.classes, evaluation.dataset.palette)
        matrix = evaluation(model.to(device), watch, show_progress=True)
        if not distributed.is_main():
            return
        scores = matrix.compute()
        print(score_table(scores, evaluation.classes, args.eval))
        print(f"{matrix.counts.sum()} pixels of {len(evaluation.dataset)} images, {evaluation.protocol()}")
        if args.show_dir:
            print(f"pictures are in {args.show_dir}")
        if args.out:
            content = {"protocol": evaluation.protocol(), "checkpoint": args.checkpoint, "scores": plain_scores(scores)}
            content |= {"classes": list(evaluation.classes), "confusion_matrix": matrix.counts.tolist()}
            Path(args.out).parent.mkdir(parents=True, exist_ok=True)
            Path(args.out).write_text(json.dumps(content, indent=1), encoding="utf-8")
            print(f"scores are in {args.out}")


if __name__ == "__main__":
    with ends_with_a_message():
        main()
