"""For mkdocs: the site has the files that the pages link to outside of docs/, and its navigation is the index's."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\]\(\.\./([\w./-]+)(#[\w-]+)?\)")
BY_FILE = re.compile(r"\[(\w+\.md)\](?=\(\1)")
BESIDE = re.compile(r"\]\(([A-Z_]+\.md)\)")  # of pages outside of docs/ to each other
IN_CONTRIBUTING = re.compile(r"\]\(docs/([\w.-]+)")


def on_config(config: Any) -> Any:
    """Sections and pages in the order of docs/README.md."""
    sections: list[dict[str, list[str]]] = []
    for line in (ROOT / "docs" / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            sections.append({line[3:]: []})
        elif row := re.match(r"\| \[\w+\.md\]\((\w+\.md)\)", line):
            next(iter(sections[-1].values())).append(row[1])
    config.nav = ["README.md", *sections, "CONTRIBUTING.md"]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add CONTRIBUTING.md with the pages that it leads to, and every config that a page names."""
    names = with_linked("CONTRIBUTING.md", set())
    for page in sorted((ROOT / "docs").glob("*.md")):
        names |= {name for name, _ in OUTSIDE.findall(page.read_text(encoding="utf-8"))}
    for name in sorted(name for name in names if (ROOT / name).is_file()):
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, as_page(name), content=text))
    return files


def with_linked(name: str, known: set[str]) -> set[str]:
    """A page outside of docs/, and those that it leads to."""
    known = known | {name}
    for other in BESIDE.findall((ROOT / name).read_text(encoding="utf-8")):
        if other not in known:
            known = with_linked(other, known)
    return known


def as_page(name: str) -> str:
    """The place of a file in the site. Browsers show text, and offer to save Python."""
    return f"{name}.txt" if name.endswith(".py") else name


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of docs/ lead into the site; those to folders become plain words. Pages are called by their titles."""
    markdown = BY_FILE.sub(lambda link: f"[{title_of(link[1])}]", markdown)
    if not (ROOT / "docs" / page.file.src_uri).is_file():
        return IN_CONTRIBUTING.sub(r"](\1", markdown)
    folder = re.compile(r"\[([^\]]+)\]\(\.\./([\w./-]+)\)")
    plain = folder.sub(lambda link: link[1] if (ROOT / link[2]).is_dir() else link[0], markdown)
    return OUTSIDE.sub(lambda link: f"]({as_page(link[1])}{link[2] or ''})", plain)


def title_of(name: str) -> str:
    own = ROOT / "docs" / name
    page = own if own.is_file() else ROOT / name
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
