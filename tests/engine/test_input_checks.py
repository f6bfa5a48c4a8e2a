"""Images that the model would not see as it should are refused before the first step."""

import numpy as np
import pytest
import torch

from segbox.data.datasets.folder import FolderDataset
from segbox.data.loader import train_loader
from segbox.engine.input_checks import check_images
from segbox.errors import ConfigError
from segbox.models.segmentors import build_segmentor
from tests.faulty_data import blocky_label, deep_image, write_deep_png, write_image
from tests.tiff_files import write_tiff

CLASSES = ("a", "b", "c", "d")


def deep_set(root, channels=1, bits=16, pipeline=()):
    for i in range(3):
        write_tiff(root / f"images/{i}.tif", deep_image(40, 56, channels, seed=i))
        write_image(root / f"annotations/{i}.png", blocky_label(40, 56))
    return FolderDataset(str(root), classes=CLASSES, channels=channels, bits=bits, pipeline=pipeline)


def model_of(channels, **said):
    backbone = {"type": "ResNet", "variant": "test", "in_channels": channels}
    config = {"type": "EncoderDecoder", "backbone": backbone, "decode_head": {"type": "FCNHead"}}
    return build_segmentor({**config, **said}, len(CLASSES))


def check(dataset, channels, **said):
    check_images({"data.train": dataset}, model_of(channels, **said))


def test_what_fits_passes(tmp_path):
    dataset = deep_set(tmp_path, 2)
    check(dataset, 2, mean=2000.0, std=700.0)
    check(dataset, 2, mean=(2000.0, 1900.0), std=(700.0, 650.0))
    check(dataset, 2, mean=0.0, std=65535.0)
    check(deep_set(tmp_path / "bytes", 3, bits=8), 3)


def test_units_that_nobody_gave(tmp_path):
    with pytest.raises(
        ConfigError, match=r"model.mean and model.std are not given.* data.train have 16 bits\. Give them"
    ):
        check(deep_set(tmp_path, 3), 3)


def test_units_of_bytes(tmp_path):
    with pytest.raises(
        ConfigError, match=r"model.mean=\(116\) and model.std=\(57\) are in other units .*about \(2\d\d\d\)"
    ):
        check(deep_set(tmp_path), 1, mean=116.0, std=57.0)


def test_other_channels(tmp_path):
    with pytest.raises(
        ConfigError, match=r"data.train gives images of 5 channels, the model takes 3: set model.backbone"
    ):
        check(deep_set(tmp_path, 5), 3, mean=2000.0, std=700.0)


def test_sets_that_differ_in_bits(tmp_path):
    sets = {"data.train": deep_set(tmp_path), "data.val": deep_set(tmp_path, bits=8)}
    with pytest.raises(ConfigError, match=r"differ in their bits: data.train 16, data.val 8"):
        check_images(sets, model_of(3))


def test_what_cannot_be_read_is_told_at_its_turn(tmp_path):
    dataset = deep_set(tmp_path)
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"")
    check(dataset, 1, mean=116.0, std=57.0)


def test_levels_between_those_of_bytes_reach_the_model(tmp_path):
    """Two images that differ in their low bytes alone."""
    image = deep_image(40, 56, 1)
    for name, own in {"a": image & 0xFF00, "b": (image & 0xFF00) + 255}.items():
        write_deep_png(tmp_path / f"images/{name}.png", own)
        write_image(tmp_path / f"annotations/{name}.png", blocky_label(40, 56))
    pipeline = [{"type": "Resize", "short": 20}, {"type": "RandomFlip", "probability": 1.0}]
    dataset = FolderDataset(str(tmp_path), classes=CLASSES, channels=1, bits=16, pipeline=pipeline)
    batch = next(iter(train_loader(dataset, 2, seed=0)))
    order = np.argsort(batch["paths"])
    model = model_of(1, mean=2000.0, std=700.0)
    seen = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][order]))
    sum(model(batch["images"], batch["labels"]).values()).backward()
    dark, bright = seen[0]
    assert torch.allclose(bright - dark, torch.tensor(255 / 700), atol=1e-5)


def test_networks_of_one_size(tmp_path):
    """Told before the first step, of the crops of training and of the images of evaluation."""

    class OneSize(torch.nn.Identity):
        def check_size(self, height, width):
            if height > 30 or width > 30:
                raise ConfigError(f"{height}x{width}")

    dataset, model = deep_set(tmp_path, bits=16), model_of(1, mean=2000.0, std=700.0)
    model.backbone = OneSize()
    crops = deep_set(tmp_path, pipeline=[{"type": "RandomCrop", "size": (30, 20)}])
    check_images({"data.train": crops, "data.val": dataset}, model, window=(30, 30))
    with pytest.raises(ConfigError, match=r"^30x56$"):
        check_images({"data.train": crops, "data.val": dataset}, model, window=(30, 60))
    with pytest.raises(ConfigError, match=r"^40x56$"):
        check_images({"data.train": dataset, "data.val": dataset}, model, window=(30, 30))
