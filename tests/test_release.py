"""What a release needs beside the code: the files of a public project fit the source, and each other."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from segbox import __version__
from tests.runs import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HAS_MAKE = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
IN_CHECKOUT = pytest.mark.skipif(not WORKFLOW.exists(), reason="the source archive has no .github")


def read_yaml(path: Path) -> dict:
    return pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))


def shell_lines() -> list[str]:
    jobs = read_yaml(WORKFLOW)["jobs"].values()
    return [line for job in jobs for step in job["steps"] for line in step.get("run", "").splitlines()]


def test_the_changelog_begins_with_this_version():
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert first[1] == __version__


def test_the_version_stands_in_one_place():
    for name in ("setup.py", "pyproject.toml", "CITATION.cff", "README.md"):
        assert __version__ not in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_citation_is_complete():
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["title"] == "segbox" and citation["license"] == "MIT"
    owner = re.search(r"Copyright \(c\) \d+ (.+)", (ROOT / "LICENSE").read_text())[1]
    assert [author["name"].lower() for author in citation["authors"]] == [owner.lower()]
    assert citation["message"]


def test_what_the_security_page_quotes_is_what_segbox_says():
    quoted = re.findall(r"`(refused[^`]+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "segbox" / "weights").glob("*.py"))
    assert quoted and all(text in source for text in quoted)


@IN_CHECKOUT
@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_forms_are_complete(path):
    form = read_yaml(path)
    if path.name == "config.yml":
        return
    assert form["name"] and form["description"] and form["body"]
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(ids)) == len(ids)
    for part in form["body"]:
        assert part["type"] in ("markdown", "textarea", "input", "checkboxes")
        assert part["attributes"].get("label") or part["attributes"].get("value")


@HAS_MAKE
@IN_CHECKOUT
def test_the_workflow_calls_targets_that_exist():
    called = {word for line in shell_lines() for word in re.findall(r"^make ([\w-]+)", line)}
    assert called == {"test", "lint", "docs", "dist"}
    for target in called:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@IN_CHECKOUT
def test_the_workflow_holds_every_package_at_its_first_version(tmp_path):
    (line,) = (line for line in shell_lines() if "oldest.txt" in line and "sed" in line)
    subprocess.run(["bash", "-c", line.replace("oldest.txt", str(tmp_path / "oldest.txt"))], cwd=ROOT, check=True)
    held = (tmp_path / "oldest.txt").read_text().split()
    assert "torch==2.4.*" in held and "pytest==8.*" in held and "timm==1.0.*" in held
    assert all(re.fullmatch(r"[\w-]+==[\d.]+\.\*", package) for package in held)


@HAS_MAKE
def test_the_tests_start_with_a_make_that_cannot_sort_its_output():
    """make 3.81, that of macOS, knows no --output-sync."""
    commands = {}
    for features in ("", "output-sync"):
        words = ["make", f".FEATURES={features}", "-n", "test"]
        commands[features] = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--output-sync" in commands["output-sync"] and "--output-sync" not in commands[""]
    assert "test-models" in commands[""]
