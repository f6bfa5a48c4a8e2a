"""docs/troubleshooting.md: every message that it quotes is one that segbox prints, and its commands and code run."""

import re
import warnings
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import segbox
from segbox.commands import main
from segbox.engine.step_errors import out_of_memory
from segbox.errors import UserError
from segbox.evaluation.out_of_memory import scoring_explained
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.processes import free_port
from tests.runs import ROOT
from tests.test_docs import OWN_RUN, commands, parsed, python_blocks, run

PAGE = ROOT / "docs" / "troubleshooting.md"
MASK, CONFIG, CHECKPOINT = "my_data/masks/3.png", "configs/my_data.py", "work_dirs/my_data/last.pt"
CUDA = torch.device("cuda")
UNET = ("--model", "unet_r34", "--no-measure")
SMALL = [*OWN_RUN, "train.max_steps=4", "crop_size=(32,32)"]
SECTIONS = dict(re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S))


def segbox_says(name: str, *arguments: str) -> None:
    """Run a command; what it prints is with capsys."""
    with suppress(SystemExit):
        main([name, *arguments])


def train(config: str = CONFIG, *arguments: str, overrides: tuple[str, ...] = ()) -> None:
    options = ("--device", "cpu", "--no-report", *arguments)
    segbox_says("train", config, *options, "--cfg-options", *SMALL, *overrides)


def write_data(folder: str = "my_data", classes: int = 2, times: int = 1, names: str = "background cell") -> None:
    for i in range(6):
        write_image(Path(folder) / f"images/{i}.png", smooth_image(40, 60, seed=i))
        write_image(Path(folder) / f"masks/{i}.png", blocky_label(40, 60, classes) * times)
    (Path(folder) / "classes.txt").write_text("\n".join(names.split()) + "\n")
    segbox_says("init", folder, *UNET)


# --- what leads to the messages of each section ----------------------------------------------------------------------


def masks_of_0_and_255() -> None:
    write_data(times=255)
    segbox_says("check", CONFIG, "--cfg-options", "data.train.label_map=None", "data.val.label_map=None")


def ids_that_are_no_class() -> None:
    write_data()
    cv2.imwrite(MASK, np.full((40, 60), 7, np.uint8))
    train()


def masks_in_colours() -> None:
    for i in range(6):
        write_image(Path(f"my_data/images/{i}.png"), smooth_image(40, 60, seed=i))
        ids = blocky_label(40, 60, 3) * 60
        write_image(Path(f"my_data/masks/{i}.png"), np.stack([ids, ids, 0 * ids], axis=-1))
    segbox_says("init", "my_data")


def sizes_that_differ() -> None:
    write_data()
    write_image(Path(MASK), blocky_label(20, 30, 2))
    train()


def a_photo_that_is_turned() -> None:
    write_data()
    tag = Image.Exif()
    tag[0x0112] = 6
    Image.fromarray(smooth_image(40, 60)).save("my_data/images/1.png", exif=tag)
    segbox_says("check", CONFIG)


def grey_images() -> None:
    write_data()
    for i in range(6):
        write_image(Path(f"my_data/images/{i}.png"), smooth_image(40, 60, 1, seed=i))
    segbox_says("init", "my_data", "--overwrite", *UNET)
    train(overrides=("data.train.channels=3",))


def a_class_that_never_occurs() -> None:
    write_data(names="background cell rare")
    train()


def a_backbone_at_random() -> None:
    write_data()
    train()


def a_rate_that_is_too_high() -> None:
    write_data()
    train(overrides=("optimizer.lr=1e30",))


def no_memory_on_the_gpu() -> None:
    print(out_of_memory(torch.zeros(8, 3, 512, 1024), CUDA, 8, 1))
    try:
        with scoring_explained(1, (4000, 6000), CUDA):
            raise RuntimeError("CUDA error: out of memory")
    except UserError as error:
        print(error)


def a_batch_of_one() -> None:
    write_data()
    train(overrides=("data.batch_size=1", "crop_size=(16,16)"))


def other_classes() -> None:
    write_data("three", 3, names="background cell nucleus")
    segbox_says("test", "configs/three.py", CHECKPOINT, "--device", "cpu", "--cfg-options", *SMALL)
    train("configs/three.py", overrides=(f"model.weights={CHECKPOINT}",))


def going_on() -> None:
    train()
    train(CONFIG, "--resume", overrides=("train.max_steps=6", "data.batch_size=4"))


def an_image_that_is_no_rgb() -> None:
    with pytest.raises(UserError) as caught:
        segbox.load(CHECKPOINT, device="cpu")(np.zeros((40, 60), np.float64))
    print(caught.value)


def little_shared_memory() -> None:
    write_data()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segbox.data.loader.shared_memory_left", lambda: 2**10)
        train(overrides=("data.workers=1",))


def processes_that_do_not_come() -> None:
    write_data()
    with pytest.MonkeyPatch.context() as patch:
        said = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        for name, value in said.items():
            patch.setenv(name, str(value))
        train(CONFIG, "--timeout", "0.02")


def no_network() -> None:
    write_data()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", "cache")
        segbox_says("train", CONFIG, "--device", "cpu")


CASES = {
    "1": masks_of_0_and_255,
    "2": ids_that_are_no_class,
    "3": masks_in_colours,
    "4": sizes_that_differ,
    "5": a_photo_that_is_turned,
    "6": grey_images,
    "7": a_class_that_never_occurs,
    "8": a_backbone_at_random,
    "9": a_rate_that_is_too_high,
    "10": no_memory_on_the_gpu,
    "11": a_batch_of_one,
    "12": other_classes,
    "13": going_on,
    "16": an_image_that_is_no_rgb,
    "19": little_shared_memory,
    "20": processes_that_do_not_come,
    "21": no_network,
}
GO_ON = ("12", "13", "16")  # sections in which a run has ended


def quotes(number: str) -> list[str]:
    """The messages of a section; between a problem and its advice, which an arrow begins, stand names of files."""
    blocks = re.findall(r"```text\n(.*?)```", SECTIONS[number], re.S)
    return [quote for block in blocks for quote in re.split(r"^(?=-> )", block, flags=re.M)]


def pattern(line: str) -> str:
    """`...` is any text, and white space is where the page breaks its lines."""
    return r"\s+".join(re.escape(word).replace(r"\.\.\.", ".*?") for word in line.split())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data and an ended run, which section 13 alone goes on with."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.chdir(tmp_path_factory.mktemp("trained"))
        write_data()
        train()
        return Path.cwd()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", CASES)
def test_what_is_quoted_is_what_segbox_says(number, tmp_path, monkeypatch, capsys, request):
    monkeypatch.chdir(tmp_path)
    if number in GO_ON:
        monkeypatch.chdir(request.getfixturevalue("trained"))
    CASES[number]()
    told = capsys.readouterr()
    said = told.out + told.err
    assert quotes(number)
    for quote in quotes(number):
        assert re.search(pattern(quote), said, re.S), f"{quote}\n--- not in ---\n{said[-3000:]}"


def test_every_quote_has_a_case_and_every_link_a_section():
    assert {number for number in SECTIONS if quotes(number)} == set(CASES)
    titles = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.M)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    linked = re.findall(r"\]\(#([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(anchors)


@pytest.mark.filterwarnings("ignore")
def test_the_commands_and_the_code_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data()
    names = []
    for line in commands(PAGE):
        name, args = parsed(line)
        args.cfg_options += [*SMALL, "data.batch_size=4"] if name == "train" else []
        args.overwrite = args.no_report = True
        assert run(name, args) == 0, line
        names.append(name)
    assert names == ["train"] * 5 + ["predict", "test", "predict"]
    (code,) = python_blocks(PAGE)
    found: dict = {}
    exec(code, found)
    assert found["classes"].shape == (1, 64, 64)
