"""Writes report.html into the folder of a run."""

from pathlib import Path

import torch

from segbox.errors import UserError
from segbox.evaluation.open_model import check_classes, open_model
from segbox.evaluation.uncertainty import bootstrap
from segbox.models.complexity import count_parameters
from segbox.outputs import claim, is_recorded, lines_of_record, write_text
from segbox.report.examples import predict_again
from segbox.report.page import Findings, report_page
from segbox.report.run import Run, read_run
from segbox.weights.loading import first_line

REPORT = "report.html"
CHANGED = 2.0  # points of an image's IoU that other hardware does not explain
SECONDS = 60.0  # for images that are only measured, not shown


def write_report(folder: Path, device: torch.device, seconds: float = SECONDS) -> Path:
    """Read the folder, predict some images again, write the page. Returns its path."""
    path = folder / REPORT
    run = read_run(folder)
    claim([(path, "the report")])
    write_text(path, report_page(run, findings(run, device, seconds)))
    return path


def tell_report(folder: Path, device: torch.device, seconds: float = SECONDS) -> str:
    """Write the page at the end of a run. Returns a line: the page's path, or a warning, because the run is complete
    without its page, whatever is wrong."""
    try:
        return f"the page of this run: {write_report(folder, device, seconds)}"
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {first_line(error)}"
        return f"warning: {folder / REPORT} was not written ({reason}). Again: segbox report {folder}"


def discard_report(folder: Path) -> None:
    """Delete the page of an old run. One that the user has changed stays."""
    path = folder / REPORT
    if is_recorded(path, lines_of_record(folder)):
        path.unlink()


def findings(run: Run, device: torch.device, seconds: float) -> Findings:
    """Without the checkpoint or the images, the page has no pictures and says why."""
    evaluation = run.evaluation
    if evaluation is None:
        return Findings()
    intervals = {name: (own.low, own.high) for name, own in bootstrap(evaluation).items() if own.low == own.low}
    try:
        opened = open_model(run.checkpoint, run.config, len(evaluation.classes))
        check_classes(opened, evaluation.classes)
        model = opened.model.to(device)
        again = predict_again(evaluation, opened.config, model, device, seconds)
    except UserError as error:
        return Findings(intervals, note=f"No pictures: the images could not be predicted again. {error}")
    note = ""
    if again.largest_change > CHANGED:
        note = (
            f"An image scores {again.largest_change:.1f} points otherwise than in the evaluation: the checkpoint, the"
            " images or the labels are not those of then."
        )
    return Findings(intervals, again, count_parameters(model), note)
