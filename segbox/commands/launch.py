"""Run a command in several processes, one per GPU (or on CPUs), on one or several machines.

segbox launch 4 train CONFIG                            # the same training on four GPUs
segbox launch 4 train CONFIG --max-restarts 3           # if a process dies, restart all and resume
segbox launch 4 test CONFIG CHECKPOINT --eval mIoU

Several machines: run the same command on each, with NNODES, NODE_RANK and MASTER_ADDR (and MASTER_PORT) in the
environment. data.batch_size is divided between all processes, so their number does not change the training.
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from segbox.errors import ConfigError, UserError

EXPLAINED = (2, 129, 130, 143)  # mistake of the user, SIGHUP, Ctrl-C, SIGTERM: the process has printed a message


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("processes", metavar="N", help="number of processes on this machine")
    parser.add_argument("command", choices=("train", "test"), help="what each process runs")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="the arguments of the command; --max-restarts N (or MAX_RESTARTS in the environment) may be among them",
    )


def run(args: argparse.Namespace) -> None:
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--max-restarts", default=os.environ.get("MAX_RESTARTS", "0"))
    options, arguments = own.parse_known_args(args.arguments)
    processes = number(args.processes, "expected a number of processes", 1)
    restarts = number(options.max_restarts, "--max-restarts: expected a number", 0)
    # Otherwise each process would start one thread per core.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, -(-(os.cpu_count() or 1) // processes))))
    launch(
        [*nodes(), "--max_restarts", str(restarts), "--nproc_per_node", str(processes)],
        ["-m", "segbox", args.command, *arguments],
        log_of(arguments),
    )


def number(text: str, expected: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise ConfigError(f"{expected}, got {text!r}")
    return int(text)


def nodes() -> list[str]:
    """The rendezvous options for torchrun."""
    known = os.environ
    if known.get("NNODES", "1") == "1":
        return ["--standalone"]  # it finds a free port
    missing = [name for name in ("NODE_RANK", "MASTER_ADDR") if name not in known]
    if missing:
        raise ConfigError(f"NNODES={known['NNODES']}: {' and '.join(missing)} must be set in the environment too")
    address = ["--master_addr", known["MASTER_ADDR"], "--master_port", known.get("MASTER_PORT", "29500")]
    return ["--nnodes", known["NNODES"], "--node_rank", known["NODE_RANK"], *address]


def log_of(arguments: Sequence[str]) -> Path:
    """The path of the log of `segbox train` with these arguments."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("config", nargs="?", default="none")
    parser.add_argument("--work-dir")
    known, _ = parser.parse_known_args(arguments)
    return Path(known.work_dir or Path("work_dirs") / Path(known.config).stem) / "log.txt"


def launch(settings: Sequence[str], command: Sequence[str], log: Path) -> None:
    """Run torchrun. Prints a line if a process was lost, and nothing if the process has printed a message."""
    from torch.distributed import DistError
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    for name in ("multiprocessing.api", "agent.server.api"):
        logging.getLogger(f"torch.distributed.elastic.{name}").setLevel(logging.CRITICAL)
    try:
        main([*settings, *command])
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None
    except DistError as error:
        raise UserError(f"the nodes did not meet at {meeting_place()}: {reason_of(error)}") from error
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        status = failure.exitcode
        if status not in EXPLAINED:
            print(f"error: {loss_text(rank, status, log)}", file=sys.stderr)
        raise SystemExit(status if status > 0 else 128 - status) from None


def meeting_place() -> str:
    known = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500", **os.environ}
    return " and ".join(f"{name}={known[name]}" for name in ("MASTER_ADDR", "MASTER_PORT"))


def reason_of(error: Exception) -> str:
    text = " ".join(str(error).split())
    return "the port is in use on this machine; choose another MASTER_PORT" if "EADDRINUSE" in text else text[:300]


def loss_text(rank: int, status: int, log: Path) -> str:
    end = f"ended with status {status}" if status > 0 else f"was killed by {signal.Signals(-status).name}"
    reason = " (out of memory?)" if end.endswith("SIGKILL") else ""  # which Windows does not know
    where = f" The log: {log}." if log.exists() else ""
    return f"process {rank} {end}{reason}; its own message stands above.{where} Go on with --resume"
