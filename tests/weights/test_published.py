"""The table of published weights agrees with what timm and torchvision say of them."""

import pytest

from segbox.weights.published import all_published, published


@pytest.mark.parametrize("word", [word for word in all_published() if word.startswith("timm://")])
def test_timm_says_the_same(word):
    timm = pytest.importorskip("timm")
    entry, theirs = published(word), timm.get_pretrained_cfg(word.removeprefix("timm://"), allow_unregistered=False)
    assert (entry.mean, entry.std) == (theirs.mean, theirs.std)
    assert entry.licence.lower() == theirs.license
    assert entry.url == f"https://huggingface.co/{theirs.hf_hub_id}/resolve/main/model.safetensors"


@pytest.mark.parametrize("word", [word for word in all_published() if word.startswith("torchvision://")])
def test_torchvision_says_the_same(word):
    models = pytest.importorskip("torchvision").models
    name, _, version = word.removeprefix("torchvision://").partition(".")
    theirs = models.get_model_weights(name)[version or "IMAGENET1K_V1"]
    entry, preset = published(word), theirs.transforms()
    assert entry.url == theirs.url
    assert [list(entry.mean), list(entry.std)] == [list(preset.mean), list(preset.std)]


def test_words():
    assert published("torchvision://resnet50.IMAGENET1K_V1") is published("torchvision://resnet50") is not None
    assert published("torchvision://resnet51") is None and published("a.pt") is None
    card = published("timm://xception65.tf_in1k").card
    assert card.mean == card.std == (127.5, 127.5, 127.5)
    assert published("torchvision://vgg16").card.mean == (123.675, 116.28, 103.53)
    assert "non-commercial" in published("hf://nvidia/mit-b3").licence
    assert not any(
        "non-commercial" in (entry.licence or "") for word, entry in all_published().items() if "mit-b" not in word
    )
