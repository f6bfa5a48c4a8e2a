"""Strips and panels give the class map of one slide pass over the whole image."""

import numpy as np
import pytest
import torch
from torch import nn

from segbox.data.transforms.pipeline import build_pipeline
from segbox.errors import ConfigError
from segbox.evaluation.inference import slide, whole_image
from segbox.evaluation.score_map import WindowMap
from segbox.rasters import cells as cells_module
from segbox.rasters import window_rows
from segbox.rasters.cells import Cell, cells_of, panel_width, share_of
from segbox.rasters.prediction import class_cells, computed, sliding_of
from segbox.rasters.window_rows import Sliding, WindowRows, without_nodata
from tests.rasters.made import InMemory, picture, predictor_of

MEAN = np.array([100.0, 110.0, 120.0], np.float32)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return predictor_of(tmp_path_factory.mktemp("model"))


def joined(raster: InMemory, cells) -> np.ndarray:
    result = np.full((raster.height, raster.width), 77, np.uint8)
    for cell, classes in cells:
        result[cell.rows, cell.columns] = classes
    return result


@pytest.mark.parametrize("size", [(90, 107), (32, 32), (20, 70), (75, 20), (33, 31)])
def test_any_cells_give_the_map_of_the_whole_image(predictor, size):
    raster = InMemory(picture(*size))
    sliding = sliding_of(predictor)
    expected = predictor.class_map(raster.image)
    assert len(np.unique(expected)) > 1 or size != (90, 107)
    for panel, strip in ((1000, 1000), (1000, 7), (40, 24), (33, 90)):
        cells = cells_of(*size, panel, strip)
        assert (joined(raster, computed(sliding, raster, cells)) == expected).all()
        shares = [share_of(cells, i, 3) for i in (1, 2, 3)]
        assert [cell for own in shares for cell in own] == cells
        parts = [part for own in reversed(shares) for part in computed(sliding, raster, own)]
        assert (joined(raster, parts) == expected).all()
    assert raster.most_rows <= 32


def test_windows_at_the_border_of_two_strips_are_computed_once(predictor):
    raster = InMemory(picture(90, 50))
    rows = WindowRows(sliding_of(predictor), raster, slice(0, 50))
    for top in range(0, 90, 10):
        rows.classes(slice(top, top + 10))
        assert len(rows.kept) <= 3  # 32 / 20 rows of windows, rounded up, and one
    assert rows.computed == 4 * 2


def test_the_probabilities_are_averaged_like_those_of_a_naive_loop():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 5, 3, padding=1).eval()
    image = picture(41, 53).astype(np.float32) / 50
    sliding = Sliding(whole_image(model), (16, 24), (9, 10), 2, MEAN, torch.device("cpu"))
    raster = InMemory(image)
    total = torch.zeros(5, 41, 53)
    tensor = torch.from_numpy(image).movedim(2, 0)[None]
    with torch.inference_mode():
        for y in (0, 9, 18, 25):
            for x in (0, 10, 20, 29):
                total[:, y : y + 16, x : x + 24] += model(tensor[..., y : y + 16, x : x + 24])[0].softmax(0)
        whole = slide(whole_image(model), (16, 24), (9, 10), 2)(tensor).classes((41, 53))[0].numpy()
    got = joined(raster, computed(sliding, raster, cells_of(41, 53, 30, 11)))
    assert (got == whole).all() and (got == total.argmax(0).numpy()).mean() > 0.999


def test_of_a_wide_raster_few_windows_are_looked_at_together(predictor, monkeypatch):
    """What is made of their scores takes more memory than they do."""
    most = []

    class Counted(WindowMap):
        def __init__(self, windows, *size):
            most.append(len(windows))
            super().__init__(windows, *size)

    monkeypatch.setattr(window_rows, "WindowMap", Counted)
    raster = InMemory(picture(70, 400))
    got = WindowRows(sliding_of(predictor), raster, slice(0, 400)).classes(slice(0, 70))
    assert max(most) <= 3 * (4 + 2) and (got == predictor.class_map(raster.image)).all()


@pytest.mark.parametrize("scale", [1, 1e4])  # of the logits: how classes are found depends on their spread
def test_windows_that_cover_what_the_model_sees_give_the_map_of_one_pass_over_the_whole(scale):
    """Of a model that sees 3 x 3 pixels: no seam anywhere, but for the pixel at the border of each window."""
    torch.manual_seed(0)
    model = nn.Conv2d(3, 5, 3).eval()

    def unpadded(images):
        return nn.functional.pad(scale * model(images), (1, 1, 1, 1))

    image = picture(90, 107).astype(np.float32) / 50
    sliding = Sliding(whole_image(unpadded), (24, 24), (22, 22), 3, MEAN, torch.device("cpu"))
    with torch.inference_mode():
        whole = model(torch.from_numpy(image).movedim(2, 0)[None])[0].argmax(0).numpy()
    got = joined(InMemory(image), computed(sliding, InMemory(image), cells_of(90, 107, 40, 24)))
    assert (got[1:-1, 1:-1] == whole).all()


def test_windows_without_data_are_not_computed_and_nodata_is_255(predictor):
    image = picture(90, 107)
    missing = np.zeros(image.shape, bool)
    missing[:45, :80] = True
    raster = InMemory(np.ma.masked_array(image, missing))
    rows = WindowRows(sliding_of(predictor), raster, slice(0, 107))
    got = rows.classes(slice(0, 90))
    assert ((got == 255) == missing[..., 0]).all()
    assert rows.computed == 4 * 5 - 1 * 3  # y = 0 with x = 0, 20, 40
    filled = np.where(missing, sliding_of(predictor).mean.astype(np.uint8), image)
    assert (got == np.where(missing[..., 0], 255, predictor.class_map(filled))).all()


def test_a_raster_without_any_data_needs_no_model():
    def never(images):
        raise AssertionError

    nothing = InMemory(np.ma.masked_all((40, 40, 3), np.uint8))
    rows = WindowRows(Sliding(never, (16, 16), (8, 8), 4, MEAN, torch.device("cpu")), nothing, slice(0, 40))
    assert (rows.classes(slice(0, 40)) == 255).all()


def test_what_nodata_is():
    image = np.ma.masked_array(np.full((1, 3, 3), 9, np.uint8), [[[1, 1, 1], [1, 0, 0], [0, 0, 0]]])
    values, valid = without_nodata(image, MEAN)
    assert valid.tolist() == [[False, True, True]] and values[0, :, 0].tolist() == [100, 9, 9]
    assert without_nodata(image.astype(np.uint16), MEAN)[1].tolist() == [[False, False, True]]
    floats = np.array([[[1, 2, 3], [1, np.nan, 3], [np.inf, 2, 3]]], np.float32)
    values, valid = without_nodata(floats, MEAN)
    assert valid.tolist() == [[True, False, False]] and values[0, 1].tolist() == MEAN.tolist()
    assert np.isnan(floats).any()  # the caller's array is as it was


def test_panels_keep_window_scores_below_a_budget():
    assert cells_of(5, 7, 4, 3)[:3] == [
        Cell(slice(0, 3), slice(0, 4)), Cell(slice(3, 5), slice(0, 4)), Cell(slice(0, 3), slice(4, 7))
    ]  # fmt: skip
    small = panel_width(4 * 2 * 64 * 64, (512, 512), (341, 341))
    large = panel_width(4 * 19 * 512 * 512, (512, 512), (341, 341))
    assert small > 100_000 and large % 512 == 0 and 512 < large < 3000
    windows = 1 + (large + 512) / 341
    assert 3 * windows * 4 * 19 * 512 * 512 <= 1.2 * cells_module.BUDGET
    assert panel_width(10**12, (512, 512), (341, 341)) == 512


def test_any_object_that_reads_windows_is_predicted(predictor):
    raster = InMemory(picture(60, 50))
    assert (joined(raster, class_cells(predictor, raster)) == predictor.class_map(raster.image)).all()


def test_other_scales_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"test.scales: .* --cfg-options test.scales=\[1.0\]"):
        sliding_of(predictor_of(tmp_path, "test = dict(scales=(0.5, 1.0))\n"))
    predictor = predictor_of(tmp_path)
    predictor.pipeline = build_pipeline([{"type": "Resize", "short": 50}])
    with pytest.raises(ConfigError, match=r"data\.val\.pipeline: Resize"):
        sliding_of(predictor)
