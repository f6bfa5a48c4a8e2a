"""Crops, batches and scales from the sizes of images."""

import pytest

from segbox.starter.recipes import BY_NAME, PURPOSES, RECIPES
from segbox.starter.setup import crop_size, setups_for, smaller_crops, with_half_batch
from tests.starter.facts import CITY, facts


@pytest.mark.parametrize(
    ("median", "stride", "device", "crop"),
    [
        ((360, 480), 16, "cpu", (240, 320)),
        ((360, 480), 32, "cpu", (224, 320)),
        ((360, 480), 16, "cuda", (352, 480)),
        ((4000, 6000), 16, "cpu", (208, 320)),
        ((4000, 6000), 32, "cuda", (512, 512)),
        ((40, 70), 16, "cpu", (64, 64)),
        ((96, 128), 16, "cpu", (96, 128)),
        ((0, 0), 16, "cpu", (320, 320)),
    ],
)
def test_crops_are_whole_cells_of_the_median_image(median, stride, device, crop):
    assert crop_size(facts(median=median), stride, device) == crop


def test_thin_classes_add_enlarged_setups_except_for_the_lightest():
    thin = setups_for(PURPOSES["speed"], facts(widths=(30.0, 2.0)), "cpu")
    assert [(own.recipe.model, own.scale, own.batch, own.crop) for own in thin] == [
        ("lraspp_mnv2", 1.0, 8, (240, 320)),
        ("deeplabv3plus_mnv2", 1.0, 8, (240, 320)),
        ("deeplabv3plus_mnv2", 1.5, 4, (352, 480)),
    ]
    assert [own.scale for own in setups_for(PURPOSES["speed"], CITY, "cuda")] == [1.0, 1.0]


def test_from_light_to_heavy():
    own = setups_for(RECIPES, facts(widths=(30.0, 2.0)), "cuda")
    costs = [setup.gflops / setup.batch for setup in own]
    assert costs == sorted(costs) and {setup.batch for setup in own if setup.scale == 1} == {16}


def test_operations_follow_the_area_and_the_batch():
    [light, *_] = setups_for(RECIPES, facts(median=(512, 512)), "cuda")
    assert light.gflops == pytest.approx(16 * RECIPES[0].gflops)
    smaller, smallest = smaller_crops(light)
    assert (smaller.crop, smallest.crop) == ((336, 336), (224, 224))
    assert smaller_crops(setups_for(RECIPES, facts(median=(64, 64)), "cuda")[0]) == []


def test_batches_end_at_two():
    own = setups_for(RECIPES, CITY, "cpu")[0]
    sizes = []
    while own is not None:
        sizes.append(own.batch)
        own = with_half_batch(own)
    assert sizes == [8, 4, 2]


def test_rates_follow_the_root_of_the_batch():
    assert [BY_NAME["deeplabv3plus_mnv2"].rate(batch) for batch in (2, 8, 32)] == [7.5e-4, 1.5e-3, 3e-3]
