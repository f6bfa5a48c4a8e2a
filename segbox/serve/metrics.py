"""What a server has done, as text for Prometheus (text format 0.0.4)."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from segbox.serve.worker import Worker

FIRST_ERROR = 400


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._runs: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def count_answer(self, path: str, status: int) -> None:
        with self._lock:
            self._answers[path, status] += 1

    def count_run(self, model: str, seconds: float) -> None:
        with self._lock:
            self._runs[model] += 1
            self._seconds[model] = round(self._seconds[model] + seconds, 6)

    def text(self, workers: Sequence[Worker]) -> str:
        with self._lock:
            answers, runs, seconds = dict(self._answers), dict(self._runs), dict(self._seconds)
        errors = {key: count for key, count in answers.items() if key[1] >= FIRST_ERROR}
        lines = [
            *family("segbox_requests_total", "counter", "Requests that were answered.", by_path(answers)),
            *family("segbox_errors_total", "counter", "Those of them answered with an error.", by_path(errors)),
            *family("segbox_pictures_total", "counter", "Pictures that were segmented.", by_model(runs)),
            *family("segbox_seconds_total", "counter", "Seconds that models have worked on them.", by_model(seconds)),
            *family("segbox_waiting", "gauge", "Pictures that wait.", by_model({w.name: w.waiting for w in workers})),
        ]
        return "\n".join(lines) + "\n"


def family(name: str, kind: str, about: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    yield from (f"{name}{{{labels}}} {value}" for labels, value in sorted(values.items()))


def by_path(counts: Mapping[tuple[str, int], int]) -> dict[str, float]:
    return {f'path="{path}",status="{status}"': count for (path, status), count in counts.items()}


def by_model(values: Mapping[str, float]) -> dict[str, float]:
    return {f'model="{quoted(model)}"': value for model, value in values.items()}


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
