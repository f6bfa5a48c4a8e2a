"""A pipeline of transforms."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

from segbox.arguments import Made
from segbox.data.render import label_rows, last_row, pending, render
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.errors import ConfigError
from segbox.registry import TRANSFORMS, call, each


class Pipeline:
    """Calls its transforms in order, and applies the geometry that is still pending at the end, once."""

    def __init__(self, transforms: Sequence[Callable[[Sample, random.Random], Sample]] = (), path: str = "pipeline"):
        self.transforms = tuple(transforms)
        self.path = path
        self.placing = _count_placing(self.transforms)  # transforms before the first that reads pixels

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        """A sample may have sources in place of pixels if `placing` is not 0: see `SegDataset.load_late`."""
        for position, transform in enumerate(self.transforms):
            if position == self.placing:
                sample = _with_pixels(sample)
            sample = transform(sample, rng)
        sample = _with_pixels(sample)
        return {key: value for key, value in render(sample).items() if key not in ("fill", "outside")}

    def check_keeps_view(self) -> None:
        """ConfigError for transforms after which an untransformed label would no longer fit the image."""
        for position, transform in enumerate(self.transforms):
            if not (isinstance(transform, Transform) and transform.keeps_view):
                raise ConfigError(
                    f"{self.path}.{position}: {type(transform).__name__} moves the image under its label, which"
                    " evaluation keeps at the size of its file; there, only Resize and changes of colour are allowed"
                )


def _count_placing(transforms: Sequence[Callable]) -> int:
    """How many transforms come before the pixels are rendered; 0 if a transform could still change what is seen."""

    def says(transform: Callable, name: str) -> bool:
        return vars(type(transform)).get(name, False)

    count = next((i for i, each in enumerate(transforms) if not says(each, "only_places")), len(transforms))
    return count if count == len(transforms) or says(transforms[count], "renders_first") else 0


def _with_pixels(sample: Sample) -> Sample:
    """Decode the rows that the placement shows, if this has not been done."""
    done = {key: value for key, value in sample.items() if key not in ("source", "label_source")}
    if "source" in sample:
        done["image"] = sample["source"].read(last_row(sample, pending(sample)))
    if "label_source" in sample:
        done["label"] = label_rows(sample, pending(sample))
    return done


PipelineConfig = Pipeline | Sequence[Annotated[Mapping, Made(TRANSFORMS, trial=call)]]


def build_pipeline(configs: Sequence[Mapping], path: str = "pipeline") -> Pipeline:
    if isinstance(configs, (str, Mapping)) or not isinstance(configs, Sequence):
        raise ConfigError(f"{path}: expected a list of transforms, [dict(type=..., ...), ...], got {configs!r}")
    return Pipeline(each(partial(TRANSFORMS.build, config, f"{path}.{i}") for i, config in enumerate(configs)), path)


def as_pipeline(pipeline: PipelineConfig, transform_labels: bool) -> Pipeline:
    """Build the `pipeline` argument of a data set unless it is built, and check it if labels are not transformed."""
    pipeline = pipeline if isinstance(pipeline, Pipeline) else build_pipeline(pipeline)
    if not transform_labels:
        pipeline.check_keeps_view()
    return pipeline
