"""What PointRend's head is trained on: the labels and the places of its points."""

import torch

from segbox.models.heads.pointrend import labels_at, uncertain_points

LABELS = torch.arange(12).view(1, 3, 4)


def test_points_have_the_label_of_their_pixel():
    points = torch.tensor([[[0.0, 0.0], [0.26, 0.3], [0.99, 0.5], [1.0, 1.0]]])  # x, y
    assert labels_at(LABELS, points)[0, :, 0].tolist() == [0, 1, 7, 11]


def test_points_have_the_probabilities_of_their_pixel():
    probabilities = torch.stack([LABELS, 20 + LABELS], dim=1)
    assert labels_at(probabilities, torch.tensor([[[0.6, 0.9]]]))[0, :, :, 0].tolist() == [[10], [30]]


def test_most_points_lie_where_two_classes_are_equal():
    torch.manual_seed(0)  # at the border, where the map is half 0, others are uncertain too
    logits = torch.linspace(-1, 1, 64).expand(64, 64)  # two classes, equal in the middle column
    points = uncertain_points(torch.stack([logits, -logits])[None], 100, 300, 75)
    far = (points[0, :, 0] - 0.5).abs()
    assert (far[:75] < 0.2).all() and (far[75:] > 0.2).any()


def test_a_single_logit_is_uncertain_near_zero():
    logits = torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)
    assert ((uncertain_points(logits, 40, 400, 40)[0, :, 0] - 0.5).abs() < 0.1).all()
