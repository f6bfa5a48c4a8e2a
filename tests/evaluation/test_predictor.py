"""A trained model on images of one's own."""

import numpy as np
import pytest
import torch

from segbox.config import load_config
from segbox.data.palette import default_palette
from segbox.errors import CheckpointError, ConfigError, DataError, UserError
from segbox.evaluation.open_model import open_model
from segbox.evaluation.predictor import Predictor
from segbox.viz.overlay import write_image
from tests.runs import tiny_runner, write_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A config and a checkpoint of one step, with averaged weights."""
    folder = tmp_path_factory.mktemp("trained")
    runner = tiny_runner(folder, ["train.max_steps=1", "hooks.evaluate=None"])
    runner.train()
    return load_config(folder / "tiny.py"), folder / "last.pt", runner


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (45, 61, 3), dtype=np.uint8)


def test_probabilities_and_classes_have_the_size_of_the_image(trained, image):
    config, checkpoint, _ = trained
    predictor = Predictor(config, checkpoint, CPU)
    probabilities, label = predictor.probabilities(image), predictor.class_map(image)
    assert probabilities.shape == (7, 45, 61) and torch.allclose(
        probabilities.sum(dim=0), torch.ones(45, 61), atol=1e-5
    )
    assert label.shape == (45, 61) and label.dtype == np.uint8
    assert (probabilities.argmax(dim=0).numpy() == label).all()
    assert predictor.classes[1] == "circle" and len(predictor.palette) == 7 and predictor.channels == 3


def test_certainty_is_that_of_the_probabilities_and_the_model_runs_once(trained, image):
    predictor = Predictor(*trained[:2], CPU)
    probabilities, runs = predictor.probabilities(image), []
    predictor.model.register_forward_pre_hook(lambda *_: runs.append(1))
    model_logits = predictor.model.logits
    predictor.model.logits = lambda *a, **k: runs.append(1) or model_logits(*a, **k)
    label, confidence, entropy = predictor.certainty(image)
    assert len(runs) == 1
    highest = probabilities.max(dim=0)
    assert (label == highest.indices.numpy()).all() and np.allclose(confidence, highest.values, atol=1e-6)
    assert np.allclose(entropy, -(probabilities * probabilities.log()).sum(dim=0) / np.log(7), atol=1e-5)


@pytest.mark.parametrize("test", ["test.mode=whole", "test=dict(mode='slide',window=32,flip=True)"])
def test_a_batch_is_its_images_one_by_one(trained, test):
    config = load_config(config_of(trained), [test, "data.val.pipeline=[dict(type='Resize', short=20)]"])
    predictor = Predictor(config, trained[1], CPU)
    images = np.random.default_rng(1).integers(0, 256, (3, 45, 61, 3), dtype=np.uint8)
    assert (predictor.class_map(images) == np.stack([predictor.class_map(image) for image in images])).all()
    own = torch.stack([predictor.probabilities(image) for image in images])
    assert torch.allclose(predictor.probabilities(images), own, atol=1e-6)
    for batch, single in zip(predictor.certainty(images), zip(*map(predictor.certainty, images))):
        assert np.allclose(batch, np.stack(single), atol=1e-6)
    assert predictor.images_per_batch(images[0]) == 1


def test_how_many_images_a_gpu_gets_at_once(trained):
    predictor = Predictor(*trained[:2], CPU)
    predictor.device = torch.device("cuda")
    sizes = ((64, 64), (512, 512), (512, 1024), (1024, 1025))
    assert [predictor.images_per_batch(np.empty((*size, 3))) for size in sizes] == [32, 4, 2, 1]
    with pytest.raises(UserError, match=r"scoring 2 image\(s\) of 45x61\. Try --batch-size 1, then test\."):
        predictor.device = CPU
        predictor.predict = lambda images: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError("out of memory"))
        predictor.class_map(np.zeros((2, 45, 61, 3), np.uint8))


def test_memory_that_runs_out_is_told_with_what_to_try(trained, image):
    def predict(images):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    config, checkpoint, _ = trained
    predictor = Predictor(config, checkpoint, CPU)
    predictor.predict = predict
    for give in (predictor.class_map, predictor.probabilities, predictor.certainty):
        with pytest.raises(UserError, match=r"^cpu is out of memory while scoring 1 image\(s\) of 45x61\. Try test\."):
            give(image)


def test_the_averaged_weights_are_used(trained, image):
    config, checkpoint, runner = trained
    expected = runner.averaged_model.eval()(torch.from_numpy(image.transpose(2, 0, 1)[None]))[0].softmax(0)
    assert torch.allclose(Predictor(config, checkpoint, CPU).probabilities(image), expected, atol=1e-5)


def test_the_val_pipeline_and_the_test_section_hold(trained, image):
    config, checkpoint, _ = trained
    config = load_config(config_of(trained), ["data.val.pipeline=[dict(type='Resize', short=20)]", "test.flip=True"])
    predictor = Predictor(config, checkpoint, CPU)
    assert predictor.class_map(image).shape == (45, 61)
    assert max(predictor._scores(image[None]).shape[2:]) <= 27
    mirrored = predictor.probabilities(np.ascontiguousarray(image[:, ::-1])).flip(-1)
    assert torch.allclose(predictor.probabilities(image), mirrored, atol=1e-3)


def test_an_image_of_another_depth_than_the_config_says(trained, image):
    config = load_config(config_of(trained))
    config.data.val["bits"] = 16
    predictor = Predictor(config, trained[1], CPU)
    assert predictor.bits == 16 and predictor.class_map(image.astype(np.uint16)).shape == (45, 61)
    with pytest.raises(DataError, match=r"trained on images of 16 bits per channel \(uint16\).* this one is uint8"):
        predictor.class_map(image)


SHAPES = "dict(type='ShapesDataset', pipeline=[dict(type='Resize', short={})])"


@pytest.mark.parametrize(
    "val",
    [
        f"dict(type='SubsetDataset', first=1, dataset={SHAPES.format(20)})",
        f"dict(type='RepeatDataset', times=2, pipeline=[dict(type='Resize', short=20)], dataset={SHAPES.format(40)})",
        f"dict(type='ConcatDataset', datasets=[{SHAPES.format(20)}, {SHAPES.format(20)}])",
        f"dict(type='ConcatDataset', datasets=[dict(type='SubsetDataset', first=1, dataset={SHAPES.format(20)})])",
    ],
)
def test_the_val_pipeline_is_found_inside_wrappers(trained, image, val):
    overrides = [f"data.val={val}"], ["data.val.pipeline=[dict(type='Resize', short=20)]"], []
    configs = [load_config(config_of(trained), override) for override in overrides]
    found, expected, plain = (Predictor(config, trained[1], CPU).probabilities(image) for config in configs)
    assert torch.equal(found, expected) and not torch.equal(found, plain)


def config_of(trained):
    return trained[1].parent / "tiny.py"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("test.mode=crop", "test.mode: crop is for scores only"),
        ("data.val.pipeline=[dict(type='RandomFlip')]", "data.val.pipeline.0: RandomFlip moves the image"),
        (
            "data.val=dict(type='SubsetDataset', dataset=dict(pipeline=[dict(type='RandomFlip')]))",
            "data.val.dataset.pipeline.0: RandomFlip moves the image",
        ),
        (
            f"data.val=dict(type='ConcatDataset', datasets=[{SHAPES.format(20)}, {SHAPES.format(40)}])",
            "data.val.datasets.1.pipeline differs from data.val.datasets.0.pipeline, so it is unknown",
        ),
        (
            f"data.val=dict(type='ConcatDataset', datasets=[{SHAPES.format(20)}, dict(type='ShapesDataset')])",
            "set data.val.pipeline, which then applies to all of them",
        ),
    ],
)
def test_mistakes(trained, override, message):
    config = load_config(config_of(trained), [override])
    with pytest.raises(ConfigError) as caught:
        Predictor(config, trained[1], CPU)
    assert message in str(caught.value)


def test_bare_weights_are_scored_but_do_not_name_their_classes(trained, tmp_path):
    config, _, runner = trained
    torch.save(runner.model.state_dict(), tmp_path / "weights.pt")
    opened = open_model(tmp_path / "weights.pt", config, 7)
    assert torch.equal(opened.model.mean, runner.model.mean) and opened.classes is None
    with pytest.raises(ConfigError, match=r"model\.num_classes: neither the model nor a data set says"):
        Predictor(config, tmp_path / "weights.pt", CPU)
    config = load_config(config_of(trained), ["model.num_classes=7"])
    with pytest.raises(CheckpointError, match=r"weights\.pt: holds no class names"):
        Predictor(config, tmp_path / "weights.pt", CPU)


def test_a_checkpoint_is_read_once_and_its_weights_are_not_kept_twice(trained, monkeypatch):
    config, checkpoint, _ = trained
    read = []
    monkeypatch.setattr(torch, "load", lambda *a, load=torch.load, **k: read.append(k["mmap"]) or load(*a, **k))
    opened = open_model(checkpoint, config)
    assert read == [True] and opened.saved.weights == {} and opened.classes[1] == "circle"


def test_another_model_is_refused_with_a_table(trained):
    config = load_config(config_of(trained), ["model.decode_head=dict(type='FCNHead', channels=3)"])
    with pytest.raises(
        CheckpointError, match=r"last\.pt: belongs to another model\n(.*\n)*.*decode_head\.classify\.weight"
    ):
        Predictor(config, trained[1], CPU)


def test_weights_named_in_the_config_are_not_needed_any_more(trained, image, tmp_path):
    config = load_config(write_config(tmp_path), ["model.weights=gone.pt", "model.backbone_weights=gone.pt"])
    assert Predictor(config, trained[1], CPU).class_map(image).shape == (45, 61)


def test_a_binary_model_of_one_channel_is_scored_and_predicts_as_two_classes(tmp_path, image):
    files = f'dict(type="FolderDataset", root="{tmp_path}", classes=("ground", "thing"), pipeline=[])'
    text = f"del crop_size\ndata.update(train={files}, val={files})\nmodel['decode_head']['out_channels'] = 1\n"
    for name in "abcd":
        write_image(tmp_path / "images" / f"{name}.png", image[:32, :40])
        write_image(tmp_path / "annotations" / f"{name}.png", (image[:32, :40, 0] > 128).astype(np.uint8))
    runner = tiny_runner(tmp_path / "run", ["train.max_steps=1", "hooks.ema=None"], text)
    runner.train()
    assert runner.model(torch.zeros(1, 3, 32, 40)).shape[1] == 1
    predictor = Predictor(load_config(tmp_path / "run" / "tiny.py"), tmp_path / "run" / "last.pt", CPU)
    probabilities = predictor.probabilities(image)
    odds = predictor.model(torch.from_numpy(image.transpose(2, 0, 1)[None].copy()))[0, 0]
    assert torch.allclose(probabilities[1], odds.sigmoid(), atol=1e-5)
    assert torch.allclose(probabilities[0], 1 - odds.sigmoid(), atol=1e-5)
    assert ((odds > 0).numpy() == predictor.class_map(image)).mean() > 0.999


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("classes", 5, "classes: expected a list of 1 to 255 different names"),
        ("classes", ["\x1b[31mred"] * 7, r"classes: class 0 is '\\x1b\[31mred'; a name is one line"),
        ("palette", 5, "palette: expected 7 colours"),
        ("palette", [[0, 0, 300]] * 7, "palette: expected 7 colours"),
        ("palette", [[0, 0, 0]], "palette: expected 7 colours"),
    ],
)
def test_what_a_checkpoint_says_of_classes_is_checked(trained, tmp_path, part, value, message):
    config, checkpoint, _ = trained
    torch.save({**torch.load(checkpoint, weights_only=True), part: value}, tmp_path / "a.pt")
    with pytest.raises(UserError, match=rf"a\.pt: {message}"):
        Predictor(config, tmp_path / "a.pt", CPU)


def test_a_checkpoint_without_colours_gets_some(trained, tmp_path):
    config, checkpoint, _ = trained
    content = torch.load(checkpoint, weights_only=True)
    del content["palette"]
    torch.save(content, tmp_path / "a.pt")
    assert Predictor(config, tmp_path / "a.pt", CPU).palette == default_palette(7)
