"""The models of a comparison: that of a config, and those of peers, rebuilt here with the same weights."""

import copy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn

from segbox.benchmark.peer import shared
from segbox.benchmark.peers import Peer
from segbox.config import Config
from segbox.engine.build import build_runner
from segbox.engine.runner import Runner
from segbox.errors import UserError
from segbox.interop.imported import Imported
from segbox.interop.mmseg.read import read_mmseg
from segbox.interop.smp import convert_smp
from segbox.interop.torchvision import convert_torchvision
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.weights.loading import load_weights, read_weights

PEER_MODELS = {  # what a peer's own model is compared with, unless --peer-model names another
    "mmseg": "pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py",
    "smp": "Unet resnet18",
    "torchvision": "deeplabv3_mobilenet_v3_large",
}
OPTIMIZER = dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4)


@dataclass(frozen=True)
class Shape:
    """The batches of a comparison."""

    classes: int
    size: tuple[int, int]
    batch: int

    def __str__(self) -> str:
        return f"{self.batch} x {self.size[0]} x {self.size[1]}, {self.classes} classes"


@dataclass(frozen=True)
class PeerModel:
    """A model of a peer, in our terms; the peer's process is ready to run its own."""

    name: str
    section: dict[str, Any]
    weights: Mapping[str, torch.Tensor]


def peer_model(peer: Peer, work: str, name: str | None, shape: Shape) -> PeerModel:
    """Let a peer build one of its models, and read its weights. UserError if segbox has no such model."""
    name = name or PEER_MODELS.get(peer.name, "")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.pth")
        about = {"model": name, "classes": shape.classes, "size": shape.size, "batch": shape.batch, "weights": path}
        told = peer.make(work, about)
        imported = imported_model(peer.name, told.get("config"), path)
        weights = {key: value.clone() for key, value in imported.weights.items()}  # the file goes away
    return PeerModel(name, without_dropout(imported.model), weights)


def imported_model(library: str, config: Any, path: str) -> Imported:
    if library == "mmseg":
        return read_mmseg(path)
    weights = read_weights(path)
    return convert_smp(config, weights, path) if library == "smp" else convert_torchvision(config, weights, path)


def without_dropout(section: Mapping[str, Any]) -> dict[str, Any]:
    """A model's section whose heads drop nothing: otherwise, two libraries never compute the same."""
    section = copy.deepcopy(dict(section))
    for key in ("decode_head", "auxiliary_head"):
        heads = section.get(key)
        for head in [heads] if isinstance(heads, dict) else heads or []:
            head.update({name: 0.0 for name in head if name == "dropout"})
    return section


def model_of(section: Mapping[str, Any], classes: int, weights: Mapping[str, torch.Tensor] | None = None) -> nn.Module:
    torch.manual_seed(0)
    model = build_segmentor(without_weights(section), None if "num_classes" in section else classes)
    if weights is not None:
        load_weights(model, weights, "the peer's weights")
    return model


def images_and_labels(shape: Shape, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(shared.pixels(shape.batch, 3, *shape.size))
    return images.to(device), torch.from_numpy(shared.class_ids(shape.classes, shape.batch, *shape.size)).to(device)


@contextmanager
def runner_of(config: Mapping[str, Any], shape: Shape, device: str) -> Iterator[Runner]:
    """A run of this model, optimizer and `train` section, ready for its first step, on a data set of one picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, picture in (
            ("images", shared.pixels(3, *shape.size)),
            ("annotations", shared.class_ids(1, *shape.size)),
        ):
            (folder / kind).mkdir()
            cv2.imwrite(str(folder / kind / "a.png"), picture if picture.ndim == 2 else picture.transpose(1, 2, 0))
        classes = [str(k) for k in range(shape.classes)]
        train = dict(type="FolderDataset", root=name, classes=classes, pipeline=[])
        sections = {
            "model": without_weights(config["model"]),
            "optimizer": config.get("optimizer", OPTIMIZER),
            "train": {**config.get("train", {}), "max_steps": 1000, "max_epochs": None},
            "data": dict(train=train, batch_size=shape.batch, workers=0),
            "hooks": {},
        }
        runner = build_runner(Config(sections), folder / "run", torch.device(device))
        runner.call("before_train")
        runner.model.train()
        yield runner


def refused(peer: Peer, error: UserError) -> str:
    text = str(error)
    return text if text.startswith(peer.name) else f"{peer.name}: {text}"
