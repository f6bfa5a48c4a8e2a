"""segbox raster: kills, shares, messages, and the commands of docs/rasters.md."""

import shutil

import pytest

from segbox.commands import main
from segbox.outputs import RECORD
from tests.rasters.made import picture
from tests.rasters.test_files import geotiff
from tests.test_docs import run_page
from tests.trained import write_checkpoint

TALL = 'test = dict(mode="slide", window=(512, 40), stride=(512, 40))\n'  # few windows for three strips


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pytest.importorskip("rasterio")
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path, text=TALL)
    return tmp_path


def call(*arguments):
    try:
        main(["raster", *map(str, arguments)])
    except SystemExit as end:
        return end.code
    return 0


def test_shares_a_kill_and_one_process_write_the_same_bytes(folder, monkeypatch, capsys):
    from segbox.data.rasters.geo_raster import GeoRaster

    image = picture(2100, 40)
    image[:100] = 0
    geotiff(folder / "scene.tif", image, nodata=0)
    assert call("best.pt", "scene.tif") == 0
    expected = (folder / "predictions/scene_classes.tif").read_bytes()
    assert sorted(file.name for file in (folder / "predictions").iterdir()) == [RECORD, "scene_classes.tif"]

    for number in (3, 1, 2):
        assert call("best.pt", "scene.tif", "--out", "shares.tif", "--shard", f"{number}/3") == 0
        assert not (folder / "shares.tif").exists()
    assert "Share 2/3 is done" in capsys.readouterr().out
    assert call("best.pt", "scene.tif", "--out", "shares.tif", "--shard", "1/2", "--bands", "3,2,1") == 2
    assert "begun with other options: bands" in capsys.readouterr().err
    reads = []
    read = GeoRaster.read
    monkeypatch.setattr(GeoRaster, "read", lambda self, rows, columns: reads.append(rows) or read(self, rows, columns))
    assert call("best.pt", "scene.tif", "--out", "shares.tif") == 0
    assert not reads and (folder / "shares.tif").read_bytes() == expected

    def killed(self, rows, columns):
        if rows.start >= 1024:
            raise KeyboardInterrupt
        return read(self, rows, columns)

    monkeypatch.setattr(GeoRaster, "read", killed)
    assert call("best.pt", "scene.tif", "--out", "killed.tif") != 0
    assert not (folder / "killed.tif").exists()
    monkeypatch.setattr(GeoRaster, "read", lambda self, rows, columns: reads.append(rows) or read(self, rows, columns))
    assert call("best.pt", "scene.tif", "--out", "killed.tif") == 0
    assert min(rows.start for rows in reads) == 1024
    assert (folder / "killed.tif").read_bytes() == expected and not (folder / "killed.tif.parts").exists()


def test_what_is_said_and_what_is_refused(folder, capsys):
    geotiff(folder / "scene.tif", picture(64, 40), crs=None)
    assert call("best.pt", "scene.tif", "--out", "map.tif") == 0
    said = capsys.readouterr()
    assert "the model sees the bands 1 (red), 2 (green), 3 (blue)" in said.out and not said.err
    assert said.out.count("has no coordinate system, so map.tif gets none") == 1
    assert "map.tif: cloud-optimized GeoTIFF" in said.out
    shutil.copy("scene.tif", "mine.tif")
    for arguments, message in (
        (("scene.tif", "--out", "mine.tif"), "was not written by segbox"),
        (("scene.tif", "--out", "map.png"), "name it FILE.tif"),
        (("nothing.tif",), "there is no such file"),
        (("scene.tif", "--shard", "3/2"), "is no share"),
    ):
        assert call("best.pt", *arguments) == 2
        assert message in capsys.readouterr().err
    assert not (folder / "mine.tif.parts").exists()


def test_a_disk_that_fills_up_leaves_the_finished_strips(folder, monkeypatch, capsys):
    from rasterio._err import CPLE_AppDefinedError

    def full(*arguments, **options):
        raise CPLE_AppDefinedError(3, 1, "No space left on device")  # as `copy` does where 100 kB are free

    geotiff(folder / "scene.tif", picture(64, 40))
    with monkeypatch.context() as patch:
        patch.setattr("rasterio.shutil.copy", full)
        assert call("best.pt", "scene.tif", "--out", "out/map.tif") == 2
    assert "could not be written: No space left on device (" in capsys.readouterr().err
    assert len(list((folder / "out/map.tif.parts").glob("*.npz"))) == 1 and len(list((folder / "out").iterdir())) == 1
    assert call("best.pt", "scene.tif", "--out", "out/map.tif") == 0


def test_the_commands_of_the_page_run(folder):
    pytest.importorskip("tifffile")
    (folder / "work_dirs/aerial").mkdir(parents=True)
    shutil.copy("best.pt", "work_dirs/aerial/best.pt")
    geotiff(folder / "scene.tif", picture(64, 40, 4), names=["blue", "green", "red", "nir"])
    geotiff(folder / "rgb.tif", picture(64, 40))
    assert set(run_page("rasters.md", [])) == {"raster"}
    assert sorted(path.name for path in folder.glob("maps/*.tif")) == ["big.tif", "same.tif", "scene.tif"]
