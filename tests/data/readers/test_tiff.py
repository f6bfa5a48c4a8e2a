"""TIFF files of every layout give the values that were written."""

import struct

import numpy as np
import pytest

from segbox.data.readers.files import read_image, read_label
from segbox.data.readers.headers import Header, read_header
from segbox.data.readers.tiff import STRIPS, read_pages
from segbox.errors import DataError
from tests.faulty_data import cut, deep_image, smooth_image
from tests.tiff_files import write_tiff

LAYOUTS = {
    "samples": {},
    "planes": {"planes": True},
    "pages": {"pages": True},
    "tiles": {"tile": (32, 48)},
    "deflate": {"deflated": True},
    "differences": {"deflated": True, "differences": True},
    "differences in tiles": {"deflated": True, "differences": True, "tile": (32, 48)},
    "planes in tiles": {"planes": True, "tile": (32, 48), "deflated": True},
    "big-endian": {"order": ">"},
    "big-endian planes": {"order": ">", "planes": True},
}


@pytest.mark.parametrize("kind", ["uint16", "int16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_order_of_channels_are_those_of_the_file(tmp_path, layout, channels, kind):
    image = deep_image(45, 61, channels, kind=kind)
    path = write_tiff(tmp_path / "a.tif", image, **LAYOUTS[layout])
    found = read_image(path, channels, bits=8 * image.itemsize)
    assert found.dtype == image.dtype and (found == image).all()
    assert read_header(path) == Header(channels, 8 * image.itemsize)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("layout", ["samples", "planes"])
@pytest.mark.parametrize("channels", [1, 5])
def test_bits_without_gaps(tmp_path, channels, layout, bits):
    image = deep_image(45, 61, channels) >> 12 - min(bits, 12)
    path = write_tiff(tmp_path / "a.tif", image, bits=bits, **LAYOUTS[layout])
    assert (read_image(path, channels, bits=16) == image).all()
    assert read_header(path) == Header(channels, bits)


@pytest.mark.parametrize("layout", ["samples", "planes", "pages", "deflate"])
def test_bytes_of_many_channels(tmp_path, layout):
    image = smooth_image(45, 61, 7)
    assert (read_image(write_tiff(tmp_path / "a.tif", image, **LAYOUTS[layout]), 7) == image).all()


def test_transparency_changes_no_value(tmp_path):
    """OpenCV multiplies bytes by what it takes for transparency: near infrared is none."""
    image = smooth_image(20, 30, 4)
    path = write_tiff(tmp_path / "a.tif", image, more_tags={262: 2, 338: 2})
    assert (read_image(path, 4) == image).all()


def test_three_pages_are_three_channels(tmp_path):
    image = smooth_image(20, 30, 3)
    assert (read_image(write_tiff(tmp_path / "a.tif", image, pages=True)) == image).all()


def test_a_preview_is_no_page(tmp_path):
    path = write_tiff(tmp_path / "a.tif", deep_image(20, 30, 2), pages=True)
    data = bytearray(write_tiff(tmp_path / "b.tif", deep_image(20, 30, 1), more_tags={254: 1}).read_bytes())
    assert len(read_pages(path.read_bytes())) == 2 and read_pages(bytes(data)) == []


def message(path, *kind) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, *kind)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_cut_files(tmp_path, channels, share):
    path = cut(write_tiff(tmp_path / "a.tif", deep_image(45, 61, channels)), share)
    for kind in ((channels, 16), (channels, 8)):
        assert f"cut off after {path.stat().st_size} bytes" in message(path, *kind)


def test_what_cannot_be_read_is_named(tmp_path):
    image = deep_image(20, 30, 5)
    path = write_tiff(tmp_path / "a.tif", image, more_tags={259: 7})
    assert "5 channels in compression 7 with predictor 1" in message(path, 5, 16)
    path = write_tiff(tmp_path / "a.tif", image, more_tags={259: 50000}, planes=True)
    assert "(compression 50000), or it is damaged" in message(path, 5, 16)
    path = write_tiff(tmp_path / "a.tif", image, planes=True, more_tags={277: 2**31})
    assert "claims 2147483648 channels that are not there" in message(path, 5, 16)
    path = write_tiff(tmp_path / "a.tif", image)
    data = bytearray(path.read_bytes())
    at = data.find((16).to_bytes(4, "little") * 5)
    data[at : at + 4] = (8).to_bytes(4, "little")
    path.write_bytes(data)
    assert "differ in their bits (8, 16, 16, 16, 16)" in message(path, 5, 16)


def test_pages_of_several_sizes(tmp_path):
    data = bytearray(write_tiff(tmp_path / "a.tif", deep_image(20, 30, 2), pages=True).read_bytes())
    at = data.rfind(b"\x00\x01\x04\x00\x01\x00\x00\x00" + (30).to_bytes(4, "little"))
    data[at + 8 : at + 12] = (15).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(data)
    assert "are of several sizes (height x width): 20x15, 20x30" in message(tmp_path / "a.tif", 2, 16)


def test_noise_is_no_tiff(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0\0\0\0\0")
    assert "is a TIFF without a page" in message(tmp_path / "a.tif", 5, 16)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(range(256)) * 20)
    assert message(tmp_path / "a.tif", 5, 16)
    assert read_header(tmp_path / "a.tif") is None


def test_a_mask_has_one_page(tmp_path):
    path = write_tiff(tmp_path / "a.tif", smooth_image(20, 30, 2), pages=True)
    with pytest.raises(DataError, match=r"a\.tif: a mask has one channel in one page"):
        read_label(path)
    ids = np.arange(600, dtype=np.uint8).reshape(20, 30, 1)
    assert (read_label(write_tiff(path, ids)) == ids[:, :, 0]).all()


def test_strips_that_are_listed_again_and_again(tmp_path):
    """Two megabytes that speak of 65 535 000 000 numbers."""
    entry = struct.pack("<HHII", STRIPS, 1, 10**6, 0)
    data = b"II*\0" + struct.pack("<IH", 8, 65535) + 65535 * entry + bytes(10**6)
    with pytest.raises(struct.error, match="larger than the file"):
        read_pages(data)
    (tmp_path / "a.tif").write_bytes(data)
    assert read_header(tmp_path / "a.tif") is None
    for channels in (3, 5):
        with pytest.raises(DataError, match=r"a\.tif: the file is cut off|a\.tif: is not an image"):
            read_image(tmp_path / "a.tif", channels)
