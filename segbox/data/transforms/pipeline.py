"""A pipeline of transforms."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

from segbox.arguments import Made
from segbox.data.render import render
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.errors import ConfigError
from segbox.registry import TRANSFORMS, call, each


class Pipeline:
    """Calls its transforms in order, and applies the geometry that is still pending at the end, once."""

    def __init__(self, transforms: Sequence[Callable[[Sample, random.Random], Sample]] = (), path: str = "pipeline"):
        self.transforms = tuple(transforms)
        self.path = path

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        for transform in self.transforms:
            sample = transform(sample, rng)
        return {key: value for key, value in render(sample).items() if key not in ("fill", "outside")}

    def check_keeps_view(self) -> None:
        """ConfigError for transforms after which an untransformed label would no longer fit the image."""
        for position, transform in enumerate(self.transforms):
            if not (isinstance(transform, Transform) and transform.keeps_view):
                raise ConfigError(
                    f"{self.path}.{position}: {type(transform).__name__} moves the image under its label, which"
                    " evaluation keeps at the size of its file; there, only Resize and changes of colour are allowed"
                )


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
