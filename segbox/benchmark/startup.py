"""`segbox bench startup`: new processes, beside what Python and PyTorch alone cost."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from segbox.benchmark.measure import FLOOR, OURS, Case, Side
from segbox.benchmark.peers import Peer
from segbox.errors import UserError

MODULES = {"smp": "segmentation_models_pytorch"}  # where a library's module has another name
FIRST_STEP = """
_base_ = "segbox::demo/pspnet_r10_shapes.py"
data = dict(train=dict(num_images=4), val=None, batch_size=2, workers=0)
train = dict(max_steps=1)
hooks = dict(evaluate=None)
"""
TORCH_STEP = """
import torch
model = torch.nn.Sequential(*(torch.nn.Conv2d(3 if i == 0 else 8, 8, 3) for i in range(9)))
optimizer = torch.optim.AdamW(model.parameters())
model(torch.zeros(2, 3, 64, 64)).mean().backward()
optimizer.step()
"""


def startup_cases(peers: Sequence[Peer]) -> Iterator[Case]:
    """Processes of their own; the peers' libraries are imported by their own Python."""
    python = sys.executable
    yield Case("import segbox", [process(OURS, python, "-c", "import segbox"), process(FLOOR, python, "-c", "")])
    argparse = process(FLOOR, python, "-c", "import argparse")
    yield Case("segbox --help; bare: argparse", [process(OURS, python, "-m", "segbox", "--help"), argparse])
    torch = process("torch", python, "-c", "import torch")
    everything = process(OURS, python, "-c", "import segbox.engine.build, segbox.evaluation.predictor")
    others = [
        process(peer.name, str(peer.python), "-c", f"import torch, {MODULES.get(peer.name, peer.name)}")
        for peer in peers
    ]
    yield Case("import all that training and prediction need", [everything, torch, *others])
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "first_step.py"
        config.write_text(FIRST_STEP)
        steps = [python, "-m", "segbox", "train", str(config), "--work-dir", str(Path(name) / "run"), "--overwrite"]
        bare = process(FLOOR, python, "-c", TORCH_STEP)
        yield Case("a run of one step, saved; bare: a step of nine convolutions", [process(OURS, *steps), bare])


def process(name: str, *command: str) -> Side:
    return Side(name, lambda: None, partial(seconds_of_process, command), lambda: None)


def seconds_of_process(command: Sequence[str]) -> tuple[float, float]:
    """The CPU time of a process and of its children (0 on Windows), and its wall-clock time."""
    before, wall = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=own_environment())
    after = os.times()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise UserError(
            f"{' '.join([Path(command[0]).name, *command[1:4]])} ended with status {done.returncode}: {last}"
        )
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.perf_counter() - wall


def own_environment() -> dict[str, str]:
    """This segbox is found by the processes, installed or not."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
