"""The phases of EoMT's masks, as functions of the step."""

from types import SimpleNamespace

import pytest
from torch import nn

from segbox.errors import ConfigError
from segbox.models.heads.eomt import EoMTHead
from segbox.registry import HOOKS


def stand_in(num_blocks=2, max_steps=40, step=0, head=None):
    head = head or EoMTHead((8,), (16,), 3, num_queries=2, num_blocks=num_blocks)
    model = nn.Module()
    model.decode_head = head
    return SimpleNamespace(model=model, averaged_model=None, step=step, max_steps=max_steps)


def build(**arguments):
    return HOOKS.build({"type": "MaskAnnealing", **arguments}, "hooks.mask_annealing")


def probabilities(hook, runner, step):
    runner.step = step
    hook.before_step(runner)
    return runner.model.decode_head.mask_probability.tolist()


def test_one_block_after_the_other_loses_its_masks():
    hook, runner = build(), stand_in()  # 4 phases of 10 steps
    expected = {0: (1, 1), 10: (1, 1), 15: (0.5**0.9, 1), 20: (0, 1), 28: (0, 0.2**0.9), 30: (0, 0), 40: (0, 0)}
    for step, values in expected.items():
        assert probabilities(hook, runner, step) == pytest.approx(values)


def test_the_published_phases():
    """ADE20K, DINOv2-L: phases of 6520 of 39,122 steps; with DINOv3, the first block begins at once."""
    runner = stand_in(num_blocks=4, max_steps=39122)
    found = probabilities(build(), runner, 16300)  # the second block from 13,040 to 19,560
    assert found == pytest.approx([0, 0.5**0.9, 1, 1], abs=1e-3)
    hook = build(starts=(0, 0.3, 0.5, 0.6), ends=(0.15, 0.5, 0.6, 0.8))
    assert probabilities(hook, stand_in(4, 1000), 400) == pytest.approx([0, 0.5**0.9, 1, 1])


def test_scores_and_averages_have_the_probability_of_their_step():
    hook, runner = build(), stand_in(step=15)
    hook.before_train(runner)  # of a run that is resumed
    own = runner.model.decode_head
    assert own.mask_probability[0] == pytest.approx(0.5**0.9)
    runner.averaged_model = stand_in().model
    runner.step = 20
    hook.after_update(runner)
    for model in (runner.model, runner.averaged_model):
        assert model.decode_head.mask_probability.tolist() == [0, 1]
    assert "mask_probability" in own.state_dict()  # so that a checkpoint predicts as it was scored


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(starts=(0.5,)), "give both starts and ends"),
        (dict(starts=(0.5,), ends=(0.5,)), "each end after its start"),
        (dict(starts=(0.5,), ends=(0.6, 0.7)), "an end for each start"),
        (dict(starts=(100,), ends=(200,)), r"hooks\.mask_annealing\.starts"),
    ],
)
def test_wrong_phases(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(**arguments)


def test_what_it_is_not_for():
    with pytest.raises(ConfigError, match="is for EoMTHead, not for Linear; take it out"):
        build().before_train(stand_in(head=nn.Linear(1, 1)))
    with pytest.raises(ConfigError, match=r"starts: 1, but model\.decode_head\.num_blocks is 2"):
        build(starts=(0,), ends=(1,)).before_train(stand_in())


def test_it_is_no_state_of_the_run():
    hook, runner = build(), stand_in()
    first = probabilities(hook, runner, 25)
    runner.model.decode_head.set_mask_probability([1, 1])
    assert probabilities(build(), runner, 25) == first and hook.state_dict() == {}
