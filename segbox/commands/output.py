"""Results that a command writes beside its output."""

from pathlib import Path

from segbox.outputs import write_text


def write(file: str, text: str) -> None:
    """Write a file that was claimed before, and say so."""
    write_text(Path(file), text)
    print(f"Written: {file}")
