"""Several processes predict one list: no image twice, none left out, whatever is killed when."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from segbox.errors import UserError
from segbox.launch import Share
from segbox.outputs import RECORD
from segbox.viz import shards
from segbox.viz.manifest import records_in
from segbox.viz.predictions import predict_files
from segbox.viz.shards import merge_manifests, predict_share
from tests.faulty_data import smooth_image, write_image
from tests.processes import fork, wait
from tests.viz.test_predictions import Halves

KINDS = ["mask", "areas"]


class Model(Halves):
    """As a predictor with weights; `dies_at` is the number of the image at which the process is killed."""

    opened = SimpleNamespace(config={"test": {"mode": "whole"}})
    dies_at = None

    def __init__(self, weight=1.0):
        self.model = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(self.model.weight, weight)
        torch.nn.init.zeros_(self.model.bias)
        self.count = 0

    def class_map(self, image):
        if self.count == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1
        return super().class_map(image)


@pytest.fixture(autouse=True)
def no_threads_of_opencv():
    """A forked process would wait for those of its parent."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def images(tmp_path):
    for i in range(11):
        write_image(tmp_path / f"in/{i % 2}/{i:02}.png", smooth_image(9 + i % 3, 12, seed=i))
    return sorted((tmp_path / "in").rglob("*.png"))


def predict(images, out, share, model=None, kinds=KINDS):
    said = []
    count, failures = predict_share(model or Model(), images, out, kinds, Share(*share), said.append)
    return count, failures, said


def contents(folder):
    kept = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != RECORD)
    return {path.name: path.read_bytes() for path in kept if not path.name.startswith("manifest")}


@pytest.mark.parametrize("count", [2, 8])
def test_shards_make_what_one_process_makes(images, tmp_path, count):
    out = tmp_path / "several"

    children = [fork(lambda i=i: predict(images, out, (i, count))) for i in range(1, count + 1)]
    assert wait(children, 60) == [0] * count
    predict_files(Model(), images, tmp_path / "one", KINDS)
    merged = merge_manifests(out, images)
    assert (merged.made, merged.failed, merged.missing) == (11, [], [])
    assert contents(out) == contents(tmp_path / "one") and "areas.csv" in contents(out)
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert (lines[0]["shard"], lines[0]["of"], lines[0]["images"]) == (1, 1, 11)
    assert [line["input"] for line in lines[1:]] == [path.relative_to(tmp_path / "in").as_posix() for path in images]
    assert lines[1]["output"] == {"mask": "00_mask.png"} and sum(lines[1]["areas"]) == 9 * 12


def test_an_image_belongs_to_one_share_and_shares_are_of_one_size(images, tmp_path):
    counts = [predict(images, tmp_path / "out", (i, 4))[0] for i in range(1, 5)]
    assert counts == [3, 3, 3, 2]
    again = predict(images, tmp_path / "out", (2, 4))
    assert again == (0, [], ["3 of 11 images, 3 of them are made already"])
    assert predict(images, tmp_path / "out", (1, 2))[0] == 0  # divided in another way


def half_a_line(file, path, record):
    file.write(json.dumps(record)[:20].encode())
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("place", ["first image", "fourth image", "line", "header"])
def test_killed_anywhere_it_goes_on_with_the_missing_ones(images, tmp_path, monkeypatch, place):
    out = tmp_path / "out"

    def killed():
        model = Model()
        model.dies_at = {"first image": 0, "fourth image": 3}.get(place)
        if place == "line":
            monkeypatch.setattr(shards, "append", half_a_line)
        if place == "header":
            monkeypatch.setattr("segbox.viz.manifest.append", half_a_line)
        predict(images, out, (1, 1), model)

    assert wait([fork(killed)], 60) == [-signal.SIGKILL]
    manifest = out / "manifest_1_of_1.jsonl"
    made = 0 if place == "header" else len(list(records_in(manifest)))
    model = Model()
    assert predict(images, out, (1, 1), model)[0] == 11 - made == model.count
    assert made <= 3 and all(line.endswith("}") for line in manifest.read_text().splitlines())
    predict_files(Model(), images, tmp_path / "one", ["mask"])
    assert contents(out) == contents(tmp_path / "one")


def test_an_output_that_is_gone_is_made_again_and_one_that_is_there_is_left(images, tmp_path):
    predict(images, tmp_path / "out", (1, 1))
    (tmp_path / "out/00_mask.png").unlink()
    (tmp_path / "out/02_mask.png").write_bytes(b"corrected")
    model = Model()
    assert predict(images, tmp_path / "out", (1, 1), model)[0] == model.count == 1
    assert (tmp_path / "out/02_mask.png").read_bytes() == b"corrected"


def test_files_of_the_user_are_not_written_over(images, tmp_path):
    write_image(tmp_path / "out/00_mask.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match=r"00_mask\.png would be written over, and was not written by segbox"):
        predict(images, tmp_path / "out", (1, 2))
    assert predict(images, tmp_path / "out", (2, 2))[0] == 5
    (tmp_path / "out/manifest_3_of_3.jsonl").write_text("my notes\n")
    with pytest.raises(UserError, match=r"manifest_3_of_3\.jsonl: is no manifest of segbox predict; move it"):
        predict(images, tmp_path / "out", (2, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda call: call[0].pop(), "the list of images differed"),
        (lambda call: call.append(Model(2.0)), "the model differed"),
        (lambda call: call.extend([Model(), ["mask"]]), "the options differed"),
        (lambda call: call.extend([Model(2.0), ["mask"]]), "the model and the options differed"),
    ],
)
def test_shards_of_another_list_model_or_options_are_refused(images, tmp_path, change, message):
    out = tmp_path / "out"
    predict(images, out, (1, 2))
    call = [list(images), out, (2, 2)]
    change(call)
    before = contents(out)
    with pytest.raises(UserError, match=rf"manifest_1_of_2\.jsonl: is of a prediction in which {message}"):
        predict(*call)
    assert contents(out) == before and not (out / "manifest_2_of_2.jsonl").exists()


def test_bad_images_are_told_and_tried_again(images, tmp_path):
    images[3].write_bytes(b"no image")
    out = tmp_path / "out"
    for i in (1, 2):
        failures = predict(images, out, (i, 2))[1]
        assert len(failures) == i - 1
    merged = merge_manifests(out, images)
    assert merged.made == 10 and "is not an image" in merged.failed[0] and not merged.missing
    (tmp_path / "in/0/06.png").write_bytes(images[0].read_bytes())
    assert predict(images, out, (2, 2))[:2] == (1, [])
    merged = merge_manifests(out, images)
    assert merged.made == 11 and not merged.failed
    images[0].write_bytes(b"no image")
    (out / "00_mask.png").rename(tmp_path / "kept.png")
    assert len(predict(images, out, (1, 2))[1]) == 1
    merged = merge_manifests(out, images)
    assert merged.made == 10 and merged.missing == ["0/00.png (shard 1/2)"]
    (tmp_path / "kept.png").rename(out / "00_mask.png")
    assert merge_manifests(out, images).made == 11  # a line of success comes before one of failure


def test_merging_keeps_few_manifests_open_and_no_lines(images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    for i in range(1, 5):
        predict(images, out, (i, 4))
    merge_manifests(out, images)
    expected = (out / "manifest.jsonl").read_bytes()
    lines = [line for path in sorted(out.glob("manifest_*.jsonl")) for line in path.read_bytes().splitlines(True)]
    assert set(expected.splitlines(True)[1:]) == {line for line in lines if b'"input"' in line}
    monkeypatch.setattr(shards, "MOST_OPEN", 2)
    merge_manifests(out, images)
    assert (out / "manifest.jsonl").read_bytes() == expected


def test_what_is_missing_is_named_with_its_shard(images, tmp_path):
    with pytest.raises(UserError, match="holds no manifests; --merge comes after the shards"):
        merge_manifests(tmp_path / "out", images)
    predict(images, tmp_path / "out", (2, 3))
    merged = merge_manifests(tmp_path / "out", images)
    assert (merged.made, len(merged.missing)) == (4, 7)
    assert merged.missing[:2] == ["0/00.png (shard 1/3)", "0/04.png (shard 3/3)"]
    with pytest.raises(UserError, match="the list of images differed"):
        merge_manifests(tmp_path / "out", images[1:])
    manifest = tmp_path / "out/manifest_2_of_3.jsonl"
    manifest.write_text(manifest.read_text().replace('"input"', "input", 1))
    with pytest.raises(UserError, match=r"manifest_2_of_3\.jsonl, line 2: is damaged; delete the line"):
        merge_manifests(tmp_path / "out", images)


@pytest.mark.parametrize("kind", ["coco", "cvat", "labelme"])
def test_files_of_all_images_cannot_be_divided(images, tmp_path, kind):
    with pytest.raises(UserError, match=f"--save {kind} writes files of all images together, so it cannot be divided"):
        predict(images, tmp_path, (1, 2), kinds=["mask", kind])


def test_two_outputs_of_one_name_are_refused_in_whatever_shards(tmp_path):
    images = [Path(write_image(tmp_path / f"in/{name}", smooth_image(4, 4))) for name in ("a.jpg", "a_mask.jpg")]
    with pytest.raises(UserError, match=r"a\.jpg and .*a_mask\.jpg would both be written"):
        predict(images, tmp_path / "out", (1, 2), kinds=["mask", "submit"])
