"""Predictions of files and videos."""

import math
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segbox.errors import DataError, UserError
from segbox.viz.certainty import as_grey
from segbox.viz.predictions import predict_files
from segbox.viz.sources import find_sources, output_names
from segbox.viz.video import new_video, predict_video
from tests.faulty_data import smooth_image, write_image
from tests.runs import written
from tests.tiff_files import write_tiff


class Halves:
    """Class 1 where the image is bright."""

    classes = ("dark", "bright")
    palette = ((0, 0, 0), (255, 0, 0))
    channels = 3
    bits = 8
    exif = True

    def class_map(self, image):
        return (image.mean(axis=-1) > 127).astype(np.uint8)

    def probabilities(self, image):
        bright = torch.from_numpy(image.mean(axis=-1) / 255)
        return torch.stack([1 - bright, bright], dim=-3)

    def certainty(self, image):
        confidence, entropy = np.zeros((2, *image.shape[:-1]))
        for place in np.ndindex(confidence.shape):  # one pixel after the other
            probabilities = self.probabilities(image[place].reshape(1, 1, 3)).ravel().tolist()
            confidence[place] = max(probabilities)
            entropy[place] = -sum(p * math.log2(p) for p in probabilities if p)
        return self.class_map(image), confidence, entropy


@pytest.fixture
def folder(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 250
    for name in ("a/x.png", "a/x.jpg", "a/y.PNG", "b/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    return tmp_path


def test_sources(folder):
    assert [path.name for path in find_sources(str(folder / "a"))[0]] == ["x.jpg", "x.png", "y.PNG"]
    assert find_sources(str(folder / "a" / "x.png")) == ([folder / "a" / "x.png"], None)
    assert find_sources(str(folder / "*" / "x.png"))[0] == [folder / "a" / "x.png", folder / "b" / "x.png"]
    assert len(find_sources(str(folder / "**" / "*.png"))[0]) == 2
    (folder / "v.MP4").write_bytes(b"")
    assert find_sources(str(folder / "v.MP4")) == ([], folder / "v.MP4")
    with pytest.raises(DataError, match="as a pattern it matches nothing"):
        find_sources(str(folder / "*.gif"))
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        find_sources(str(folder / "empty"))


def test_a_list_of_images(folder):
    (folder / "list.txt").write_text(f"b/x.png\n\n a/x.jpg \n{folder}/a/x.png\nb/x.png\n")
    assert find_sources(str(folder / "list.txt")) == ([folder / n for n in ("a/x.jpg", "a/x.png", "b/x.png")], None)
    for content, message in ((b"\n \n", "names no images"), (b"\xff\xfe", "cannot be read as a list of images")):
        (folder / "list.txt").write_bytes(content)
        with pytest.raises(DataError, match=message):
            find_sources(str(folder / "list.txt"))


def test_what_was_written_before_is_no_source(folder, monkeypatch):
    monkeypatch.chdir(folder)
    images, _ = find_sources(".")
    predict_files(Halves(), images, Path("out"), ["mask"])
    assert find_sources(".")[0] == images and len(images) == 4


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["d/a.png"], ["a"]),
        (["d/a.png", "d/b.jpg"], ["a", "b"]),
        (["d/a.png", "e/b.png"], ["a", "b"]),
        (["d/a.png", "d/e/a.png"], ["a", "e/a"]),
        (["d/a.png", "d/a.jpg"], ["a.png", "a.jpg"]),
        (["d/a.b.png", "d/a.c.png"], ["a.b", "a.c"]),
        (["../d/a.png", "e/a.png"], ["d/a", "here/e/a"]),
        (["/r/x/a.png", "/r/y/a.png", "/r/y/a.jpg"], ["x/a.png", "y/a.png", "y/a.jpg"]),
    ],
)
def test_no_two_images_write_to_one_name(paths, names, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert output_names([Path(path) for path in paths]) == [Path(name) for name in names]


def test_every_kind_of_output(folder):
    out = folder / "out"
    predict_files(Halves(), [folder / "b" / "x.png"], out, ["mask", "color", "overlay", "probs"])
    assert written(out) == ["x_color.png", "x_mask.png", "x_overlay.png", "x_probs.npy"]
    mask = cv2.imread(str(out / "x_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (20, 30) and (mask[:, 15:] == 1).all() and not mask[:, :15].any()
    assert cv2.imread(str(out / "x_color.png"))[0, 20].tolist() == [0, 0, 255]
    probabilities = np.load(out / "x_probs.npy")
    assert probabilities.shape == (2, 20, 30) and probabilities.dtype == np.float16
    assert cv2.imread(str(out / "x_overlay.png")).shape[1] == 30 * (256 // 30)


@pytest.mark.parametrize("others", [[], ["probs"]])
def test_confidence_and_entropy_as_grey_pictures(tmp_path, others):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = 204  # bright with probability 0.8
    cv2.imwrite(str(tmp_path / "a.png"), image)
    predict_files(Halves(), [tmp_path / "a.png"], tmp_path / "out", ["confidence", "entropy", *others])
    confidence, entropy = (
        cv2.imread(str(tmp_path / f"out/a_{kind}.png"), cv2.IMREAD_UNCHANGED) for kind in ("confidence", "entropy")
    )
    assert confidence.tolist() == [[255, 255, 255, 204, 204, 204]] * 4
    own = round(-255 * (0.8 * math.log2(0.8) + 0.2 * math.log2(0.2)))
    assert entropy.tolist() == [[0, 0, 0, own, own, own]] * 4 and entropy.dtype == np.uint8


def test_grey_values_are_rounded():
    assert as_grey(np.array([0, 0.4 / 255, 0.6 / 255, 127.6 / 255, 1])).tolist() == [0, 0, 1, 128, 255]


def test_one_table_of_areas_for_all_images(folder):
    images = [folder / "a/x.png", folder / "a/y.PNG", folder / "b/x.png"]
    (folder / "a/y.PNG").write_bytes(b"no image")
    for _ in range(2):  # the table of an earlier call is replaced
        failures = predict_files(Halves(), images, folder / "out", ["areas"])
    assert len(failures) == 1 and written(folder / "out") == ["areas.csv"]
    assert (folder / "out/areas.csv").read_bytes().decode().split("\r\n") == [
        "image,class,pixels,share",
        "a/x.png,dark,300,0.500000",
        "a/x.png,bright,300,0.500000",
        "b/x.png,dark,300,0.500000",
        "b/x.png,bright,300,0.500000",
        "",
    ]


class Counting(Halves):
    def __init__(self):
        self.batches = []

    def class_map(self, image):
        self.batches.append(image.shape)
        return super().class_map(image)

    def images_per_batch(self, image):
        return 4


def test_images_of_one_size_go_through_the_model_together_with_the_same_result(tmp_path):
    """Sizes in turn, one picture that is damaged, and files as if there were one image after the other."""
    for i in range(11):
        write_image(tmp_path / f"in/{i:02}.png", smooth_image(20 + 2 * (i % 2), 30, seed=i))
    (tmp_path / "in/04.png").write_bytes(b"no image")
    images, kinds = sorted((tmp_path / "in").iterdir()), ["mask", "areas", "overlay", "confidence", "cvat"]
    one, several = Counting(), Counting()
    errors = [predict_files(own, images, tmp_path / str(size), kinds, batch_size=size) for own, size in
              ((one, 1), (several, None))]  # fmt: skip
    assert [len(own) for own in errors] == [1, 1] and "04.png: is not an image" in errors[1][0]
    assert sorted(several.batches) == [(1, 20, 30, 3), (1, 22, 30, 3), (4, 20, 30, 3), (4, 22, 30, 3)]
    assert len(one.batches) == 10
    for name in written(tmp_path / "1"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "None" / name).read_bytes()
    assert written(tmp_path / "1") == written(tmp_path / "None") and len(written(tmp_path / "1")) == 32


def test_a_picture_is_read_and_another_one_written_while_the_model_works(tmp_path, monkeypatch):
    """Each step waits for the others: without threads this would not end."""
    is_read, is_written = threading.Event(), threading.Event()

    class Waiting(Halves):
        def class_map(self, image):
            number = int(image[0, 0, 0, 0])
            assert number != 1 or (is_read.wait(20) and is_written.wait(20))
            return super().class_map(image)

    def read(path, *_):
        if path.stem == "2":
            is_read.set()
        return np.full((8, 8, 3), int(path.stem), np.uint8)

    def write(predictor, image, *_):
        if image[0, 0, 0] == 0:
            is_written.set()

    monkeypatch.setattr("segbox.viz.predictions.read_image", read)
    monkeypatch.setattr("segbox.viz.predictions.write_files", write)
    assert predict_files(Waiting(), [tmp_path / f"{i}.png" for i in range(3)], tmp_path, ["mask"]) == []


def write_video(path, frames=4, size=(24, 32), kind="mp4v"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, size[::-1])
    for i in range(frames):
        frame = smooth_image(*size, seed=i) // 8
        frame[:, size[1] * i // frames :] += 200
        writer.write(frame)
    writer.release()


def test_videos(tmp_path):
    write_video(tmp_path / "v.mp4")
    assert predict_video(Halves(), tmp_path / "v.mp4", tmp_path / "out", ["mask", "color", "overlay"]) == (4, [])
    masks = [tmp_path / "out/v_mask" / name for name in written(tmp_path / "out/v_mask")]
    assert [path.name for path in masks] == [f"{i:06d}.png" for i in range(4)]
    shares = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED).mean() for path in masks]
    assert shares == pytest.approx([1, 0.75, 0.5, 0.25], abs=0.05)
    for kind in ("color", "overlay"):
        reader = cv2.VideoCapture(str(tmp_path / "out" / f"v_{kind}.mp4"))
        assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 4 and reader.get(cv2.CAP_PROP_FPS) == 10
        reader.release()


def test_certainty_and_areas_of_a_video(tmp_path):
    write_video(tmp_path / "v.mp4", frames=2, size=(16, 16))
    out = tmp_path / "out"
    assert predict_video(Halves(), tmp_path / "v.mp4", out, ["areas", "mask", "confidence", "entropy"]) == (2, [])
    assert written(out / "v_confidence") == written(out / "v_entropy") == ["000000.png", "000001.png"]
    rows = [line.split(",") for line in (out / "v_areas.csv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["frame", "class", "pixels", "share"] and [row[0] for row in rows[1:]] == [*"0011"]
    for number in (0, 1):
        bright = cv2.imread(str(out / f"v_mask/00000{number}.png"), cv2.IMREAD_UNCHANGED).sum()
        assert rows[2 + 2 * number][1:] == ["bright", str(bright), f"{bright / 256:.6f}"]
        confidence = cv2.imread(str(out / f"v_confidence/00000{number}.png"), cv2.IMREAD_UNCHANGED)
        assert confidence.shape == (16, 16) and confidence.min() >= 127
        entropy = cv2.imread(str(out / f"v_entropy/00000{number}.png"), cv2.IMREAD_UNCHANGED)
        least = entropy[confidence == confidence.min()].astype(int)  # two pixels of one confidence are rounded apart
        assert (entropy.max() - least <= 1).all() and (entropy != confidence).any()
    (out / "v_areas.csv").write_text("mine")
    with pytest.raises(UserError, match=r"v_areas\.csv would be written over"):
        predict_video(Halves(), tmp_path / "v.mp4", out, ["areas"])


@pytest.mark.filterwarnings("ignore")
def test_frames_that_cannot_be_read_are_left_out_and_told(tmp_path):
    write_video(tmp_path / "v.mp4", frames=40, size=(240, 320))
    data = bytearray((tmp_path / "v.mp4").read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    (tmp_path / "v.mp4").write_bytes(data)
    count, problems = predict_video(Halves(), tmp_path / "v.mp4", tmp_path / "out", ["mask", "overlay"])
    numbers = [int(name[:6]) for name in written(tmp_path / "out/v_mask")]
    first, last = sorted(set(range(40)) - set(numbers))[:: len(set(range(40)) - set(numbers)) - 1]
    assert 20 < count < 40 and numbers == [*range(first), *range(last + 1, 40)]
    assert problems == [f"{tmp_path}/v.mp4: frames {first} to {last} cannot be read"]
    reader = cv2.VideoCapture(str(tmp_path / "out/v_overlay.mp4"))
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == count
    reader.release()


def test_a_video_that_ends_too_early(tmp_path):
    write_video(tmp_path / "v.avi", frames=40, kind="MJPG")
    data = (tmp_path / "v.avi").read_bytes()
    (tmp_path / "v.avi").write_bytes(data[: len(data) // 2])
    count, problems = predict_video(Halves(), tmp_path / "v.avi", tmp_path / "out", ["mask"])
    assert 5 < count < 30 and problems == [
        f"{tmp_path}/v.avi: announces 40 frames but ends after {count}; is the file incomplete?"
    ]


def test_files_of_the_user_are_not_written_over_by_a_video(tmp_path):
    write_video(tmp_path / "v.mp4")
    for _ in range(2):
        predict_video(Halves(), tmp_path / "v.mp4", tmp_path, ["mask", "overlay"])
    (tmp_path / "v_mask/000077.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"000077\.png would be written over"):
        predict_video(Halves(), tmp_path / "v.mp4", tmp_path, ["mask", "overlay"])
    (tmp_path / "v_color.mp4").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"v_color\.mp4 would be written over"):
        predict_video(Halves(), tmp_path / "v.mp4", tmp_path, ["color"])


def test_a_video_is_whole_or_not_there(tmp_path):
    class Interrupted(Halves):
        def class_map(self, image):
            if image.mean() < 100:
                raise KeyboardInterrupt
            return super().class_map(image)

    write_video(tmp_path / "v.mp4")
    with pytest.raises(KeyboardInterrupt):
        predict_video(Interrupted(), tmp_path / "v.mp4", tmp_path / "out", ["overlay"])
    assert not list((tmp_path / "out").iterdir())


def test_a_video_that_is_not_whole_is_refused(tmp_path):
    message = r"a\.mp4 could not be written: 2 of 3 frames; is the disk full\?"
    with pytest.raises(UserError, match=message), new_video(tmp_path / "a.mp4", 10, (24, 32)) as writer:
        writer.write(np.zeros((24, 32, 3), np.uint8))
        writer.write(np.zeros((24, 32, 3), np.uint8))
        writer.count += 1
    assert not (tmp_path / "a.mp4").exists()


def test_deep_images(tmp_path):
    class Deep(Halves):
        channels, bits = 5, 16

    image = np.repeat(np.full((20, 30, 1), 60, np.uint16), 5, axis=2)
    image[:, 15:] = 200
    path = write_tiff(tmp_path / "a.tif", image)
    predict_files(Deep(), [path], tmp_path / "out", ["mask", "overlay"])
    mask = cv2.imread(str(tmp_path / "out/a_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask[:, 15:].all() and not mask[:, :15].any()
    overlaid = cv2.imread(str(tmp_path / "out/a_overlay.png"))
    assert overlaid[0, 0].tolist() == [0, 0, 0] and overlaid[0, 29 * 8].tolist() == [
        128,
        128,
        255,
    ]  # stretched to white
    write_video(tmp_path / "v.mp4")
    with pytest.raises(UserError, match=r"v\.mp4: a video is RGB bytes.* images of 5 channel\(s\) of 16 bits"):
        predict_video(Deep(), tmp_path / "v.mp4", tmp_path / "out", ["mask"])


def test_videos_that_do_not_work(tmp_path):
    write_video(tmp_path / "v.mp4")
    with pytest.raises(UserError, match="--save probs is not available for videos"):
        predict_video(Halves(), tmp_path / "v.mp4", tmp_path / "out", ["probs"])
    with pytest.raises(UserError, match=r"OpenCV cannot open a video of that name; rename it"):
        predict_video(Halves(), tmp_path / "v\udcff.mp4", tmp_path / "out", ["mask"])
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 20)
    with pytest.raises(DataError, match=r"bad\.mp4: no frame of this video can be read"):
        predict_video(Halves(), tmp_path / "bad.mp4", tmp_path / "out", ["mask", "areas"])
    assert not (tmp_path / "out/bad_areas.csv").exists()
