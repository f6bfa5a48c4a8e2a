"""What a model has to bear, with a head that predicts masks."""

import pytest
import torch

from segbox import IGNORE_INDEX, distributed
from segbox.models.class_rows import match_classes, move_rows
from segbox.models.complexity import costs_of
from segbox.models.layers.masks import Masks
from segbox.registry import LOSSES
from segbox.weights.loading import load_weights
from tests.processes import together
from tests.runs import differences, tiny_runner
from tests.tiny import random_batch, tiny_model
from tests.trained import random_weights

CLASSES = ("road", "Traffic Light", "sky", "car", "person")
RUN = 'model["decode_head"] = dict(type="{}", loss=dict(type="MaskLoss", num_points=50))\n'


def test_it_trains_and_every_parameter_learns(mask_head):
    torch.manual_seed(0)
    model = tiny_model(decode_head=dict(type=mask_head, loss=dict(type="MaskLoss", num_points=50)))
    images, labels = random_batch(2, 33, 47, 5, ignored_rows=5)
    labels[:, 5:, :20], labels[:, 5:, 20:] = 1, 3
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = sum(model(images, labels).values())
        loss.backward()
        assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.9 * values[0]


def test_rows_move_to_the_classes_of_the_same_name(mask_head):
    order = [3, 0, 4, 2, 1]
    old, new = tiny_model(head=mask_head).eval(), tiny_model(head=mask_head).eval()
    old.load_state_dict(random_weights(old))
    weights, moved = move_rows(new, old.state_dict(), match_classes(CLASSES, [CLASSES[i] for i in order]))
    assert load_weights(new, weights, "a.pt").is_perfect()
    assert set(moved) == {"decode_head.classify.weight", "decode_head.classify.bias"}
    images = random_batch(2, 33, 47, 5)[0]
    with torch.no_grad():
        torch.testing.assert_close(new(images), old(images)[:, order], rtol=1e-4, atol=1e-5)
    three = tiny_model(head=mask_head, num_classes=3)
    weights, _ = move_rows(three, old.state_dict(), match_classes(CLASSES, ("sky", "window", "road")))
    bias, theirs = weights["decode_head.classify.bias"], old.decode_head.classify.bias
    assert torch.equal(bias[[0, 2, 3]], theirs[[2, 0, 5]]) and bias[1] == three.decode_head.classify.bias[1]


def test_other_classes_keep_the_queries(mask_head):
    model = tiny_model(head=mask_head)
    before = model.decode_head.queries.weight.clone()
    model.reset_classes(2)
    assert torch.equal(model.decode_head.queries.weight, before) and model.decode_head.classify.out_features == 3
    images, labels = random_batch(2, 33, 47, 2)
    assert sum(model(images, labels).values()).isfinite() and model.eval()(images).shape == (2, 2, 33, 47)


def test_its_cost_is_counted(mask_head):
    with torch.device("meta"):
        costs = costs_of(tiny_model(head=mask_head), (64, 64))
    assert costs["decode_head"].flops > 0 and costs["total"].parameters > costs["decode_head"].parameters > 0


def test_memory_format_and_half_precision_make_no_difference(mask_head):
    model = tiny_model(head=mask_head)
    model.load_state_dict(random_weights(model))
    images, labels = random_batch(2, 33, 47, 5)
    torch.manual_seed(0)
    expected = model(images, labels)
    model.to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(images.to(memory_format=torch.channels_last), labels)
    assert all(value.dtype == torch.float for value in found.values())
    torch.testing.assert_close(sum(found.values()), sum(expected.values()), rtol=0.1, atol=0)


def test_an_interrupted_run_ends_the_same(tmp_path, mask_head):
    text = RUN.format(mask_head)
    whole = tiny_runner(tmp_path / "a", ["train.max_steps=4"], text)
    whole.train()
    runner = tiny_runner(tmp_path / "b", ["train.max_steps=4"], text)
    runner.resume(tmp_path / "a/step_00000002.pt")
    runner.train()
    ends = [torch.load(tmp_path / name / "last.pt", weights_only=False) for name in "ab"]
    assert differences(*(end["model"] for end in ends)) == []


def test_the_loss_of_two_processes_is_that_of_the_joined_batch():
    """With one image of few masks in the first process, two in the second."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(3, 6, *rest, generator=generator, dtype=torch.double) for rest in ((5,), (4, 5))]
    labels = torch.randint(0, 4, (3, 8, 10), generator=generator, dtype=torch.uint8)
    labels[0] = labels[0].clamp(max=1)
    labels[1, :3] = IGNORE_INDEX

    def through(classes, masks, labels):
        own = [x.clone().requires_grad_() for x in (classes, masks)]
        losses = LOSSES.build(dict(type="MaskLoss", num_points=None), num_classes=4)([Masks(*own)], labels)
        sum(losses.values()).backward()
        return {name: value.item() for name, value in losses.items()}, [x.grad for x in own]

    def work():
        return through(*(x.split([1, 2])[distributed.rank()] for x in (*drawn, labels)))

    (first, before), (second, after) = together(2, work)
    values, gradients = through(*drawn, labels)
    assert {name: (first[name] + second[name]) / 2 for name in values} == pytest.approx(values, rel=1e-5)
    for one, two, expected in zip(before, after, gradients):
        torch.testing.assert_close(torch.cat([one, two]) / 2, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_learns_the_same(mask_head):
    model = tiny_model(head=mask_head)
    images, labels = random_batch(2, 33, 47, 5)
    found = []
    for forward in (model, torch.compile(model, backend="aot_eager")):
        torch.manual_seed(0)
        model.zero_grad()
        losses = forward(images, labels)
        sum(losses.values()).backward()
        found.append((losses, {name: p.grad.clone() for name, p in model.named_parameters()}))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4)
