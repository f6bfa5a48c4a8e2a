"""What each of two processes does in tests/test_distributed.py; the first writes down what was seen."""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from segbox import distributed
from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.protocol import Evaluation
from segbox.errors import DataError, ends_with_a_message

CPU = torch.device("cpu")


def digest(state: Mapping[str, torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()


def main(folder: Path) -> None:
    config = load_config(folder / "tiny.py")
    with distributed.process_group(CPU):
        runner = build_runner(config, folder, CPU)
        batches = iter(runner.train_batches(0))
        seen = {
            "paths": distributed.gather([next(batches)["paths"] for _ in range(4)]),
            "mean": distributed.mean(torch.tensor([float(distributed.rank())])).item(),
            "any": [distributed.any_says(distributed.rank() == 1), distributed.any_says(False)],
        }
        runner.train()
        weights = {name: parameter.detach() for name, parameter in runner.model.named_parameters()}
        seen["weights"] = distributed.gather([digest(weights), digest(runner.averaged_model.state_dict())])
        seen["counts"] = Evaluation(config, CPU)(runner.averaged_model).counts.tolist()
        if distributed.is_main():
            (folder / "seen.json").write_text(json.dumps(seen))
        distributed.barrier()
        if not distributed.is_main():
            raise DataError("a.png: is cut off")
        distributed.barrier()


if __name__ == "__main__":
    with ends_with_a_message():
        main(Path(sys.argv[1]))
