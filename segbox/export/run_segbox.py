"""Segment pictures with a file that `segbox export` wrote. This file needs neither PyTorch nor segbox.

python run_segbox.py model.onnx photo.jpg
python run_segbox.py model.onnx folder/ --out predictions --save mask,color,overlay

It needs Python 3.10, numpy, OpenCV or Pillow, and onnxruntime for .onnx files, openvino for .xml files:
pip install numpy opencv-python-headless onnxruntime

Masks are PNGs of class ids. Existing files are never overwritten. Pictures that cannot be read are listed at the end.
Exit status: 0 all pictures are segmented, 2 some or none. In a program: open_exported(path), class_map(model, image).
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("mask", "color", "overlay")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".npy")
WINDOWS_PER_BATCH = 4
IGNORED = 255


class Mistake(Exception):
    """What is told to the user in one line."""


@dataclass(frozen=True)
class Exported:
    """An exported model. `run` takes images B C H W, of type `metadata["input"]`, and returns the file's output."""

    metadata: dict[str, Any]
    run: Callable[[np.ndarray], np.ndarray]


def open_exported(path: str | Path, threads: int | None = None) -> Exported:
    """The model of an .onnx or .xml file; `threads` is the number of CPU threads (default: the runtime's)."""
    path = Path(path)
    openers = {".onnx": open_onnx, ".xml": open_openvino}
    if path.suffix not in openers:
        raise Mistake(f"{path}: expected a file .onnx or .xml that segbox export wrote")
    if not path.is_file():
        raise Mistake(f"{path}: there is no such file")
    content, run = openers[path.suffix](path, threads)
    if content is None:
        raise Mistake(f"{path}: has no metadata of segbox; it takes files that segbox export wrote")
    return Exported(json.loads(content), run)


def open_onnx(path: Path, threads: int | None) -> tuple[str | None, Callable[[np.ndarray], np.ndarray]]:
    try:
        import onnxruntime
    except ImportError:
        raise Mistake(f"{path} needs onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads or 0
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    there = [name for name in wanted if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=there)
    except Exception as error:  # it has its own classes of errors
        raise Mistake(f"{path}: onnxruntime {onnxruntime.__version__} cannot open it: {first_line(error)}") from None
    name = session.get_inputs()[0].name
    content = session.get_modelmeta().custom_metadata_map.get("segbox")
    return content, lambda images: session.run(None, {name: images})[0]


def open_openvino(path: Path, threads: int | None) -> tuple[str | None, Callable[[np.ndarray], np.ndarray]]:
    try:
        import openvino
    except ImportError:
        raise Mistake(f"{path} needs openvino: pip install openvino") from None
    settings = {"INFERENCE_PRECISION_HINT": "f32"}  # by itself it takes bfloat16 on some CPUs
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        core = openvino.Core()
        model = core.read_model(path)
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:
        raise Mistake(f"{path}: openvino {openvino.__version__} cannot open it: {first_line(error)}") from None
    content = model.get_rt_info("segbox").value if model.has_rt_info("segbox") else None
    return content, lambda images: compiled(images)[0]


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


# --- one image -------------------------------------------------------------------------------------------------------


def class_map(model: Exported, image: np.ndarray) -> np.ndarray:
    """H W class ids of an image H W C (RGB), whole or by windows, as the model was trained to be used."""
    images = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=model.metadata["input"])
    check_size(model.metadata, *images.shape[2:])
    if model.metadata["window"] is not None:
        return sum_of_windows(model, images).argmax(0).astype(np.uint8)
    scores = model.run(images)[0]
    return scores if model.metadata["output"] == "classes" else scores.argmax(0).astype(np.uint8)


def check_size(metadata: dict[str, Any], height: int, width: int) -> None:
    fixed, window = metadata["size"], metadata["window"]
    if fixed is not None and window is None and [height, width] != fixed:
        raise Mistake(f"has {height}x{width} pixels (height x width); the model was exported for {fixed[0]}x{fixed[1]}")
    if fixed is not None and window is not None and (height < window[0] or width < window[1]):
        raise Mistake(f"has {height}x{width} pixels; the model was exported for windows of {window[0]}x{window[1]}")


def sum_of_windows(model: Exported, images: np.ndarray) -> np.ndarray:
    """K H W: the sum of the probabilities of all windows at a pixel."""
    height, width = images.shape[2:]
    h, w = min(model.metadata["window"][0], height), min(model.metadata["window"][1], width)
    corners = list(corners_of(height, width, (h, w), model.metadata["stride"]))
    total = np.zeros((len(model.metadata["classes"]), height, width), np.float32)
    for first in range(0, len(corners), WINDOWS_PER_BATCH):
        some = corners[first : first + WINDOWS_PER_BATCH]
        scores = model.run(np.concatenate([images[..., y : y + h, x : x + w] for y, x in some]))
        if model.metadata["output"] == "logits":
            scores = softmax(scores)
        for (y, x), window in zip(some, scores):
            total[:, y : y + h, x : x + w] += window
    return total


def corners_of(height: int, width: int, window: Sequence[int], stride: Sequence[int]) -> Iterator[tuple[int, int]]:
    for y in starts(height, window[0], stride[0]):
        yield from ((y, x) for x in starts(width, window[1], stride[1]))


def starts(length: int, window: int, stride: int) -> list[int]:
    """The starts of windows that cover `length`; the last window is moved back to end at `length`."""
    return [min(start, length - window) for start in range(0, length - window + stride, stride)]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


# --- files -----------------------------------------------------------------------------------------------------------


def read_image(path: Path, metadata: dict[str, Any]) -> np.ndarray:
    """H W C in RGB order."""
    channels, bits = metadata["channels"], metadata["bits"]
    if path.suffix.lower() == ".npy":
        image = np.load(path, allow_pickle=False)
    elif channels not in (1, 3) or bits not in (8, 16):
        raise Mistake(f"images of {channels} channels and {bits} bits are taken as arrays H W C, .npy")
    else:
        image = decoded(path, channels, bits, metadata["exif"])
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] != channels or not image.size:
        raise Mistake(f"the model takes images of {channels} channel(s), this one is {'x'.join(map(str, image.shape))}")
    if (bits == 8) != (image.dtype == np.uint8):
        raise Mistake(f"the model takes images of {bits} bits a channel, this one is {image.dtype}")
    return image


def decoded(path: Path, channels: int, bits: int, exif: bool) -> np.ndarray:
    try:
        import cv2
    except ImportError:
        return decoded_by_pillow(path, channels, bits, exif)
    flags = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    flags |= cv2.IMREAD_ANYDEPTH if bits == 16 else 0
    flags |= 0 if exif else cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    if image is None:
        raise Mistake("is no image that OpenCV can read")
    return image[..., ::-1] if channels == 3 else image


def decoded_by_pillow(path: Path, channels: int, bits: int, exif: bool) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise Mistake("reading images needs OpenCV or Pillow: pip install opencv-python-headless") from None
    if bits == 16:
        raise Mistake("reading 16 bits needs OpenCV: pip install opencv-python-headless")
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image) if exif else image
            return np.asarray(image.convert("RGB" if channels == 3 else "L"))
    except OSError as error:
        raise Mistake(f"is no image that Pillow can read ({error})") from None


def write_png(path: Path, picture: np.ndarray) -> None:
    """Complete or not at all."""
    partial = path.with_name(f".{path.name}.part.png")
    try:
        import cv2

        partial.write_bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes())
    except ImportError:
        from PIL import Image

        Image.fromarray(picture).save(partial)
    os.replace(partial, path)


def draw(kind: str, image: np.ndarray, label: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """The class ids, their colours, or the colours over the image."""
    if kind == "mask":
        return label
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    colours = table[label]
    if kind == "color":
        return colours
    image = image if image.dtype == np.uint8 else (image // 256).astype(np.uint8)
    image = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
    mixed = np.rint((image.astype(np.float32) + colours) / 2).astype(np.uint8)
    return np.where((label == IGNORED)[..., None], image, mixed)


def images_of(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not found:
        raise Mistake(f"{source}: there is no such file, or no image in this folder ({', '.join(SUFFIXES)})")
    return found


def targets_of(images: Sequence[Path], source: Path, out: Path, kinds: Sequence[str]) -> dict[Path, dict[str, Path]]:
    """The output files of each image; Mistake if one exists, or two would be the same."""
    targets, taken = {}, {}
    for path in images:
        name = path.relative_to(source) if source.is_dir() else Path(path.name)
        targets[path] = {kind: out / name.with_name(f"{name.stem}_{kind}.png") for kind in kinds}
        for target in targets[path].values():
            if target in taken:
                raise Mistake(f"{taken[target]} and {path} would both be written to {target}; rename one of them")
            if target.exists():
                raise Mistake(f"{target} exists; move it, or choose another folder by --out. Nothing was written")
            taken[target] = path
    return targets


def segment(model: Exported, path: Path, targets: dict[str, Path]) -> None:
    image = read_image(path, model.metadata)
    label = class_map(model, image)
    for kind, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, draw(kind, image, label, model.metadata["palette"]))


def run(args: argparse.Namespace) -> list[str]:
    """The failures, a line each."""
    model = open_exported(args.model, args.threads)
    images = images_of(args.source)
    targets = targets_of(images, args.source, args.out, args.save)
    failures = []
    for path in images:
        try:
            segment(model, path, targets[path])
        except (Mistake, OSError, ValueError) as error:
            failures.append(f"{path}: {first_line(error)}")
    print(f"{len(images) - len(failures)} image(s): {', '.join(args.save)} in {args.out}")
    return failures


def kinds(text: str) -> list[str]:
    asked = text.split(",")
    if strange := [kind for kind in asked if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{strange[0]!r} is none of {', '.join(KINDS)}")
    return asked


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a file .onnx or .xml that segbox export wrote")
    parser.add_argument("source", type=Path, help="an image, or a folder of images")
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="where to write (default: predictions)")
    parser.add_argument("--save", type=kinds, default=["mask", "overlay"], help="mask,color,overlay")
    parser.add_argument("--threads", type=int, help="CPU threads (default: the runtime's)")
    try:
        failures = run(parser.parse_args())
    except (Mistake, OSError) as error:
        failures = [str(error)]
    for line in failures:
        print(f"error: {line}", file=sys.stderr)
    return 2 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
