"""The losses of a head as a config says them, and heads of one channel."""

import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.errors import ConfigError, DataError
from segbox.models.criterion import build_criterion
from tests.tiny import SMALL, random_batch, tiny_model

LOSSES = [
    dict(type="CrossEntropyLoss"),
    dict(type="DiceLoss", loss_weight=0.5),
    dict(type="OHEMCrossEntropyLoss"),
    dict(type="OHEMThresholdCrossEntropyLoss"),
]


def binary_model(head, **options):
    return tiny_model(num_classes=2, decode_head=dict(type=head, **SMALL.get(head, {}), out_channels=1, **options))


def test_several_losses_have_weights_and_names_of_their_own():
    logits, labels = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 20, 24))
    values = build_criterion(LOSSES, "loss", num_classes=4)(logits, labels)
    assert list(values) == ["ce", "dice", "ohem", "ohem3"]
    whole = build_criterion(dict(type="DiceLoss"), "loss", num_classes=4)(logits, labels)
    torch.testing.assert_close(values["dice"], 0.5 * whole["dice"])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.long])
def test_labels_that_are_no_class_are_named(dtype):
    labels = torch.tensor([0, 3, 7, 4, IGNORE_INDEX, 7, 200], dtype=dtype).reshape(1, 1, 7)
    criterion = build_criterion(dict(type="CrossEntropyLoss"), "loss", num_classes=4)
    with pytest.raises(DataError, match=r"class ids 4, 7, 200, but there are 4 classes \(0 to 3; 255 is ignored\)"):
        criterion(torch.randn(1, 4, 1, 7), labels)


@pytest.mark.parametrize("head", ["FCNHead", "BiSeNetHead", "EncNetHead", "OCRHead", "UNetHead"])
def test_a_binary_head_of_one_channel_trains(head):
    losses = [dict(type="BCEWithLogitsLoss", pos_weight=2.0), dict(type="DiceLoss"), dict(type="CrossEntropyLoss")]
    model = binary_model(head, loss=losses)
    images, labels = random_batch(2, 33, 47, num_classes=2, ignored_rows=5)
    values = model(images, labels)
    assert {"decode.bce", "decode.dice", "decode.ce"} <= set(values)
    sum(values.values()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]
    assert model.eval()(images).shape[0::2] == (2, 33)


def test_a_binary_head_may_stand_beside_one_of_two_channels():
    model = tiny_model(num_classes=2, auxiliary_head=dict(type="FCNHead", level=-2, out_channels=1))
    images, labels = random_batch(2, 33, 47, num_classes=2)
    assert set(model(images, labels)) == {"decode.ce", "aux.ce"}
    assert model.auxiliary_heads[0].classify.out_channels == 1 and model.decode_head.classify.out_channels == 2


@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_one_channel_learns_what_two_would(loss):
    """The gradient of the log-odds is that of the object's logit."""
    criterion = build_criterion(dict(type=loss), "loss", num_classes=2)
    labels = torch.randint(0, 2, (2, 20, 24))
    odds = torch.randn(2, 1, 5, 6, requires_grad=True)
    both = torch.cat([torch.zeros_like(odds), odds.detach()], dim=1).requires_grad_()
    (one,), (two,) = (torch.autograd.grad(sum(criterion(z, labels).values()), z) for z in (odds, both))
    torch.testing.assert_close(one, two[:, 1:])


@pytest.mark.parametrize(("out_channels", "num_classes", "message"), [(1, 5, "two classes"), (3, 2, "one for each")])
def test_other_numbers_of_channels_are_refused(out_channels, num_classes, message):
    with pytest.raises(ConfigError, match=rf"model\.decode_head\.out_channels: .*{message}"):
        tiny_model(num_classes=num_classes, decode_head=dict(type="FCNHead", out_channels=out_channels))


def test_a_binary_model_keeps_its_channel_when_classes_are_reset():
    model = binary_model("FCNHead")
    before = model.decode_head.convs[0].conv.weight.clone()
    model.reset_classes(2)
    assert model.decode_head.classify.out_channels == 1
    assert torch.equal(model.decode_head.convs[0].conv.weight, before)
    with pytest.raises(ConfigError, match="1 is for data sets of two classes, and there are 3"):
        model.reset_classes(3)


def test_a_head_of_masks_has_the_loss_of_masks(mask_head):
    model = tiny_model(head=mask_head, auxiliary_head=[dict(type="FCNHead", level=-2), dict(type=mask_head)])
    images, labels = random_batch(2, 33, 47, num_classes=5)
    values = model(images, labels)
    names = ("class", "mask", "dice", "earlier")
    assert list(values) == [*(f"decode.{name}" for name in names), "aux0.ce", *(f"aux1.{name}" for name in names)]
    double = tiny_model(decode_head=dict(type=mask_head, loss=dict(type="MaskLoss", loss_weight=2.0, num_points=50)))
    double.load_state_dict(model.state_dict(), strict=False)
    torch.manual_seed(0)
    two = double(images, labels)
    double.criteria[0].weights = (1.0,)
    torch.manual_seed(0)
    torch.testing.assert_close(two, {name: 2 * value for name, value in double(images, labels).items()})


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (dict(loss=dict(type="OHEMCrossEntropyLoss")), "OHEMCrossEntropyLoss takes logits of pixels, and TinyMaskHead"),
        (dict(loss=[dict(type="MaskLoss"), dict(type="DiceLoss")]), "DiceLoss takes logits of pixels"),
        (dict(loss=dict(type="MaskLoss", class_weight="enet")), "class_weight"),
        (dict(out_channels=1), "out_channels: TinyMaskHead predicts masks and their classes; leave this out"),
        (dict(type="FCNHead", loss=dict(type="MaskLoss")), "MaskLoss is for heads that predict masks, and FCNHead"),
    ],
)
def test_losses_of_the_other_kind_of_head_are_refused(mask_head, own, message):
    with pytest.raises(ConfigError, match=message):
        tiny_model(num_classes=2, decode_head=dict(type=mask_head) | own)
