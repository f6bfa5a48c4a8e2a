"""The pages together: the index lists each, and links lead to headings that exist. (`make docs` is strict as well.)"""

import re

import pytest

from tests.runs import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
INDEX = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([\w./]*)#([^)]+)\)")


def anchors(text: str) -> set[str]:
    """As GitHub and mkdocs make them from the headings outside of code."""
    outside = re.sub(r"```.*?```", "", text, flags=re.S)
    titles = re.findall(r"^#+ (.+)$", outside, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", DOCS, ids=[page.name for page in DOCS])
def test_links_lead_to_headings(page):
    text = page.read_text(encoding="utf-8")
    for file, anchor in LINK.findall(text):
        target = page.parent / file if file else page
        assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page.name}: {file}#{anchor}"
        assert not re.search(r"--|-$", anchor), f"{anchor}: GitHub and mkdocs name it differently"


def test_anchors_are_those_of_the_headings():
    assert anchors("# A `b` c\n\n```sh\n# no heading\n```\n## mmseg's forms, 2\n") == {"a-b-c", "mmsegs-forms-2"}


def test_the_index_lists_each_page_once():
    """The navigation of the site is made from it, too."""
    listed = re.findall(r"^\| \[(\w+\.md)\]\(\1\) \| \w.+ \|$", INDEX, re.M)
    assert sorted(listed) == sorted({page.name for page in DOCS} - {"README.md"})


def test_each_page_begins_with_what_it_is_for():
    for page in DOCS:
        title, _, purpose = page.read_text(encoding="utf-8").split("\n")[:3]
        assert title.startswith("# ") and (purpose.startswith("After this page you") or page.name == "README.md"), page
