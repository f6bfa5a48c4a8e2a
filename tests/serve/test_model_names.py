"""The names by which a server calls its models."""

import pytest

from segbox.errors import ConfigError
from segbox.serve.model_names import model_names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["work_dirs/streets/best.pt"], ["streets/best"]),
        (["streets.pth", "published/"], ["streets", "published"]),
        (["a/x/best.pt", "b/x/best.pt"], ["a/x/best", "b/x/best"]),
        (["a/m.pt", "b/m.pt", "c.pt"], ["a/m", "b/m", "c"]),
        (["torchvision://fcn_resnet50", "hf://me/street.v2"], ["fcn_resnet50", "street.v2"]),
        (["best.pt", "/best.safetensors"], ["best.pt", "/best.safetensors"]),
        (["../best.pt"], ["best"]),
    ],
)
def test_names_are_short_and_different(words, names):
    assert model_names(words) == names


def test_a_model_is_named_once():
    with pytest.raises(ConfigError, match=r"a/best\.pt is given twice"):
        model_names(["a/best.pt", "b", "a/best.pt"])
