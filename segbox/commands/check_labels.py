"""`segbox check CONFIG --with CHECKPOINT`, or `--folds K`: where models contradict the labels of a data set."""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segbox.commands import output
from segbox.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from segbox.data.datasets.dataset import SegDataset
    from segbox.review.contradictions import Review

AFTER_TRAINING = ("Evaluate", "Checkpoint", "EarlyStopping", "TensorBoard", "WandB", "MLflow")  # hooks of no use here
TOP = 50  # places that are shown
SEEN = (
    "The model was trained on these images, and may repeat their errors. --folds 5 --time 1h judges each image by a"
    " model that has not seen it."
)


def check_arguments(args: argparse.Namespace) -> None:
    if args.checkpoint is not None and args.folds is not None:
        raise ConfigError("--with judges by a trained model, --folds trains models of its own: give one of them")
    if args.folds is not None and args.folds < 2:
        raise ConfigError(f"--folds {args.folds}: expected 2 parts or more")
    if args.time is not None and args.folds is None:
        raise ConfigError("--time is the time to train the models of --folds; --with trains nothing")
    if args.folds is not None and args.split == "val":
        raise ConfigError("--folds judges the images of data.train; for data.val, give a trained model: --with")
    if args.top is not None and args.top < 1:
        raise ConfigError(f"--top {args.top}: expected 1 or more")


def run(args: argparse.Namespace) -> None:
    """Print, and write, the places where models contradict the labels. Exit status 1 if there are any."""
    check_arguments(args)
    args.split, args.top = args.split or "train", args.top or TOP

    from segbox.engine.devices import choose_device
    from segbox.engine.logs import start_logging
    from segbox.review.findings import as_json, findings_text
    from segbox.review.places_page import places_page

    start_logging()
    device = choose_device(args.device)
    with TemporaryDirectory(prefix="segbox_review_") as folder:
        review = judged_by_folds(args, Path(folder), device) if args.folds else judged_by_model(args, device, folder)
        places = review.ranked()
        judge = f"{args.folds} models, each without the images that it judges" if args.folds else args.checkpoint
        title = f"{args.source}, data.{args.split}, judged by {judge}"
        note = SEEN if args.checkpoint and args.split == "train" else ""
        print("\n".join(filter(None, [findings_text(title, review, places, args.top), note])))
        if args.json:
            output.write(args.json, json.dumps(as_json(title, review, places), indent=1))
        if args.html:
            output.write(args.html, places_page(title, review, places, args.top, note))
    raise SystemExit(1 if places else 0)


def judged_by_model(args: argparse.Namespace, device: "torch.device", folder: str) -> "Review":
    """All images of the split, judged by the checkpoint."""
    from segbox.config import load_config
    from segbox.engine.config_check import check_config
    from segbox.evaluation.open_model import check_classes, open_model, settled
    from segbox.interop.saved import read_saved
    from segbox.review.contradictions import Review, different_images

    config = load_config(args.source, args.cfg_options)
    check_config(config, "data")
    saved = read_saved(args.checkpoint)
    config = settled(saved, config, args.cfg_options)
    check_config(config, "model", "data")
    review = Review(dataset_of(args, config), Path(folder))
    opened = open_model(saved, config, len(review.dataset.classes))
    check_classes(opened, review.dataset.classes)
    judge(review, different_images(review.dataset), opened.model.to(device), config, device)
    return review


def dataset_of(args: argparse.Namespace, config: Mapping[str, Any]) -> "SegDataset":
    """The split as an evaluation reads it: with the pipeline of data.val, and labels of their files' size."""
    from segbox.data.loader import build_dataset, pipeline_of

    data = config["data"]
    if data.get(args.split) is None:
        raise ConfigError(f"{args.source}: has no data.{args.split}")
    pipeline = pipeline_of(data.get("val") or {}, "data.val")[0]
    return build_dataset({**data[args.split], "pipeline": pipeline, "transform_labels": False}, f"data.{args.split}")


def judge(
    review: "Review", indices: Sequence[int], model: Any, config: Mapping[str, Any], device: "torch.device"
) -> None:
    """Add these images to the review, judged by the model."""
    from segbox.evaluation.fill_color import fill_with_mean
    from segbox.evaluation.inference import build_inference
    from segbox.progress import ProgressBar
    from segbox.registry import call

    test = dict(config.get("test") or {})
    if test.get("mode") == "crop":
        raise ConfigError("test.mode: crop sees a part of each image only; whole or slide see all of the labels")
    fill_with_mean(review.dataset, model)
    predict = call(build_inference, test, "test", model=model.eval())
    bar, before = ProgressBar(len(indices)), review.images
    review.add(indices, predict, device, lambda done: bar.show(done - before, "images judged"))
    bar.clear()


# --- cross-fitting ---------------------------------------------------------------------------------------------------


def judged_by_folds(args: argparse.Namespace, folder: Path, device: "torch.device") -> "Review":
    """Each image of data.train, judged by a model that was trained on the others."""
    from segbox.config import load_config
    from segbox.engine.config_check import check_config
    from segbox.engine.time_budget import seconds_of
    from segbox.review.contradictions import Review
    from segbox.review.folds import folds_of

    end = None if args.time is None else time.perf_counter() + seconds_of(args.time)
    config = load_config(args.source, args.cfg_options)
    check_config(config, "model", "data", "optimizer", "train")
    review = Review(dataset_of(args, config), folder)
    for number, (judged, others) in enumerate(folds_of(review.dataset, args.folds)):
        seconds = None if end is None else (end - time.perf_counter()) / (args.folds - number)
        print(f"part {number + 1} of {args.folds}: {len(others):,} images to train on, {len(judged):,} to judge")
        judge(review, judged, trained(config, others, seconds, device), config, device)
    return review


def trained(config: Mapping[str, Any], indices: Sequence[int], seconds: float | None, device: "torch.device") -> Any:
    """The model of the config, trained on these images of data.train for so long (None: as the config says)."""
    from segbox.engine.build import build_runner
    from segbox.engine.pace import Pace
    from segbox.engine.time_budget import TimeBudget

    with TemporaryDirectory(prefix="segbox_fold_") as folder:
        begin = time.perf_counter()
        runner = build_runner(part_of(config, indices), Path(folder), device)
        if seconds is not None:
            runner.pace = Pace(TimeBudget(f"{max(1, int(seconds))}s", begin))
            runner.max_steps = max(runner.max_steps, 2)  # until the first plan
        request = runner.train()
    if request.signal is not None:
        raise SystemExit(128 + request.signal)
    return runner.model if runner.averaged_model is None else runner.averaged_model


def part_of(config: Mapping[str, Any], indices: Sequence[int]) -> Any:
    """The config with some images of its training set, without evaluation and checkpoints."""
    from copy import deepcopy

    part = deepcopy(config)
    part["data"]["train"] = {"type": "SubsetDataset", "dataset": part["data"]["train"], "indices": list(indices)}
    part["data"]["val"] = None
    part["hooks"] = dict(without_outputs(part.get("hooks") or {}))
    return part


def without_outputs(hooks: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, own) for name, own in hooks.items() if own and own.get("type") not in AFTER_TRAINING)
