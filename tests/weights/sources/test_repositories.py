"""What repositories of the hub state: the mean and std of their weights, and their licence."""

import json

import pytest

from segbox.errors import CheckpointError
from segbox.weights.mean_std import IMAGENET
from segbox.weights.sources.licences import forbids_commercial_use, licence_of
from segbox.weights.sources.repositories import card_of, repository_of


def card(tmp_path, **files):
    described = {}
    for name, content in files.items():
        described[f"{name}.json"] = tmp_path / f"{name}.json"
        described[f"{name}.json"].write_text(json.dumps(content))
    return card_of("timm://a.b", described)


def test_timm_states_mean_and_std_for_images_from_0_to_1(tmp_path):
    found = card(tmp_path, config={"pretrained_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}})
    assert found.mean == pytest.approx(IMAGENET["mean"]) and found.std == pytest.approx(IMAGENET["std"])
    assert found.name == "timm://a.b" and not found.is_binding


@pytest.mark.parametrize(
    ("preprocessor", "expected"),
    [
        ({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}, 127.5),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 127.5}, 63.75),
        ({"image_mean": [123.0] * 3, "image_std": [123.0] * 3, "do_rescale": False}, 123.0),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_normalize": False}, None),
        ({"size": 5}, None),
    ],
)
def test_transformers_states_them_with_the_scale_of_images(tmp_path, preprocessor, expected):
    found = card(tmp_path, config={"model_type": "segformer"}, preprocessor_config=preprocessor)
    assert (found and found.mean[0]) == expected and (found and found.std[2]) == expected


def test_a_config_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json: is no JSON file"):
        card_of("timm://a.b", {"config.json": tmp_path / "config.json"})


@pytest.mark.parametrize(
    ("repository", "readme", "licence"),
    [
        ("o/n", "---\nlicense: mit\n---\ntext", "mit"),
        ("o/n", "\n---\ntags:\n- a\nlicense: 'bsd-3-clause'\nlicense_link: x\n---\n", "bsd-3-clause"),
        ("timm/x", "---\nlicense: other\nlicense_name: dinov3-license\n---", "dinov3-license"),
        ("o/n", "---\nlicense: other\n---", "other"),
        ("nvidia/mit-b0", "---\nlicense: other\n---", "NVIDIA, non-commercial"),
        ("nvidia/segformer-b5-finetuned-ade-640-640", "", "NVIDIA, non-commercial"),
        ("o/n", "---\nlanguage: en\n---\nlicense: mit", None),
        ("o/n", "license: mit", None),
        ("o/n", "", None),
    ],
)
def test_licences_of_repositories(repository, readme, licence):
    assert licence_of(repository, readme) == licence


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("NVIDIA, non-commercial", True),
        ("cc-by-nc-4.0", True),
        ("cc-by-nc-sa-4.0", True),
        ("fair-noncommercial-research-license", True),
        ("apple-amlr", True),
        ("cc-by-4.0", False),
        ("dinov3-license", False),
        ("BSD-3-Clause", False),
        ("apache-2.0", False),
        ("openrail++", False),
    ],
)
def test_licences_that_forbid_commercial_use(licence, forbids):
    assert forbids_commercial_use(licence) is forbids


def test_a_name_of_timm_is_a_repository_of_timm():
    repository, file = repository_of("timm", "resnet50c.gluon_in1k")
    assert (repository.name, repository.revision, file) == ("timm/resnet50c.gluon_in1k", "main", "")
