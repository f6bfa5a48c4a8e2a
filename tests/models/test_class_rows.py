"""Weights of a model of other classes: rows move to the classes of the same name."""

import pytest
import torch

from segbox.models.class_rows import class_dimensions, heads_of, match_classes, move_rows, plain_name
from segbox.models.start_from import load_trained
from segbox.weights.loading import load_weights
from tests.tiny import HEADS_WITH_CLASSES, ONLY_CLASSIFY, random_batch, tiny_model

AUX = {"type": "FCNHead", "level": -2}
CLASSES = ("road", "Traffic Light", "sky", "car", "person")


def spread(model):
    """Norms that are not the identity, and no tensor of zeros."""
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.is_floating_point() and name not in ("mean", "std"):
            value.add_(0.05 * torch.rand(value.shape, generator=generator) - 0.02)
    return model


def test_names():
    assert plain_name("Traffic Light") == plain_name("traffic_light") == plain_name("trafficlight")
    match = match_classes(("a", "b", "c"), ("C", "x", "a"))
    assert match.pairs == ((2, 0), (0, 2)) and not match.is_identity()
    assert str(match) == "2 of 3 classes have the rows of the same name; x begin anew; b of the file are not used"
    assert match_classes(("car", "Car"), ("Car", "x")).pairs == ((1, 0),)
    assert match_classes(("Car", "b"), ("car", "b")).is_identity()
    assert not match_classes(("a", "b"), ("a",)).is_identity() and not match_classes(("a",), ("a", "b")).is_identity()


@pytest.mark.parametrize("head", HEADS_WITH_CLASSES)
def test_in_another_order_every_head_gives_the_same_scores_in_that_order(head):
    """Also where more than the classifier depends on the classes: all of it is moved along every such dimension."""
    torch.manual_seed(0)
    order = [3, 0, 4, 2, 1]
    old, new = spread(tiny_model(head=head, auxiliary_head=AUX)).eval(), tiny_model(head=head, auxiliary_head=AUX)
    weights, moved = move_rows(new, old.state_dict(), match_classes(CLASSES, [CLASSES[i] for i in order]))
    assert load_weights(new, weights, "a.pt").is_perfect()
    assert {"auxiliary_heads.0.classify.weight", "auxiliary_heads.0.classify.bias"} < set(moved)
    images = random_batch(2, 33, 47, 5)[0]
    with torch.no_grad():
        before = old(images)
        torch.testing.assert_close(new.eval()(images), before[:, order], rtol=1e-4, atol=1e-4)
        assert not torch.allclose(before, before[:, order], rtol=1e-2)


@pytest.mark.parametrize("head", ["FCNHead", "FCN8sHead", "OCRHead", "GCNHead", "UNetPlusPlusHead"])
def test_other_classes_begin_anew(head):
    torch.manual_seed(0)
    old, new = spread(tiny_model(head=head)), tiny_model(head=head, num_classes=3)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    weights, moved = move_rows(new, old.state_dict(), match_classes(CLASSES, ("sky", "window", "TRAFFIC-LIGHT")))
    assert load_weights(new, weights, "a.pt").is_perfect() and moved
    names = [name for name in moved if class_dimensions(new.head_builders[0], 3)[name.split(".", 1)[1]] == (0,)]
    assert names
    for name in names:
        theirs, value = old.state_dict()[name], new.state_dict()[name]
        assert torch.equal(value[0], theirs[2]) and torch.equal(value[2], theirs[1])
        assert torch.equal(value[1], before[name][1])


def test_of_most_heads_the_last_layer_alone_depends_on_the_classes():
    """So the tests of the others show what becomes of the tensors of these."""
    for head in ("FCNHead", *ONLY_CLASSIFY):
        (builder,) = heads_of(tiny_model(head=head)).values()
        dimensions = class_dimensions(builder, 5)
        assert len(dimensions) == 2 and set(dimensions.values()) == {(0,)}, head


def test_a_head_that_is_no_classifier_only():
    """The refinements of GCN go from classes to classes."""
    model = tiny_model(head="GCNHead")
    dimensions = class_dimensions(heads_of(model)["decode_head."], 5)
    assert (0, 1) in dimensions.values() and None not in dimensions.values()


def test_a_binary_head_moves_only_whole():
    binary = {"type": "FCNHead", "out_channels": 1}
    old, new = (spread(tiny_model(decode_head=binary, num_classes=2)) for _ in range(2))
    before = new.decode_head.classify.weight.clone()
    weights, _ = move_rows(new, old.state_dict(), match_classes(("vessel", "ground"), ("ground", "vessel")))
    assert torch.equal(weights["decode_head.classify.weight"], before)


def test_weights_of_another_head_or_of_odd_tensors_stay_for_the_report():
    new = tiny_model(num_classes=2)
    shape = new.decode_head.classify.weight.shape
    odd = {"decode_head.classify.weight": torch.zeros(5, *shape[1:]).to_sparse(), "decode_head.classify.bias": None}
    match = match_classes(CLASSES, ("car", "sky"))
    assert move_rows(new, odd, match)[1] == []
    wrong = {"decode_head.classify.weight": torch.zeros(6, *shape[1:])}
    assert move_rows(new, wrong, match) == (wrong, [])


def test_a_checkpoint_of_other_classes(tmp_path, caplog):
    caplog.set_level("INFO", "segbox")
    torch.manual_seed(0)
    old, new = spread(tiny_model()), tiny_model(num_classes=4)
    torch.save({"model": old.state_dict(), "classes": list(CLASSES)}, tmp_path / "a.pt")
    assert load_trained(new, tmp_path / "a.pt", classes=("car", "tree", "road", "traffic light")).is_perfect()
    bias, theirs = new.decode_head.classify.bias, old.decode_head.classify.bias
    assert torch.equal(bias[[0, 2, 3]], theirs[[3, 0, 1]])
    assert (
        "a.pt: other classes: 3 of 4 classes have the rows of the same name; tree begin anew; sky, person"
        in (caplog.text)
        and "(decode_head.classify.*)" in caplog.text
    )


def test_the_same_classes_and_unknown_ones_load_as_they_are(tmp_path, caplog):
    caplog.set_level("INFO", "segbox")
    old, new = spread(tiny_model()), tiny_model()
    for classes in (["ROAD", "trafficlight", *CLASSES[2:]], None, 5, [1, 2]):
        torch.save({"model": old.state_dict(), "classes": classes}, tmp_path / "a.pt")
        assert load_trained(new, tmp_path / "a.pt", classes=CLASSES).is_perfect()
        assert torch.equal(new.decode_head.classify.weight, old.decode_head.classify.weight)
    assert "other classes" not in caplog.text
