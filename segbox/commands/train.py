"""Train the model of a config.

segbox train configs/pspnet/pspnet_r50_ade20k.py
segbox train CONFIG --resume                          # continue from the newest readable checkpoint of the work dir
segbox train CONFIG --time 2h                         # ends in time, with its schedule finished
segbox train CONFIG --no-report                       # without the page report.html at the end
segbox train CONFIG --cfg-options data.batch_size=8 optimizer.lr=0.005
segbox train CONFIG --cfg-options data.batch_size=8 --scale-lr    # scales the config's lr with the batch size

data.batch_size is the images of one optimizer step over all processes: their number does not change the learning rate.
Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end the run after the current step, and save a checkpoint.
A run that its launcher restarts (torchrun with --max-restarts, Slurm with requeueing) resumes by itself.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbox.commands import precision
from segbox.launch import launch

if TYPE_CHECKING:
    from segbox.config import Config
    from segbox.engine.runner import Runner


PART_FOR_REPORT = 0.02  # of --time, or of the time that the run took


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="a config file, or the name of a shipped config (pspnet/pspnet_r50_ade20k)")
    parser.add_argument("--work-dir", help="folder of checkpoints and logs (default: work_dirs/<name of the config>)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="PATH",
        help="continue from the checkpoint PATH; without PATH, from the newest of the work dir",
    )
    parser.add_argument("--overwrite", action="store_true", help="delete the run that the work dir already holds")
    parser.add_argument(
        "--time", metavar="TIME", help="train as many steps as fit into 2h, 90m, 45s or 1h30m, in place of the config's"
    )
    parser.add_argument("--seed", type=int, help="replaces the config's seed")
    precision.add_precision(parser, "replaces the config's; auto is bf16 where the device computes with it")
    parser.add_argument(
        "--scale-lr", action="store_true", help="scale the config's learning rate linearly with data.batch_size"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument(
        "--timeout", type=float, default=30, metavar="MINUTES", help="timeout of communication between processes (30)"
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html at the end of the run")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    begin = time.perf_counter()
    config, origins = config_of(args)
    work_dir = Path(args.work_dir or Path("work_dirs") / Path(args.config).stem)

    from segbox import distributed
    from segbox.engine.build import build_runner
    from segbox.engine.config_check import check_config
    from segbox.engine.devices import choose_device
    from segbox.engine.logs import start_logging
    from segbox.engine.lr_scaling import BaseRate, describe_batch, scale_rate, warn_of_rate
    from segbox.engine.pace import Pace
    from segbox.engine.time_budget import NoBudget, TimeBudget
    from segbox.engine.work_dir import find_resume, only_run_in

    check_config(config, "model", "data", "optimizer", "train")
    base = BaseRate.of_file(args.config)
    scaled = scale_rate(config, origins, base) if args.scale_lr else ""
    budget = NoBudget() if args.time is None else TimeBudget(args.time, begin)
    device = choose_device(args.device)
    options = {"--resume": args.resume, "--overwrite": args.overwrite, "--time": args.time}
    settings = {"config": config.to_dict(), **options}
    with distributed.process_group(device, args.timeout, work_dir / "log.txt", settings), only_run_in(work_dir):
        resume = check_work_dir(work_dir, args)
        distributed.barrier()
        start_logging(work_dir)
        found = None if resume is None else find_resume(work_dir, resume)
        runner = build_runner(config, work_dir, device, is_resumed=found is not None)
        runner.log(describe_batch(runner.batch_size, runner.gradient_accumulation_steps, base))
        if line := scaled or warn_of_rate(config, origins, base):
            runner.log(line)
        if found is None or not distributed.restarts():  # a restarted run goes on with the steps chosen before
            runner.pace = Pace(budget)
        start_or_resume(runner, config, args.overwrite and resume is None, found)
        request = runner.train()
    if request.signal is not None:
        runner.log(f"stopped by {request.signal.name} after step {runner.step}; go on with --resume")
        raise SystemExit(128 + request.signal)
    runner.log(f"done: {runner.step} steps; everything is in {work_dir}")
    if not args.no_report:
        report(runner, time.perf_counter() - begin)


def report(runner: "Runner", taken: float) -> None:
    """Write the page of the run, in one process. Images that are only measured get a small part of the time."""
    from segbox.report.write import SECONDS, tell_report

    budget = runner.pace.budget
    seconds = min(SECONDS, PART_FOR_REPORT * (budget.seconds if budget.is_limited else taken))
    if launch().rank == 0:  # the processes have parted
        runner.log(tell_report(runner.work_dir, runner.device, seconds))


def config_of(args: argparse.Namespace) -> tuple[Any, dict]:
    """The config with the options of the command line, and the origins of its values."""
    from segbox.config import load_with_origins
    from segbox.renamed import present_name

    config, origins = load_with_origins(args.config, args.cfg_options)
    if args.seed is not None:
        config.seed = args.seed
    if args.precision is not None:
        train = config.setdefault("train", {})
        train[present_name("precision", train)] = args.precision
    return config, origins


def check_work_dir(work_dir: Path, args: argparse.Namespace) -> str | None:
    """Refuse a work dir that holds files of others or an old run. Returns what to resume from; None for a new run."""
    from segbox.engine.work_dir import refuse_foreign_files, refuse_old_run, resume_after_restart

    resume = resume_after_restart(work_dir, args.resume)
    refuse_foreign_files(work_dir)
    if resume is None and not args.overwrite:
        refuse_old_run(work_dir)
    return resume


def start_or_resume(
    runner: "Runner", config: "Config", overwrite: bool, found: tuple[Path, Mapping[str, Any]] | None
) -> None:
    """Restore the checkpoint that was found, or discard the old run; then record this start in the work dir."""
    from segbox import distributed
    from segbox.engine.without_effect import lengths_without_effect, settings_without_effect
    from segbox.engine.work_dir import CONFIG, discard_old_run, record_environment
    from segbox.report.write import discard_report
    from segbox.viz.first_batch import FIRST_BATCH, drawing_first

    if found is not None:
        runner.resume(*found)
    lines = settings_without_effect(config)
    if runner.pace.budget.is_limited:
        runner.log(f"--time {runner.pace.budget.text}: the number of steps is chosen after the first ones")
        runner.max_steps = max(runner.max_steps, runner.step + 2)  # until the first plan
    else:
        lines += lengths_without_effect(runner.hooks, runner.max_steps)
    for line in lines:
        runner.log(line)
    if found is None and overwrite:
        discard_old_run(runner.work_dir)  # only after the new run was built without an error
        if distributed.is_main():
            discard_report(runner.work_dir)
    if distributed.is_main():
        # First, because it marks the folder as a run's.
        record_environment(runner.work_dir, runner.device, runner.description["precision"])
        config.dump(runner.work_dir / CONFIG)
        picture = runner.work_dir / FIRST_BATCH
        if found is None or not picture.exists():
            palette = runner.description["palette"]
            runner.train_batches = drawing_first(runner.train_batches, picture, runner.classes, palette, runner.log)
    if distributed.restarts():
        runner.log(f"the launcher has started this run again (restart {distributed.restarts()})")
