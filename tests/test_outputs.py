"""What tools write: never over a file of the user's, and whole or not at all."""

import errno
import os
import sys

import pytest

from segbox import outputs
from segbox.errors import DataError, UserError
from segbox.outputs import RECORD, claim, new_file, recorded_names, write_bytes, write_text


def claim_all(*paths, **settings):
    claim(((path, "x.png") for path in paths), **settings)


def refused(*paths, **settings) -> str:
    """The message; nothing has changed."""
    before = {path: path.lstat().st_mtime_ns for path in paths[0].parent.iterdir()}
    with pytest.raises(UserError) as caught:
        claim_all(*paths, **settings)
    assert {path: path.lstat().st_mtime_ns for path in paths[0].parent.iterdir()} == before
    return str(caught.value)


def test_own_files_may_be_replaced_and_no_others(tmp_path):
    own, other = tmp_path / "new/a.png", tmp_path / "new/b.png"
    claim_all(own, other)
    assert not (tmp_path / "new").exists()
    write_bytes(own, b"one")
    claim_all(own, other)
    write_bytes(own, b"two")
    claim_all(own, other)
    assert own.read_bytes() == b"two" and recorded_names(own.parent) == {"a.png"}
    other.write_bytes(b"mine")
    assert f"{other} would be written over, and was not written by segbox" in refused(own, other)


@pytest.mark.parametrize("change", ["edit", "touch up", "record gone"])
def test_what_the_user_changed_is_the_users(tmp_path, change):
    file = tmp_path / "a.png"
    write_bytes(file, b"made")
    if change == "record gone":
        (tmp_path / RECORD).unlink()
    else:
        file.write_bytes(b"mine" if change == "edit" else b"made\n")
    assert "changed since" in refused(file)


def test_a_copy_of_a_folder_is_still_known_and_damaged_lines_are_not_read(tmp_path):
    file = tmp_path / "a\n\udcff.png" if sys.platform == "linux" else tmp_path / "a.png"
    write_bytes(file, b"made")
    file.write_bytes(file.read_bytes())  # another time
    with (tmp_path / RECORD).open("ab") as record:
        record.write(b'abc "cut sho')
    claim_all(file)
    assert recorded_names(tmp_path) == {file.name}


def test_links_and_folders_are_not_replaced(tmp_path):
    write_bytes(tmp_path / "out/a.png", b"made")
    (tmp_path / "out/a.png").rename(tmp_path / "image.png")
    (tmp_path / "out/a.png").symlink_to(tmp_path / "image.png")
    (tmp_path / "out/b.png").mkdir()
    (tmp_path / "out/c.png").symlink_to(tmp_path / "gone.png")
    for name in "abc":
        assert f"{name}.png would be written over" in refused(tmp_path / f"out/{name}.png")


def test_a_hard_link_keeps_what_it_had(tmp_path):
    write_bytes(tmp_path / "out/a.png", b"one")
    os.link(tmp_path / "out/a.png", tmp_path / "label.png")
    claim_all(tmp_path / "out/a.png")
    write_bytes(tmp_path / "out/a.png", b"two")
    assert (tmp_path / "label.png").read_bytes() == b"one"


def test_a_folder_that_is_a_link_to_the_images(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"image")
    (tmp_path / "out").symlink_to(tmp_path / "images")
    assert "would be written over" in refused(tmp_path / "out/a.png")


def test_own_files_that_are_read_are_not_replaced(tmp_path):
    write_bytes(tmp_path / "a.png", b"made")
    (tmp_path / "label.png").symlink_to("a.png")
    message = refused(tmp_path / "a.png", inputs=[tmp_path / "gone.png", tmp_path / "label.png"])
    assert f"{tmp_path / 'label.png'} would be read and written over" in message


def test_two_files_of_one_name(tmp_path):
    with pytest.raises(UserError, match=r"x\.png and y\.png would both be written to .*a\.png; rename one of them"):
        claim([(tmp_path / "a.png", "x.png"), (tmp_path / "b.png", "z.png"), (tmp_path / "a.png", "y.png")])


def test_where_case_makes_no_difference(tmp_path, monkeypatch):
    claim_all(tmp_path / "é.png", tmp_path / "É.png")
    monkeypatch.setattr(outputs, "probe", lambda folder: True)
    with pytest.raises(UserError, match="would both be written to"):
        claim_all(tmp_path / "é.png", tmp_path / "E\u0301.PNG")
    (tmp_path / "A.png").write_bytes(b"image")
    assert "A.png would be written over" in refused(tmp_path / "a.png")
    write_bytes(tmp_path / "B.png", b"made")
    claim_all(tmp_path / "b.png")


def test_the_probe_sees_whether_case_matters(tmp_path, monkeypatch):
    assert outputs.probe(tmp_path) is (sys.platform in ("win32", "darwin"))
    monkeypatch.setattr(os.path, "lexists", lambda path: path.parent == tmp_path and path.name.endswith("_aA"))
    assert outputs.probe(tmp_path) and not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file: is a file, not a folder; choose another folder"):
        claim_all(tmp_path / "file/deep/a.png")
    with pytest.raises(UserError, match=r"file: is a file, not a folder; choose another folder"):
        claim([], folders=[tmp_path / "file"])

    def read_only(**settings):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(outputs.tempfile, "NamedTemporaryFile", read_only)
    with pytest.raises(UserError, match=rf"{tmp_path}: cannot be written to \(Read-only file system\); choose another"):
        claim_all(tmp_path / "new/a.png")


def test_names_that_the_disk_refuses_are_faults_of_one_file_and_a_full_disk_is_not(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"aaa.* could not be written: File name too long"):
        write_bytes(tmp_path / f"{'a' * 300}.png", b"made")
    assert not [path for path in tmp_path.iterdir() if path.name != RECORD]

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs.Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"b\.png could not be written: No space left on device") as caught:
        write_bytes(tmp_path / "b.png", b"made")
    assert not isinstance(caught.value, DataError)


def test_half_of_a_file_never_has_its_name(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "a.txt") as partial:
        partial.write_text("ne")
        assert partial.parent == tmp_path and partial.suffix == ".txt" and partial.name.startswith(".")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD, "a.txt"]


def test_a_file_that_was_not_recorded_before_a_kill_is_never_there(tmp_path, monkeypatch):
    def killed(*names):
        raise SystemExit

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(SystemExit):
        write_bytes(tmp_path / "a.png", b"made")
    assert recorded_names(tmp_path) == {"a.png"} and not (tmp_path / "a.png").exists()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system has no such links")
def test_a_link_in_the_place_of_the_record_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / RECORD).symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match="could not be written"):
        write_bytes(tmp_path / "out/a.png", b"made")
    assert (tmp_path / "mine").read_text() == "mine" and not (tmp_path / "out/a.png").exists()
