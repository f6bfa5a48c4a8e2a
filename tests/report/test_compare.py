"""Runs compared: verdicts, seeds, configs, tables and the page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbox.errors import DataError, UserError
from segbox.evaluation.records import Evaluation, ImageCounts
from segbox.report.compare import compare, repeats_texts, signed, verdict
from segbox.report.compare_page import comparison_page
from segbox.report.compare_runs import Run, read_runs
from segbox.report.compare_text import as_json, comparison_text
from tests.browser import in_a_browser, opened_browser
from tests.runs import ROOT

CLASSES = ("sky", "road", "<b>pole</b>", "never")


def evaluation(right, seed=0, images=40, **more):
    """Images that differ in difficulty, of a model that is right for this share of the pixels."""
    hard, random = np.random.default_rng(0), np.random.default_rng(seed)
    found = []
    for number in range(images):
        share = right + hard.uniform(-0.1, 0.1)
        chances = np.full((3, 3), (1 - share) / 2) + np.eye(3) * (share - (1 - share) / 2)
        counts = np.stack([random.multinomial(900, own) for own in chances])
        found.append(ImageCounts.of(f"/val/{number}.png", np.pad(counts, (0, 1))))
    return Evaluation(CLASSES, [(0, 90, 200)] * 4, "whole images", {}, found, "last.pt", **more)


def run(name, right=0.8, seed=0, config=None, **more):
    return Run(name, Path(name), evaluation(right, seed, **more), config)


def test_a_difference_is_told_from_chance():
    runs = [run("a"), run("better", 0.83), run("worse", 0.77, seed=2), run("alike", 0.8, seed=3)]
    found = compare(runs, resamples=300)
    texts = [verdict(found, i) for i in (1, 2, 3)]
    own = found.differences[0]["mIoU"]
    assert own.value == pytest.approx(found.scores[1]["mIoU"].value - found.scores[0]["mIoU"].value)
    limits = f"mIoU {own.value:+.2f}, 95 % between {own.low:+.2f} and {own.high:+.2f}"
    assert texts[0] == f"better is better than a: {limits}"
    assert texts[1].startswith("worse is worse than a: mIoU -")
    assert texts[2].startswith("no difference between alike and a can be shown on these 40 images: mIoU ")
    assert texts[2].endswith(f"alike is better in {100 * found.differences[2]['mIoU'].share:.0f} % of the resamples")
    assert (signed(-0.001), signed(1.5), signed(float("nan"))) == ("+0.00", "+1.50", "-")


def test_runs_that_differ_only_in_their_seed_are_one_group():
    config = {"optimizer": {"lr": 0.1}, "seed": 0}
    other = {"optimizer": {"lr": 0.2}}
    runs = [run(f"a{i}", 0.8, i, {**config, "seed": i}) for i in range(3)]
    runs += [run(f"b{i}", 0.81, i + 5, {**other, "seed": i} if i else other) for i in range(2)]
    runs += [run("unknown"), run("again", 0.8, 9, other), run("flipped", config={**config, "seed": 7})]
    flipped = replace(runs[-1].evaluation, protocol="flipped")
    runs[-1] = replace(runs[-1], evaluation=flipped)
    found = compare(runs[:5], resamples=100)
    values = [own["mIoU"].value for own in found.scores]
    first, second = found.repeats
    assert (list(first.runs), list(second.runs)) == ([0, 1, 2], [3, 4])
    assert first.mean == pytest.approx(np.mean(values[:3])) and first.deviation == pytest.approx(
        np.std(values[:3], ddof=1)
    )
    lines = [*repeats_texts(found)]
    assert lines[0].startswith(f"a0, a1, a2 differ only in their seed: mIoU {first.mean:.2f} +- {first.deviation:.2f}")
    error = np.sqrt(np.var(values[:3], ddof=1) / 3 + np.var(values[3:], ddof=1) / 2)
    assert lines[2].endswith(f"by {second.mean - first.mean:+.2f}, with a standard error over seeds of {error:.2f}")
    assert [own.runs for own in compare(runs, resamples=100).repeats] == [[0, 1, 2]]  # b has one seed twice
    assert found.config_changes == [
        ["seed 0 -> 1"],
        ["seed 0 -> 2"],
        *[found.config_changes[2]],
        *found.config_changes[3:],
    ]
    assert "optimizer.lr 0.1 -> 0.2" in found.config_changes[2]
    assert compare(runs, resamples=100).config_changes[4] is None


def test_what_weakens_the_numbers_is_told():
    own = run("b", 0.8, 1)
    other = Run("b", Path(), replace(own.evaluation, protocol="flipped too"), None)
    (note,) = compare([run("a"), other], resamples=100).notes
    assert note == "a and b were evaluated in different ways (whole images - and flipped too)"
    other = run("b", 0.8, 1, ignore_background=True)
    (note,) = compare([run("a"), other], resamples=100).notes
    assert note == "means over classes are taken as in a, also those of b"
    few = compare([run("a", images=9), run("b", images=12)], common=True, resamples=100).notes
    assert few[0] == "only the 9 images that all runs have in common count, of 9, 12" and "too narrow" in few[1]
    one = compare([run("a", images=1), run("b", 0.9, images=1)], resamples=100)
    assert one.notes == ["one image tells nothing about the uncertainty of a score"]
    assert verdict(one, 1).endswith("how certain that is cannot be computed")
    assert not one.differences[0]["mIoU"].is_shown and comparison_text(one) and comparison_page(one)


def test_the_text_and_the_json_have_all_numbers():
    config = {"optimizer": {f"value{i}": i for i in range(30)}}
    runs = [run("a", config=config), run("b", 0.83, config={"optimizer": {}}), run("c", 0.81)]
    found = compare(runs, resamples=200)
    text = comparison_text(found)
    own = found.scores[1]["IoU/road"], found.differences[0]["IoU/road"]
    assert re.search(rf"\| road +\| +\d+\.\d\d \| {own[0].value:.2f} \| +\+{own[1].value:.2f} \* \|", text)
    assert re.search(r"\| never +\| +- \| +- \| +- +\| ", text)
    assert text.count("  optimizer.value") == 15 and "and 15 more (--json FILE has all)" in text
    assert "config of c against a: unknown" in text
    content = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert content["images"] == 40 and [own["name"] for own in content["runs"]] == ["a", "b", "c"]
    assert content["runs"][1]["scores"]["IoU/road"]["low"] == round(own[0].low, 4)
    assert content["runs"][1]["differences"]["mIoU"]["share"] == 1 and content["runs"][0]["scores"]["IoU/never"] == {
        "value": None, "low": None, "high": None,
    }  # fmt: skip
    assert len(content["runs"][1]["config_changes"]) == 30 and content["runs"][2]["config_changes"] is None


def test_the_page_stands_alone_and_draws_every_class():
    found = compare([run("a"), run("b & <i>", 0.83)], resamples=200)
    page = comparison_page(found)
    assert "<b>pole" not in page and "&lt;b&gt;pole&lt;/b&gt;" in page and "b &amp; &lt;i&gt;" in page
    assert not re.search(r"(src|href)=|@import|url\(|https?:", page)
    assert page.count('<svg viewBox="0 0 100 22"') == 2 + 1 + len(CLASSES) and page.count('class="sortable"') == 2
    assert page.count('class="up"') == 4 and 'pill good">better' in page
    widths = [float(own) for own in re.findall(r'<line class="whisker"[^>]* x2="([\d.]+)"', page)]
    assert max(widths) <= 99.01 and min(widths) >= 0.9


@pytest.mark.slow
@in_a_browser
def test_the_tables_sort_in_a_browser(tmp_path):
    page = comparison_page(compare([run("a"), run("b", 0.83)], resamples=200))
    script = """
      const table = document.querySelectorAll("table.sortable")[1], buttons = table.querySelectorAll("button");
      const column = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].textContent);
      buttons[1].click(); const falling = column(1);
      buttons[1].click(); const rising = column(1);
      buttons[0].click(); return [falling, rising, column(0)];"""
    (tmp_path / "page.html").write_text(page)
    with opened_browser(tmp_path / "profile") as browser:
        browser.open((tmp_path / "page.html").as_uri())
        falling, rising, names = browser.do(script)
        assert not browser.console()
    numbers = [float(text) for text in falling[:-1]]
    assert numbers == sorted(numbers, reverse=True) and rising == [*falling[-2::-1], "-"] and falling[-1] == "-"
    assert names == sorted(names)


def test_the_block_of_the_docs_runs(tmp_path, monkeypatch):
    (tmp_path / "work_dirs").mkdir()
    folder_of(tmp_path / "work_dirs" / "my_data")
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "compare.md").read_text(), re.S)[1]
    names = {}
    exec(block, names)
    own = names["evaluation"]
    counts = {image.path: np.zeros((4, 4)) for image in own.images}
    for image in own.images:
        for target, guess, pixels in image.pairs:
            counts[image.path][target, guess] = pixels
    ious = {path: c[1, 1] / (c[1].sum() + c[:, 1].sum() - c[1, 1]) for path, c in counts.items()}
    assert names["worst"] == min(ious, key=ious.get)


def folder_of(path, config=None, name="evaluation.json", **more):
    path.mkdir(exist_ok=True)
    evaluation(0.8, images=4, **more).write(path / name)
    if config is not None:
        (path / "config.py").write_text(config)
    return str(path)


def test_runs_are_found_by_folder_and_by_file(tmp_path):
    a = folder_of(tmp_path / "a", "model = dict(type='X', sizes=(1, 2))\nseed = 3\nraise SystemExit\n", step=5)
    folder_of(tmp_path / "a", name="evaluation_best.json", step=4)
    b = folder_of(tmp_path / "b")
    runs = read_runs([a, f"{b}/evaluation.json"])
    assert [own.name for own in runs] == ["a", "evaluation.json"] and [own.evaluation.step for own in runs] == [5, None]
    assert runs[0].config == {"model": {"type": "X", "sizes": (1, 2)}, "seed": 3} and runs[1].config is None
    assert read_runs([a, f"{b}/evaluation.json"], best=True)[0].evaluation.step == 4
    (tmp_path / "deep").mkdir()
    names = [own.name for own in read_runs([a, folder_of(tmp_path / "deep" / "a")])]
    assert names == [f"{tmp_path.name}/a", "deep/a"]


def test_the_config_of_a_test_is_beside_its_checkpoint(tmp_path):
    folder_of(tmp_path / "run", "seed = 2\n")
    (tmp_path / "run" / "best.pt").write_text("")
    out = tmp_path / "out"
    out.mkdir()
    own = replace(evaluation(0.8), checkpoint=str(tmp_path / "run" / "best.pt"))
    own.write(out / "evaluation.json")
    assert read_runs([str(out)])[0].config == {"seed": 2}


def test_what_is_no_run_is_refused(tmp_path):
    a = folder_of(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no evaluation\.json\. A training writes .* `segbox test"):
        read_runs([a, str(tmp_path / "empty")])
    with pytest.raises(DataError, match=r"a: holds no evaluation_best\.json, .* name .*a/evaluation\.json to compare"):
        read_runs([a], best=True)
    with pytest.raises(DataError, match="none: does not exist; name a work dir"):
        read_runs([str(tmp_path / "none"), a])
    with pytest.raises(UserError, match=r"a/evaluation\.json: is named twice"):
        read_runs([a, f"{a}/evaluation.json"])
    (tmp_path / "a" / "config.py").write_text("seed = (")
    with pytest.raises(DataError, match=r"config\.py: is no config of a run"):
        read_runs([a])
