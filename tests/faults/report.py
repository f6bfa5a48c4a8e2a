"""What a fault campaign counts, and its table."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from terminaltables import AsciiTable


@dataclass
class Row:
    """One kind of fault: what must happen, how often it was tried, and what went otherwise."""

    fault: str
    expected: str
    tried: int = 0
    lost: list[int] = field(default_factory=list)  # steps to be done again, each time
    failures: list[str] = field(default_factory=list)

    def count(self, failure: str | None, lost: int | None = None) -> None:
        self.tried += 1
        if failure is not None:
            self.failures.append(failure)
        if lost is not None:
            self.lost.append(lost)

    def cells(self) -> list[str]:
        lost = f"{sum(self.lost) / len(self.lost):.1f} (at most {max(self.lost)})" if self.lost else "-"
        return [self.fault, self.expected, str(self.tried), str(self.tried - len(self.failures)), lost]


def table(rows: list[Row]) -> str:
    head = ["fault", "expected", "tried", "passed", "lost steps, mean"]
    cells = AsciiTable([head, *(row.cells() for row in rows)])
    cells.justify_columns = {2: "right", 3: "right"}
    failures = [f"FAILED {row.fault}: {failure}" for row in rows for failure in row.failures[:5]]
    return "\n".join([cells.table, *failures])


def quiet() -> None:
    """In a child: the program's own lines would drown the table."""
    logger = logging.getLogger("segbox")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False


def tried(row: Row, work: Callable[[], tuple[str | None, int | None]]) -> None:
    try:
        row.count(*work())
    except AssertionError as error:
        row.count(f"{error}")
