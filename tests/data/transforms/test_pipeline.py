import random

import pytest

from segbox.data.transforms.pipeline import Pipeline, as_pipeline, build_pipeline
from segbox.errors import ConfigError
from tests.faulty_data import sample


def test_an_empty_pipeline_changes_nothing():
    start = sample()
    assert Pipeline()(start, random.Random(0)) == start


def test_geometry_waits_for_the_end():
    pipeline = build_pipeline([{"type": "Resize", "short": 24}, {"type": "RandomFlip", "probability": 1.0}])
    pending = sample()
    for transform in pipeline.transforms:
        pending = transform(pending, random.Random(0))
        assert pending["image"].shape == (48, 64, 3)
    done = pipeline(sample(), random.Random(0))
    assert done["image"].shape == (24, 32, 3)
    assert "placement" not in done


def test_a_pipeline_is_a_list():
    with pytest.raises(ConfigError, match=r"data.val.pipeline: expected a list of transforms"):
        build_pipeline({"type": "Resize", "short": 24}, "data.val.pipeline")


def test_typos_are_refused_with_their_place():
    with pytest.raises(ConfigError, match=r'data.val.pipeline.0: .*Did you mean "Resize"'):
        build_pipeline([{"type": "Reszie"}], "data.val.pipeline")


@pytest.mark.parametrize(
    "config", [{"type": "RandomFlip"}, {"type": "RandomCrop", "size": 9}, {"type": "Pad", "size": 9}]
)
def test_what_moves_the_image_under_its_label_is_refused(config):
    pipeline = build_pipeline([{"type": "Resize", "short": 24}, config], "data.val.pipeline")
    with pytest.raises(ConfigError, match=rf"data.val.pipeline.1: {config['type']} moves the image under its label"):
        as_pipeline(pipeline, transform_labels=False)
    assert as_pipeline(pipeline, transform_labels=True) is pipeline
