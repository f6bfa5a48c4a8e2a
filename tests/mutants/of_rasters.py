"""Mutants of the class maps of rasters."""

from tests.mutants.mutant import in_file

ROWS = "tests/rasters/test_window_rows.py"

OF_RASTERS = [
    *in_file("rasters/window_rows.py", ROWS, [
        ("raster: a row of windows too few", "last < y < rows.stop and", "last < y < rows.stop - 5 and"),
        ("raster: rows of windows are never forgotten", "if row.y + self.h > rows.start]", "if True]"),
        ("raster: windows without data are computed", "if valid[:, x : x + self.w].any()]", "if True]"),
        ("raster: panels begin at their first window", "self.columns.start - self.left : self.columns.stop - self.left",
         ": self.columns.stop - self.columns.start"),
        ("raster: all windows are looked at together", "STRIDES_AT_ONCE * self.sliding.stride[1]", "self.width"),
        ("raster: windows that begin further left", "if columns.start - own.w < own.x <",
         "if columns.start <= own.x <"),
    ]),
    *in_file("evaluation/score_map.py", ROWS, [
        ("windows: begun further left", "left - own.x : right - own.x", ": right - left"),
    ]),
    *in_file("rasters/cells.py", ROWS, [
        ("raster: shares overlap", "cells[(number - 1) * len(cells) // count", "cells[max(0, number - 2) * len(cells)"
         " // count"),
        ("raster: panels without a budget", "budget * stride[1] //", "9 * budget * stride[1] //"),
    ]),
    *in_file("rasters/parts.py", "tests/rasters/test_parts.py", [
        ("raster: strips of other options", "if begun.get(name) != self.options[name]]", "if False]"),
    ]),
    *in_file("data/rasters/source.py", ROWS, [
        ("raster: nodata goes into the model", "values[missing] = mean.astype(values.dtype)", "pass"),
        ("raster: NaN is data", "missing | ~np.isfinite(values).all(axis=2)", "missing"),
        ("raster: one nodata band of bytes is enough", "masked.all(axis=2) if values", "masked.any(axis=2) if values"),
    ]),
    *in_file("data/rasters/source.py", "tests/rasters/test_files.py", [
        ("raster: bands are counted from 0", "        return int(word)\n", "        return int(word) + 1\n"),
        ("raster: a name of two bands", "lower.count(word.lower()) == 1", "lower.count(word.lower()) >= 1"),
    ]),
    *in_file("data/rasters/geo_raster.py", "tests/commands/test_raster.py", [
        ("raster: some errors of a full disk are traces", "(rasterio.errors.RasterioError, CPLE_BaseError)",
         "rasterio.errors.RasterioError"),
    ]),
    *in_file("data/rasters/plain_tiff.py", "tests/rasters/test_files.py", [
        ("raster: of any byte order", "self.page.dtype.newbyteorder(self.order)", "self.page.dtype"),
        ("raster: a strip of the whole image is decoded", "self._rows(rows, columns) if self._is_of_rows() else ", ""),
    ]),
    *in_file("data/datasets/raster.py", "tests/data/datasets/test_raster.py", [
        ("windows: the rest of the scene is left out", "length - window + stride)", "length - window + 1)"),
        ("windows: pixels without data count", "np.where(valid, as_classes", "np.where(True, as_classes"),
    ]),
    *in_file("data/rasters/labels.py", "tests/data/datasets/test_raster.py", [
        ("polygons: at the place of the first window", "Affine.translation(columns.start, rows.start)",
         "Affine.translation(0, 0)"),
        ("polygons: in the coordinates of the scene", "transform_geom(crs, raster.file.crs, geometries)", "geometries"),
        ("polygons: all windows", "or bool(self._inside(rows, columns).any())", "or True"),
        ("labels: anywhere", "max(distances) > 0.5", "False"),
    ]),
    *in_file("evaluation/records.py", "tests/evaluation/test_scenes.py", [
        ("scenes: one window for all", "np.add.at(pixels, number.ravel(), rows[:, 2])",
         "pixels[number.ravel()] = rows[:, 2]"),
    ]),
]  # fmt: skip
