"""Writes a plan as ONNX, OpenVINO or a program of torch.export."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segbox.errors import ConfigError, UserError
from segbox.export.plan import Plan
from segbox.export.resampling import without_antialiased_resizing
from segbox.export.run_segbox import first_line

# Of the example where sizes are free. Each half, rounded up, is odd again down to stride 32: no size of the graph
# equals another by chance, which would be fixed in the file.
FREE = (97, 161)
NEEDED = {  # suffix: packages that write the file and run it
    ".onnx": ("onnx", "onnxscript", "onnxruntime"),
    ".xml": ("onnx", "onnxscript", "openvino"),
    ".pt2": (),
}
KEY = "segbox"  # of the metadata in every format
OPSET = 20
LARGEST_ONNX = 1536 * 2**20  # bytes; of larger models, PyTorch writes the weights into a second file


def check_format(out: Path, precision: str) -> None:
    """Refuse suffixes that are not written, and formats whose packages are missing."""
    if out.suffix not in NEEDED:
        raise ConfigError(f"{out}: the suffix decides what is written: {', '.join(NEEDED)}")
    if precision == "int8" and out.suffix != ".onnx":
        raise ConfigError(f"{out}: --int8 quantizes .onnx files only")
    missing = [name for name in NEEDED[out.suffix] if find_spec(name) is None]
    if missing:
        raise UserError(f'{out.suffix} files need {", ".join(missing)}: pip install "segbox[export]"')
    if not hasattr(torch.compiler, "is_exporting"):
        raise UserError(f"segbox export needs PyTorch 2.7 or newer; this is {torch.__version__}")


def refuse_too_large(plan: Plan, out: Path) -> None:
    size = sum(tensor.nbytes for tensor in plan.of_file().state_dict().values())
    if out.suffix == ".onnx" and size > LARGEST_ONNX:
        raise UserError(
            f"{out}: the weights are {size / 2**30:.1f} GB, one .onnx file holds {LARGEST_ONNX / 2**30:g} GB; take"
            " --half, or write .xml (OpenVINO) or .pt2 (torch.export)"
        )


def export_program(plan: Plan) -> torch.export.ExportedProgram:
    graph = plan.of_file()
    example = torch.zeros(2, plan.metadata["channels"], *(plan.size or FREE), dtype=input_type(plan))
    free = torch.export.Dim.DYNAMIC
    sizes = {0: free} if plan.size else {0: free, 2: free, 3: free}
    with quiet():
        try:
            return traced(graph, example, sizes)
        except UserError:
            raise
        except Exception as error:  # what is not supported ends in many classes of errors
            part = suspected_part(graph, example, sizes)
            hint = "" if plan.size else "; with fixed sizes (--size H W) it may work"
            raise UserError(f"{part} cannot be exported{hint}. torch.export: {first_line(error)}") from error


def traced(module: nn.Module, example: Tensor, sizes: dict[int, object]) -> torch.export.ExportedProgram:
    with torch.no_grad():
        return torch.export.export(module, (example,), dynamic_shapes=(sizes,), strict=False)


def for_any_size(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """With its example, a program refuses sizes that are alike where those of the example are not (a height that needs
    no padding), though it computes them rightly, as `compare` shows."""
    program.example_inputs = None
    return program


def suspected_part(graph: nn.Module, example: Tensor, sizes: dict[int, object]) -> str:
    """The backbone if it cannot be exported on its own, else what follows it."""
    backbone, head = graph.network.backbone, graph.network.decode_head
    if head.reads_tokens:
        return f"the head {type(head).__name__}, with the blocks of {type(backbone).__name__} that it runs,"
    try:
        traced(backbone, example.to(graph.dtype), sizes)
    except Exception:
        return f"the backbone {type(backbone).__name__}"
    return f"the head {type(head).__name__} (or the neck {type(graph.network.neck).__name__})"


def input_type(plan: Plan) -> torch.dtype:
    return getattr(torch, plan.metadata["input"])


def write_format(
    plan: Plan, program: torch.export.ExportedProgram, out: Path, calibration: Sequence[np.ndarray] = ()
) -> list[Path]:
    """Write the files of a format; returns their paths. `calibration`: images B C H W, for int8."""
    metadata = json.dumps(plan.metadata)
    if out.suffix == ".pt2":
        torch.export.save(for_any_size(program), out, extra_files={f"{KEY}.json": metadata})
        return [out]
    onnx_file = out.with_suffix(".onnx")
    write_onnx(program, onnx_file, metadata, plan.graph.output)
    if plan.metadata["precision"] == "int8":
        quantize(onnx_file, calibration, metadata)
    if out.suffix == ".onnx":
        return [out]
    write_openvino(onnx_file, out, metadata)
    onnx_file.unlink()
    return [out, out.with_suffix(".bin")]


def write_onnx(program: torch.export.ExportedProgram, path: Path, metadata: str, output: str) -> None:
    with quiet():
        try:
            program = without_antialiased_resizing(program)
            exported = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=OPSET)
        except Exception as error:
            raise UserError(f"the model cannot be written as ONNX: {first_line(first_cause(error))}") from error
    exported.model.graph.inputs[0].name = "images"
    exported.model.graph.outputs[0].name = output
    exported.model.metadata_props[KEY] = metadata
    exported.save(path)


def write_openvino(onnx_file: Path, out: Path, metadata: str) -> None:
    import openvino

    model = openvino.Core().read_model(onnx_file)
    model.set_rt_info(metadata, KEY)
    openvino.save_model(model, out, compress_to_fp16=False)


def first_cause(error: BaseException) -> BaseException:
    """The exporter's own words say that it failed; the error behind them names the operator."""
    return error if error.__cause__ is None else first_cause(error.__cause__)


def quantize(path: Path, calibration: Sequence[np.ndarray], metadata: str) -> None:
    """Weights and activations in 8 bits, by onnxruntime; ranges are those of the calibration images."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.left: Iterator[np.ndarray] = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self.left, None)
            return None if images is None else {"images": images}

    with quiet():
        quantize_static(
            str(path), str(path), Images(), per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv"]
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: metadata})
    onnx.save(model, str(path))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and log lines of exporters, which are about their own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
