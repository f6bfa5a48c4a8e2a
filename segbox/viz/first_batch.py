"""The first batch of a training as a picture: each image as the model gets it, its labels over it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from segbox.data.sample import Batch, Sample
from segbox.outputs import claim
from segbox.viz.contact_sheet import contact_sheet
from segbox.viz.overlay import Palette, write_image

FIRST_BATCH = "first_batch.png"
MOST_IMAGES = 16


def drawing_first(
    batches: Callable[[int], Iterable[Batch]],
    path: Path,
    classes: Sequence[str],
    palette: Palette,
    log: Callable[[str], None],
) -> Callable[[int], Iterator[Batch]]:
    """The same stream of batches, whose first one is drawn when it comes."""

    def stream(draw: int) -> Iterator[Batch]:
        with closing(iter(batches(draw))) as own:
            for number, batch in enumerate(own):
                if not number:
                    log(draw_batch(batch, path, classes, palette))
                yield batch

    return stream


def draw_batch(batch: Batch, path: Path, classes: Sequence[str], palette: Palette) -> str:
    """Returns a line for the log. A picture is not worth a run, so whatever goes wrong is only told."""
    try:
        claim([(path, "the first batch")])
        samples = samples_of(batch)
        heading = f"the first batch: {len(samples)} of {len(batch['paths'])} images, as the model gets them"
        write_image(path, contact_sheet(samples, classes, palette, heading))
    except Exception as error:
        return f"warning: the first batch could not be drawn: {error}"
    return f"{path.name} shows the first batch as the model gets it, its labels over it"


def samples_of(batch: Batch) -> list[Sample]:
    images = batch["images"][:MOST_IMAGES].movedim(1, -1).cpu().numpy()
    labels = batch["labels"].cpu().numpy()
    return [
        {"image": image, "label": label, "path": path, "size": label.shape}
        for image, label, path in zip(images, labels, batch["paths"])
    ]
