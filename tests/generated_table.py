"""A table that a program writes into a page of docs/, between two marks."""

import sys
from pathlib import Path


def put_table(page: Path, table: str, begin: str, end: str) -> None:
    """Print the page with this table; with --write on the command line, write it too."""
    text = page.read_text(encoding="utf-8")
    text = text.split(begin)[0] + begin + table + end + text.split(end)[1]
    if "--write" in sys.argv:
        page.write_text(text, encoding="utf-8")
    print(text)
