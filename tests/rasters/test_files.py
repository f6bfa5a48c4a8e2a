"""Raster files: what is read, what is refused, and the class map that is written."""

import numpy as np
import pytest

from segbox.data.rasters import source
from segbox.data.rasters.source import check_there, chosen_bands, open_raster
from segbox.errors import DataError, UserError
from segbox.outputs import atomic_file
from tests.rasters.made import picture

NAMES = ["red", "green", "blue", "nir", "nir", ""]


def geotiff(path, image, **options):
    rasterio = pytest.importorskip("rasterio")
    descriptions = options.pop("names", None)
    options = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **options}
    height, width, count = image.shape
    with rasterio.open(path, "w", "GTiff", width, height, count, dtype=image.dtype, **options) as file:
        file.write(np.moveaxis(image, 2, 0))
        if descriptions:
            file.descriptions = descriptions
    return path


def plain_reader(path):
    pytest.importorskip("tifffile")
    from segbox.data.rasters.plain_tiff import PlainTiff

    return PlainTiff(path)


# --- bands -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "bands", "channels", "expected"),
    [
        (NAMES, "4,3,2", 3, (4, 3, 2)),
        (NAMES, "Blue, red,6", 3, (3, 1, 6)),
        (["gray"], None, 1, (1,)),
        (["red", "green", "blue", "alpha"], None, 3, (1, 2, 3)),
        (["red", "green", "blue", "nir"], None, 4, (1, 2, 3, 4)),
    ],
)
def test_bands_are_chosen_by_number_and_name(tmp_path, names, bands, channels, expected):
    assert chosen_bands(tmp_path / "a.tif", names, bands, channels) == expected


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (None, r"has the bands 1 \(red\), .*, 6; the model takes 3 channel.*--bands 1,2,3"),
        ("red,gren,blue", r"'gren' is no band of it; .* Did you mean \"green\"\?"),
        ("nir,red,green", "'nir' is the name of several bands"),
        ("7,1,2", "'7' is no band of it"),
        ("0,1,2", "'0' is no band of it"),
        ("1,2,", "'' is no band of it"),
        ("1,2", r"--bands 1,2: 2 band\(s\); the model takes 3"),
    ],
)
def test_wrong_bands_are_refused(tmp_path, bands, message):
    with pytest.raises(UserError, match=message):
        chosen_bands(tmp_path / "a.tif", NAMES, bands, 3)


# --- files -----------------------------------------------------------------------------------------------------------


def test_without_a_reader_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"segbox\[geo\]"):
        open_raster(tmp_path / "a.tif", None, 3, 8)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        check_there(tmp_path / "a.tif")
    with pytest.raises(DataError, match="is a folder"):
        check_there(tmp_path)


def test_windows_of_a_geotiff(tmp_path):
    image = picture(50, 60, 4)
    path = geotiff(tmp_path / "a.tif", image, names=["blue", "green", "red", "nir"])
    raster = open_raster(path, "red,green,blue", 3, 8)
    assert raster.bands == (3, 2, 1) and raster.is_placed
    assert (raster.read(slice(10, 30), slice(5, 60)) == image[10:30, 5:, [2, 1, 0]]).all()


def test_nodata_and_alpha_are_masked(tmp_path):
    image = picture(20, 20)
    image[:10] = 0
    raster = open_raster(geotiff(tmp_path / "a.tif", image, nodata=0), None, 3, 8)
    assert np.ma.getmaskarray(raster.read(slice(5, 15), slice(0, 20)))[:, 0, 0].tolist() == [True] * 5 + [False] * 5
    alpha = np.dstack([picture(20, 20), np.where(np.arange(20) < 5, 0, 255)[:, None].repeat(20, 1).astype(np.uint8)])
    raster = open_raster(geotiff(tmp_path / "b.tif", alpha, photometric="RGB", alpha="yes"), None, 3, 8)
    assert np.ma.getmaskarray(raster.read(slice(0, 20), slice(0, 20)))[:, 0, 0].sum() == 5


def test_values_in_other_units_are_refused(tmp_path):
    path = geotiff(tmp_path / "a.tif", picture(20, 20).astype(np.uint16))
    with pytest.raises(DataError, match=r"its values are uint16; the model was trained on images of 8 bits .*-scale"):
        open_raster(path, None, 3, 8)
    assert open_raster(path, None, 3, 16).dtype == "uint16"


@pytest.mark.parametrize("reader", ["rasterio", "tifffile"])
def test_files_that_are_no_raster_or_cut_off_are_refused(tmp_path, monkeypatch, reader):
    path = geotiff(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    pytest.importorskip(reader)
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: name == reader)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut off or damaged|it is damaged"):
        open_raster(path, None, 3, 8).read(slice(0, 300), slice(0, 300))
    path.write_text("no raster")
    with pytest.raises(DataError, match=r"is no (raster|TIFF)"):
        open_raster(path, None, 3, 8)


@pytest.mark.parametrize(
    "options",
    [
        {"tiled": True, "blockxsize": 32, "blockysize": 16, "compress": "deflate", "interleave": "pixel"},
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "band"},
        {"compress": "deflate", "predictor": 2, "blockysize": 7},
        {"interleave": "pixel"},
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True, "nodata": 3},
    ],
)
def test_tifffile_reads_the_windows_that_rasterio_reads(tmp_path, options):
    image = picture(83, 71)
    image[:32, :32] = 3 if "nodata" in options else image[:32, :32]
    path = geotiff(tmp_path / "a.tif", image, **options)
    geo, plain = open_raster(path, "3,1", 2, 8), plain_reader(path)
    plain.choose((3, 1))
    assert plain.is_placed and (plain.height, plain.width, plain.dtype) == (83, 71, "uint8")
    for window in ((slice(0, 83), slice(0, 71)), (slice(30, 49), slice(15, 16)), (slice(16, 32), slice(60, 71))):
        expected, got = geo.read(*window), plain.read(*window)
        assert (np.ma.getdata(got) == np.ma.getdata(expected)).all()
        assert (np.ma.getmaskarray(got) == np.ma.getmaskarray(expected)).all()


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_of_a_plain_file_of_one_strip_only_the_window_is_read(tmp_path, monkeypatch, planes):
    tifffile = pytest.importorskip("tifffile")
    image = picture(83, 71).astype(np.uint16) * 257
    stored = image if planes == "contig" else image.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, byteorder=">", photometric="rgb", planarconfig=planes)
    plain = plain_reader(tmp_path / "a.tif")
    monkeypatch.setattr(plain, "_decoded", None)  # it decodes whole blocks
    plain.choose((3, 1))
    assert len(plain.sizes) == (1 if planes == "contig" else 3)
    assert (plain.read(slice(30, 49), slice(15, 70)) == image[30:49, 15:70, [2, 0]]).all()


# --- the class map ---------------------------------------------------------------------------------------------------

CLASSES, PALETTE = ("water", "wood"), [(0, 0, 255), (0, 128, 0)]


@pytest.mark.parametrize("reader", ["rasterio", "tifffile"])
def test_the_class_map_lies_where_the_raster_lies(tmp_path, monkeypatch, reader):
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip(reader)
    place = rasterio.Affine(10, 2, 5e5, 2, -10, 5e6)  # rotated
    path = geotiff(tmp_path / "a.tif", picture(1100, 520), transform=place)
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: name == reader)
    raster = open_raster(path, None, 3, 8)
    classes = np.random.default_rng(0).integers(0, 2, (1100, 520), np.uint8)
    classes[:300] = 255
    raster.write(tmp_path / "map.tif", iter([classes[:1024], classes[1024:]]), CLASSES, PALETTE)
    with rasterio.open(tmp_path / "map.tif") as written:
        assert (written.read(1) == classes).all()
        assert written.transform == place and written.crs.to_epsg() == 32633 and written.nodata == 255
        assert written.block_shapes == [(512, 512)] and written.compression.name == "deflate"
        assert [written.colormap(1)[i][:3] for i in (0, 1)] == PALETTE
        if reader == "rasterio":
            assert written.overviews(1) and written.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert written.tags(1)["class_1"] == "wood"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif", "map.tif"]


@pytest.mark.parametrize("reader", ["rasterio", "tifffile"])
def test_where_the_system_refuses_to_write_there_is_no_half_class_map(tmp_path, monkeypatch, reader):
    """As on a full disk, but with a limit for the size of a file: it needs no rights."""
    resource = pytest.importorskip("resource")
    pytest.importorskip(reader)
    raster_path = geotiff(tmp_path / "a.tif", picture(600, 520))
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: name == reader)
    raster = open_raster(raster_path, None, 3, 8)
    classes = np.random.default_rng(0).integers(0, 2, (600, 520), np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for most in (100, 3000, 30_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            with pytest.raises(UserError, match="could not be written"), atomic_file(tmp_path / "map.tif") as partial:
                raster.write(partial, iter([classes]), CLASSES, PALETTE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
