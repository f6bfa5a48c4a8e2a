"""Windows of rasters as the images of a data set."""

import json
import pickle

import numpy as np
import pytest

from segbox.config import load_config
from segbox.data.datasets.raster import RasterDataset, parts
from segbox.errors import ConfigError, DataError
from segbox.registry import DATASETS
from tests.rasters.made import picture
from tests.rasters.test_files import geotiff
from tests.runs import ROOT

CLASSES = ("water", "field", "house")
SIZE = 40, 70  # of the scene
LABELS = np.random.default_rng(1).integers(0, 3, SIZE, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("rasterio")
    geotiff(tmp_path / "a.tif", picture(*SIZE))
    geotiff(tmp_path / "a_classes.tif", LABELS[..., None])
    return tmp_path


def of(folder, **arguments):
    settings = {"scenes": [("a.tif", "a_classes.tif")], "classes": CLASSES, "window": 32, **arguments}
    return RasterDataset(str(folder), **settings)


def whole(dataset):
    """The labels of all windows, and how often each pixel was seen."""
    labels, seen = np.zeros(SIZE, np.uint8), np.zeros(SIZE, int)
    for i, (_, rows, columns) in enumerate(dataset.windows):
        labels[rows, columns] = dataset.load(i)["label"]
        seen[rows, columns] += 1
    return labels, seen


def geojson(path, *polygons, **members):
    """Polygons as (ring, properties)."""
    features = [
        {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for ring, properties in polygons
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def test_windows_cover_every_pixel_once(folder):
    dataset = of(folder)
    assert len(dataset) == 6 and dataset[0, None]["image"].shape == (32, 32, 3)
    labels, seen = whole(dataset)
    assert (seen == 1).all() and (labels == LABELS).all()
    sample = dataset.load(5)
    assert sample["size"] == (8, 6) and sample["path"] == str(folder / "a@32-40,64-70.tif")
    assert (sample["image"] == picture(*SIZE)[32:, 64:]).all()


@pytest.mark.parametrize(("length", "window", "stride"), [(70, 32, 32), (70, 32, 16), (32, 32, 5), (10, 32, 8)])
def test_parts_reach_the_end_and_none_lies_in_another(length, window, stride):
    found = [(part.start, part.stop) for part in parts(length, window, stride)]
    assert {pixel for start, stop in found for pixel in range(start, stop)} == set(range(length))
    assert found[-1][1] == length and len({stop for _, stop in found}) == len(found)
    assert all(stop - start == window for start, stop in found[:-1])


def test_bands_and_pixels_without_data(folder):
    image = picture(*SIZE)
    image[:4] = 0
    geotiff(folder / "a.tif", image, nodata=0)
    dataset = of(folder, bands=(3, 1), channels=2)
    dataset.fill = (7.0, 9.0)
    sample = dataset.load(0)
    assert (sample["image"][4:] == image[4:32, :32, [2, 0]]).all() and (sample["image"][:4] == (7, 9)).all()
    assert (sample["label"][:4] == 255).all() and (sample["label"][4:] != 255).all()
    with pytest.raises(DataError, match=r"'nir' is no band of it; it has the bands 1 \(red\)"):
        of(folder, bands=("nir", 1, 2))


def test_polygons_belong_to_the_pixels_whose_centres_they_hold(folder):
    """Against the centres one by one; the scene begins at 500000, 5000000, with pixels of ten metres."""
    place = json.loads('{"type": "name", "properties": {"name": "EPSG:32633"}}')
    triangle = [[10.2, 3.1], [50.7, 9.4], [22.3, 33.8], [10.2, 3.1]]
    rings = [(box(5, 5, 30, 20), {"kind": "field"}), (triangle, {"kind": 2})]
    moved = [([[5e5 + 10 * x, 5e6 - 10 * y] for x, y in ring], kind) for ring, kind in rings]
    geojson(folder / "a.geojson", *moved, crs=place)
    expected = np.full(SIZE, 255, np.uint8)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    expected[(x > 5) & (x < 30) & (y > 5) & (y < 20)] = 1
    (ax, ay), (bx, by), (cx, cy), _ = triangle
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax), (cx - bx) * (y - by) - (cy - by) * (x - bx)]
    sides.append((ax - cx) * (y - cy) - (ay - cy) * (x - cx))
    expected[np.all([side > 0 for side in sides], axis=0)] = 2
    dataset = of(folder, scenes=[("a.tif", "a.geojson")], class_property="kind", window=16)
    labels, seen = whole(dataset)
    inside = seen > 0
    assert (labels[inside] == expected[inside]).all() and (expected[~inside] == 255).all()
    assert len(dataset) < len(of(folder, window=16)), "windows without polygons are left out"
    labels, seen = whole(of(folder, scenes=[("a.tif", "a.geojson")], class_property="kind", outside="water"))
    assert (seen == 1).all() and (labels == np.where(expected == 255, 0, expected)).all()


def test_polygons_without_a_crs_are_in_degrees(folder):
    from rasterio.warp import transform

    corners = [(5e5 + 10 * x, 5e6 - 10 * y) for x, y in box(4, 4, 24, 16)]
    ring = [list(point) for point in zip(*transform("EPSG:32633", "EPSG:4326", *zip(*corners)))]
    geojson(folder / "a.geojson", (ring, {"class": "house"}))
    labels, _ = whole(of(folder, scenes=[("a.tif", "a.geojson")], outside="water", window=100))
    assert labels[4:16, 4:24].all() and labels.sum() == 2 * 12 * 20


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        (
            (box(0, 0, 9, 9), {"class": "house"}),
            "none of its 1 polygons lies on .*a.tif: seen from there",
        ),
        ((box(0, 0, 9, 9), {"kind": "house"}), r"feature 0 has no property 'class'; it has 'kind'\. Name the one"),
        ((box(0, 0, 9, 9), {"class": "hous"}), r"class='hous' is no class and no id of one.*Did you mean \"house\""),
        ((box(0, 0, 9, 9), {"class": 3}), r"feature 0: class=3 is no class and no id"),
    ],
)
def test_polygons_that_cannot_be_labels(folder, polygon, message):
    geojson(folder / "a.geojson", polygon)
    with pytest.raises(DataError, match=message):
        of(folder, scenes=[("a.tif", "a.geojson")])


def test_labels_on_another_grid_are_refused(folder):
    rasterio = pytest.importorskip("rasterio")
    geotiff(folder / "a_classes.tif", np.zeros((40, 69, 1), np.uint8))
    with pytest.raises(DataError, match=r"is 40 x 69 pixels .* and its image .* 40 x 70; warp the labels"):
        of(folder)
    geotiff(
        folder / "a_classes.tif", np.zeros((*SIZE, 1), np.uint8), transform=rasterio.Affine(10, 0, 500010, 0, -10, 5e6)
    )
    with pytest.raises(DataError, match="does not lie where its image"):
        of(folder)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scenes": []}, ConfigError, "expected one or more pairs"),
        ({"scenes": ["a.tif"]}, ConfigError, "'a.tif' is no pair of a raster and its labels"),
        (
            {"outside": "watr"},
            ConfigError,
            "outside='watr': is no class, there are water, field, house. Did you mean \"water\"",
        ),
        ({"stride": 33}, ValueError, "larger than the window 32"),
        ({"scenes": [("b.tif", "a_classes.tif")]}, DataError, "b.tif: there is no such file"),
    ],
)
def test_arguments_that_are_refused(folder, arguments, error, message):
    with pytest.raises(error, match=message):
        of(folder, **arguments)


def test_workers_get_their_own_files(folder):
    geojson(
        folder / "a.geojson",
        (box(500000, 4999000, 501000, 5000000), {"class": 0}),
        crs={"properties": {"name": "EPSG:32633"}},
    )
    dataset = of(folder, scenes=[("a.tif", "a_classes.tif"), ("a.tif", "a.geojson")])
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy.load(7)["label"] == dataset.load(7)["label"]).all()


def test_the_config_of_the_docs(folder):
    for name in ("north", "east", "south"):
        geotiff(folder / f"{name}.tif", picture(*SIZE))
        geotiff(folder / f"{name}_classes.tif", LABELS[..., None])
    ring = box(500000, 4999900, 500200, 5000000)
    geojson(folder / "east.geojson", (ring, {"class": "house"}), crs={"properties": {"name": "EPSG:32633"}})
    page = (ROOT / "docs" / "rasters.md").read_text(encoding="utf-8").split("## Train on rasters")[1]
    block = page.split("```python\n")[1].split("```")[0]
    (folder / "config.py").write_text(block)
    data = load_config(folder / "config.py", [f"data.{part}.root={folder}" for part in ("train", "val")])["data"]
    train, val = (DATASETS.build(data[part], f"data.{part}") for part in ("train", "val"))
    assert len(train) == 2 and len(val) == 1 and train[1, 0]["image"].shape == (512, 512, 3)
