import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest

from segbox.data.readers.files import read_image, read_label
from segbox.errors import DataError
from tests.faulty_data import cut, deep_image, smooth_image, write_deep_png, write_image, write_png
from tests.tiff_files import write_tiff


def message(read, path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_images_are_rgb(tmp_path):
    image = np.zeros((8, 9, 3), np.uint8)
    image[:, :, 0] = 200
    assert (read_image(write_image(tmp_path / "red.png", image)) == image).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stored", [1, 3])
def test_images_have_the_channels_asked_for(tmp_path, channels, stored):
    path = write_image(tmp_path / "a.png", smooth_image(8, 9, stored))
    assert read_image(path, channels).shape == (8, 9, channels)


def test_four_channels_keep_their_order(tmp_path):
    image = smooth_image(8, 9, 4)
    cv2.imwrite(str(tmp_path / "a.png"), image[:, :, [2, 1, 0, 3]])
    assert (read_image(tmp_path / "a.png", 4) == image).all()


def test_other_channels_must_be_there(tmp_path):
    path = write_image(tmp_path / "a.png", smooth_image(8, 9))
    assert "has 3 channels, channels=4" in message(lambda p: read_image(p, 4), path)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_keep_their_values_and_order(tmp_path, channels):
    image = deep_image(8, 9, channels)
    path = write_deep_png(tmp_path / "a.png", image)
    found = read_image(path, channels, bits=16)
    assert found.dtype == np.uint16 and (found == image).all()


def test_8_bits_are_the_high_byte_of_16(tmp_path):
    image = deep_image(8, 9, 4) * 16
    path = write_deep_png(tmp_path / "a.png", image)
    assert (read_image(path, 4) == image >> 8).all()
    assert (read_image(path, 3) == (image >> 8)[:, :, :3]).all()


def test_grey_and_colour_of_16_bits_are_converted(tmp_path):
    grey, colour = deep_image(8, 9, 1), deep_image(8, 9, 4)
    assert (read_image(write_deep_png(tmp_path / "a.png", grey), 3, bits=16) == grey).all()
    path = write_deep_png(tmp_path / "b.png", colour)
    assert (read_image(path, 3, bits=16) == colour[:, :, :3]).all()
    weighed = colour[:, :, :3] @ [0.299, 0.587, 0.114]
    assert np.abs(read_image(path, 1, bits=16)[:, :, 0] - weighed).max() < 1.5
    assert "has 4 channels, channels=5" in message(lambda p: read_image(p, 5, bits=16), path)


@pytest.mark.parametrize(
    ("kind", "bits", "words"),
    [
        ("uint8", 16, "has 8 bits a channel (uint8), bits=16 (uint16)"),
        ("uint8", 32, "has 8 bits a channel (uint8), bits=32 (float32)"),
        ("uint16", 32, "has 16 bits a channel (uint16), bits=32 (float32)"),
        ("float32", 16, "has 32 bits a channel (float32), bits=16 (uint16)"),
        ("float64", 32, "has 64 bits a channel (float64), bits=32 (float32)"),
    ],
)
def test_nothing_is_stretched(tmp_path, kind, bits, words):
    image = np.arange(24).reshape(4, 6, 1).astype(kind)
    assert words in message(lambda p: read_image(p, 1, bits), write_tiff(tmp_path / "a.tif", image))


def test_numbers_that_are_none_are_refused(tmp_path):
    image = deep_image(8, 9, 2, kind="float32")
    image[0, 0], image[1, 1, 0] = np.nan, np.inf
    path = write_tiff(tmp_path / "a.tif", image)
    assert "3 of its 144 values are not numbers" in message(lambda p: read_image(p, 2, bits=32), path)


@pytest.mark.parametrize("read", [read_image, read_label])
def test_missing_empty_and_foreign_files(tmp_path, read):
    assert "no such file" in message(read, tmp_path / "none.png")
    (tmp_path / "empty.png").write_bytes(b"")
    assert "empty" in message(read, tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not a picture" * 9)
    assert "not an image" in message(read, tmp_path / "text.png")
    assert "cannot be read" in message(read, tmp_path)


def png_that_says(path, width, height, bits=8, colour=0):
    """A few hundred bytes."""
    write_png(path, smooth_image(4, 4, 1)[:, :, 0], 8, None)
    data = bytearray(path.read_bytes())
    data[16:26] = struct.pack(">IIBB", width, height, bits, colour)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("read", [read_image, read_label])
@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (2**31 - 1, 1), (1, 2**31 - 1), (60_000, 60_000)])
def test_a_png_that_says_more_than_its_bytes_can_unfold_to(tmp_path, monkeypatch, read, width, height):
    monkeypatch.setattr(cv2, "imdecode", lambda *arguments: pytest.fail("was decoded"))
    path = png_that_says(tmp_path / "a.png", width, height)
    assert f"says that it is {width} pixels wide and {height} high; its" in message(read, path)


@pytest.mark.parametrize("read", [read_image, read_label])
def test_a_png_with_a_chunk_that_says_more_than_there_is(tmp_path, monkeypatch, read):
    monkeypatch.setattr(cv2, "imdecode", lambda *arguments: pytest.fail("was decoded"))
    path = png_that_says(tmp_path / "a.png", 4, 4)
    data = bytearray(path.read_bytes())
    place = data.index(b"IDAT") - 4
    data[place : place + 4] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(data)
    assert "the file is cut off" in message(read, path)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_png_that_is_folded_as_small_as_can_be(tmp_path, bits):
    write_png(tmp_path / "a.png", np.ones((1000, 1000), np.uint8), bits, None)
    assert (read_label(tmp_path / "a.png") == 1).all()


@pytest.mark.parametrize(("bits", "colour"), [(0, 3), (0, 0), (3, 3), (8, 7), (255, 0)])
def test_bits_that_no_png_has(tmp_path, bits, colour):
    assert "not an image that can be read" in message(read_label, png_that_says(tmp_path / "a.png", 4, 4, bits, colour))


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
@pytest.mark.parametrize("read", [read_image, read_label])
def test_what_has_no_end_is_not_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "device.png"):
        assert "cannot be read, it is a pipe or a device" in message(read, tmp_path / name)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(2**31)  # without its bytes on the disk
    assert "has 2147483648 bytes" in message(read, tmp_path / "large.png")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_cut_files(tmp_path, suffix, share):
    path = cut(write_image(tmp_path / f"a{suffix}", smooth_image(90, 120)), share)
    assert f"cut off after {path.stat().st_size} bytes" in message(read_image, path)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(tmp_path):
    path = write_image(tmp_path / "a.jpg", smooth_image(90, 120))
    thumbnail = b"Exif\0\0" + path.read_bytes()
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[2:])
    assert read_image(path).shape == (90, 120, 3)
    assert "cut off" in message(read_image, cut(path, 0.8))


def test_a_damaged_png_is_an_error(tmp_path):
    path = write_image(tmp_path / "a.png", smooth_image(90, 120))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    script = "import sys; from segbox.data.readers.files import read_image; read_image(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)  # libpng prints
    assert f"DataError: {path}: is not an image that can be read, or it is damaged" in done.stderr


@pytest.mark.parametrize("with_palette", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_masks_give_their_ids(tmp_path, bits, with_palette):
    rows = np.random.default_rng(bits).integers(0, 2**bits, (7, 13))
    colours = [(i * 7 % 256, i * 31 % 256, 255 - i) for i in range(2**bits)]
    write_png(tmp_path / "a.png", rows, bits, colours if with_palette else None)
    label = read_label(tmp_path / "a.png")
    assert label.dtype == np.uint8
    assert (label == rows).all()


def test_a_colour_mask_is_refused_with_its_colours(tmp_path):
    mask = np.zeros((6, 8, 3), np.uint8)
    mask[:, :3] = (128, 64, 32)
    text = message(read_label, write_image(tmp_path / "a.png", mask))
    assert "2 colours: (0, 0, 0), (128, 64, 32)." in text
    assert "one byte per pixel" in text


def test_a_grey_mask_in_three_channels_is_refused_with_the_way_out(tmp_path):
    path = write_image(tmp_path / "a.png", np.repeat(smooth_image(6, 8, 1), 3, axis=2))
    assert "three channels are equal" in message(read_label, path)


def test_a_mask_of_16_bits_is_refused_with_its_largest_id(tmp_path):
    text = message(read_label, write_image(tmp_path / "a.png", np.full((6, 8), 1234, np.uint16)))
    assert "uint16" in text
    assert "up to 1234" in text
