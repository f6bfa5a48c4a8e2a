"""Scores of scenes: rasters that were scored window by window."""

from segbox.evaluation.records import Evaluation, by_scene
from segbox.evaluation.score_table import percent, right_aligned
from segbox.evaluation.uncertainty import scores_of, stacked


def scene_table(evaluation: Evaluation) -> str:
    """A row for each scene; empty if the images are no windows."""
    scenes = by_scene(evaluation)
    if [image.path for image in scenes.images] == [image.path for image in evaluation.images]:
        return ""
    rows = [["scene", "mIoU", "aAcc", "pixels"]]
    for image, table in zip(scenes.images, stacked(scenes), strict=True):
        mean, right = scores_of(scenes, table)[:2]
        rows.append([image.path, percent(mean), percent(right), str(image.pairs[:, 2].sum())])
    return right_aligned(rows)
