"""The commands of segbox, one file each: `segbox train CONFIG` runs `commands/train.py`.

A command module has `add_arguments(parser)` and `run(args)`; its docstring is the text of `--help`. PyTorch is
imported inside `run`, so `--help` and mistakes in a config do not wait for it.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from segbox.ending import ends_with_a_message
from segbox.errors import did_you_mean
from segbox.machine import keep_freed_memory

COMMANDS = {  # name: what it does, for `segbox --help`
    "init": "examine a folder of images and masks, and write a config to train on it",
    "check": "check a data set: unreadable files, wrong ids, sizes, duplicates, class frequencies",
    "convert": "convert COCO, labelme, CVAT, YOLO, colour masks and published data sets to masks of class ids",
    "browse": "draw a contact sheet of samples as the model will see them",
    "train": "train the model of a config",
    "test": "score a checkpoint on the validation set",
    "report": "write the page of a run again: scores, confusions, pictures, curves, what to try next",
    "compare": "compare runs: scores, differences, and whether they are more than chance",
    "predict": "segment images, folders and videos with a trained model",
    "raster": "segment a GeoTIFF or another raster of any size, strip by strip",
    "serve": "a page and an HTTP interface that segment pictures with trained models",
    "suggest": "choose the pictures to label next: those that a model is unsure of, unlike each other",
    "export": "write a trained model for ONNX Runtime, OpenVINO or torch.export, checked beside PyTorch",
    "publish": "write a trained model for others: safetensors, config, model card",
    "import": "turn a checkpoint of mmsegmentation into one of segbox, with its config",
    "launch": "run train or test in several processes, one per GPU",
    "config": "print a config after inheritance and overrides",
    "params": "count parameters and FLOPs",
    "list": "list the configs that come with segbox, or the published models that open by name",
    "bench": "measure segbox beside bare PyTorch and other libraries",
    "version": "print the version and the environment, for bug reports",
    "completion": "print a completion script for bash, zsh or fish",
}
MODULES = {"import": "import_checkpoint"}  # names that Python keeps for itself


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command: `main(["train", "my_config.py"])`. This is the console script `segbox`."""
    arguments = sys.argv[1:] if arguments is None else [*arguments]  # `list` is a command here
    top = parser()
    args = top.parse_args(arguments[:1])
    name = "version" if args.version else args.command
    if name is None:
        top.print_help()
        return
    start(name, arguments[1:], program=f"segbox {name}")


def parser() -> argparse.ArgumentParser:
    """The parser of the command's name. The arguments of commands have parsers of their own."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    top = argparse.ArgumentParser(
        prog="segbox",
        usage="segbox COMMAND ...",
        description="Semantic segmentation in PyTorch, from declarative configs.",
        epilog=f"commands:\n{lines}\n\n`segbox COMMAND --help` describes a command and its options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = "print the version and the environment"
    top.add_argument("--version", action="store_true", help=version)
    top.add_argument("command", nargs="?", type=command_name, metavar="COMMAND", help="one of the commands below")
    return top


def command_name(text: str) -> str:
    if text not in COMMANDS:
        raise argparse.ArgumentTypeError(
            f"there is no command {text!r}.{did_you_mean(text, COMMANDS)} Commands: {', '.join(COMMANDS)}"
        )
    return text


def start(name: str, arguments: Sequence[str] | None = None, program: str | None = None) -> None:
    """Run a command with these arguments (default: those of this process); errors end it with a message."""
    with ends_with_a_message():
        command = module_of(name)
        args = parsed(command_parser(name, program), name, arguments)
        keep_freed_memory()
        command.run(args)


def parsed(parser: argparse.ArgumentParser, name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of a command. Where the first one may be left out, options may stand between the others."""
    is_mixed = name in ("test", "predict", "raster", "suggest", "export")
    return (parser.parse_intermixed_args if is_mixed else parser.parse_args)(arguments)


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"segbox.commands.{MODULES.get(name, name)}")


def command_parser(name: str, program: str | None = None) -> argparse.ArgumentParser:
    command = module_of(name)
    own = argparse.ArgumentParser(
        prog=program, description=command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_arguments(own)
    return own


def command_table() -> str:
    """The commands as Markdown, for README.md."""
    return "\n".join(
        ["| Command | Does |", "|---|---|", *(f"| `segbox {name}` | {does} |" for name, does in COMMANDS.items())]
    )
