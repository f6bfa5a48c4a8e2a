"""The labels of a raster: a raster of class ids on the same grid, or polygons in GeoJSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.rasters.geo_raster import GeoRaster
from segbox.data.rasters.source import open_raster
from segbox.errors import DataError, UserError, did_you_mean, short

POLYGONS = (".geojson", ".json")
WGS84 = "EPSG:4326"  # of GeoJSON that names no other (RFC 7946)
IDS = "uint8"


class Labels(Protocol):
    """The class ids of a raster."""

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """rows x columns, bytes; 255 where there is no label."""

    def may_have(self, rows: slice, columns: slice) -> bool:
        """False where it is known, without reading, that there is no label."""


class RasterLabels:
    """A raster of one band of bytes, of the size and at the place of its image."""

    def __init__(self, path: Path, raster: Any) -> None:
        self.file = open_raster(path, None, 1, 8)
        size, own = (raster.height, raster.width), (self.file.height, self.file.width)
        if size != own:
            raise DataError(
                f"{path}: is {own[0]} x {own[1]} pixels (height x width) and its image {raster.path} {size[0]} x"
                f" {size[1]}; warp the labels to the grid of the image: gdalwarp -r near -te ... -ts"
                f" {size[1]} {size[0]}"
            )
        if isinstance(raster, GeoRaster) and raster.is_placed and self.file.is_placed:
            corners = [(column * size[1], row * size[0]) for row in (0, 1) for column in (0, 1)]
            back = ~raster.transform
            distances = [np.hypot(*np.subtract(placed(placed(at, self.file.transform), back), at)) for at in corners]
            if raster.file.crs != self.file.file.crs or max(distances) > 0.5:
                raise DataError(
                    f"{path}: does not lie where its image {raster.path} does (their coordinate systems or transforms"
                    f" differ); warp the labels to the grid of the image: gdalwarp -r near -t_srs ... -te ..."
                )

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return np.ma.filled(self.file.read(rows, columns)[..., 0], IGNORE_INDEX)

    def may_have(self, rows: slice, columns: slice) -> bool:
        return True


class PolygonLabels:
    """The polygons of a GeoJSON file; where they overlap, the later one counts.

    `key` is the property that holds the class of a polygon: its name, or its id. `outside` is the id of pixels in no
    polygon. A pixel belongs to the polygon that its centre lies in.
    """

    def __init__(self, path: Path, raster: Any, classes: Sequence[str], key: str, outside: int) -> None:
        if not isinstance(raster, GeoRaster):
            raise UserError(f'{path}: polygons need rasterio: pip install "segbox[geo]"')
        self.outside = outside
        content = read_geojson(path)
        self.shapes = []  # geometries in pixels of the raster, and ids
        for number, feature in enumerate(features_of(path, content)):
            geometry = feature.get("geometry")
            if geometry is None:
                continue  # as GeoJSON has it: a feature without a place
            if geometry.get("type") not in ("Polygon", "MultiPolygon"):
                raise DataError(f"{path}: feature {number} is a {short(geometry.get('type'))}; labels are polygons")
            found = class_of(path, number, feature.get("properties") or {}, key, classes)
            self.shapes.append((geometry, found))
        moved = in_pixels(path, [geometry for geometry, _ in self.shapes], crs_of(content), raster)
        self.shapes = [(geometry, found) for geometry, (_, found) in zip(moved, self.shapes, strict=True)]
        self.boxes = np.array([box_of(geometry) for geometry, _ in self.shapes]).reshape(-1, 4)
        if self.shapes and not self._inside(slice(0, raster.height), slice(0, raster.width)).any():
            x, y = self.boxes[:, :2].min(0)
            raise DataError(
                f"{path}: none of its {len(self.shapes)} polygons lies on {raster.path}: seen from there they begin at"
                f" column {x:.0f}, row {y:.0f}. Is their coordinate system right? Without a member `crs`, GeoJSON is in"
                f" longitude and latitude ({WGS84})"
            )

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        from rasterio.features import rasterize
        from rasterio.transform import Affine

        size = rows.stop - rows.start, columns.stop - columns.start
        shapes = [self.shapes[i] for i in self._inside(rows, columns).nonzero()[0]]
        if not shapes:
            return np.full(size, self.outside, np.uint8)
        place = Affine.translation(columns.start, rows.start)
        return rasterize(shapes, size, fill=self.outside, transform=place, dtype=IDS)

    def may_have(self, rows: slice, columns: slice) -> bool:
        return self.outside != IGNORE_INDEX or bool(self._inside(rows, columns).any())

    def _inside(self, rows: slice, columns: slice) -> np.ndarray:
        """Which polygons may reach into a window."""
        left, top, right, bottom = self.boxes.T
        return (left < columns.stop) & (right > columns.start) & (top < rows.stop) & (bottom > rows.start)


def read_geojson(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no GeoJSON ({error})") from error
    if not isinstance(content, Mapping) or content.get("type") != "FeatureCollection":
        raise DataError(f"{path}: is no GeoJSON of polygons: expected a FeatureCollection")
    return content


def features_of(path: Path, content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    features = content.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, Mapping) for feature in features):
        raise DataError(f"{path}: is damaged: `features` is no list of features")
    return features


def crs_of(content: Mapping[str, Any]) -> str:
    """The coordinate system that older GeoJSON names; else longitude and latitude."""
    crs = content.get("crs")
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    return str(properties.get("name", WGS84)) if isinstance(properties, Mapping) else WGS84


def class_of(path: Path, number: int, properties: Mapping[str, Any], key: str, classes: Sequence[str]) -> int:
    if key not in properties:
        raise DataError(
            f"{path}: feature {number} has no property {key!r}; it has {short(', '.join(properties) or 'none')}. Name"
            ' the one that holds the class: class_property="..." in the data set'
        )
    value = properties[key]
    if isinstance(value, str) and value in classes:
        return list(classes).index(value)
    if isinstance(value, int) and not isinstance(value, bool) and (0 <= value < len(classes) or value == IGNORE_INDEX):
        return value
    known = ", ".join(classes[:20])
    raise DataError(
        f"{path}: feature {number}: {key}={short(value)} is no class and no id of one. The classes: {known}."
        f"{did_you_mean(str(value), classes)}"
    )


def in_pixels(path: Path, geometries: list[Any], crs: str, raster: GeoRaster) -> list[Any]:
    """The geometries in columns and rows of a raster. One without a coordinate system is taken to be in theirs."""
    import rasterio
    from rasterio.warp import transform_geom

    if raster.is_placed and geometries:
        try:
            with rasterio.Env():
                geometries = transform_geom(crs, raster.file.crs, geometries)
        except (rasterio.errors.RasterioError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path}: its polygons, in {crs}, cannot be moved to {raster.file.crs} ({error})"
            ) from error
    back = ~raster.transform
    try:
        return [{**own, "coordinates": moved(own["coordinates"], back)} for own in geometries]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: is damaged: a polygon has no coordinates ({error})") from error


def moved(coordinates: Any, transform: Any) -> Any:
    """Coordinates at any depth."""
    if coordinates and not isinstance(coordinates[0], Sequence):
        return placed(coordinates, transform)
    return [moved(inner, transform) for inner in coordinates]


def placed(point: Sequence[float], transform: Any) -> tuple[float, float]:
    """The operators of affine 2 and 3 differ."""
    x, y = map(float, point[:2])
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def box_of(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a polygon in pixels."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    points = np.array([point for rings in polygons for ring in rings for point in ring], float).reshape(-1, 2)
    if not len(points):
        return np.inf, np.inf, -np.inf, -np.inf  # of an empty polygon
    return (*points.min(0), *points.max(0))
