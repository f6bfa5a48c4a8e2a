"""The loss of masks written a second time: one binary mask after the other, grid_sample, all assignments tried."""

from itertools import permutations

import torch
import torch.nn.functional as F

from segbox import IGNORE_INDEX


def same_points(count, number, two, device=None):
    """In place of torch.rand: the points depend on their number alone."""
    generator = torch.Generator().manual_seed(number)
    return torch.empty(1, number, two, device=device).uniform_(generator=generator).repeat(count, 1, 1)


def read(map, points):
    """h w at P 2."""
    points = 2 * points[None, :, None].to(map.dtype) - 1
    return F.grid_sample(map[None, None], points, align_corners=False).flatten()


def sized(map, size, mode):
    return F.interpolate(map[None, None], size, mode=mode).flatten()


def seen(mask, target, ignored, place, void):
    """The logits and the target where both are compared: at points, or at the pixels of the mask or of the target."""
    if place is None:
        mask = sized(mask, target.shape, "bilinear")
        target, ignored = target.flatten(), ignored.flatten()
    elif place == "small":
        target, ignored = (sized(x, mask.shape, "nearest") for x in (target, ignored))
        mask = mask.flatten()
    else:
        mask, target, ignored = (read(x, place) for x in (mask, target, ignored))
    keep = (ignored == 0) | (void == "background")
    return mask[keep], target[keep]


def mask_terms(logits, target, form):
    """The mean loss of points and the dice loss of one mask, P each."""
    p = logits.sigmoid()
    inside, outside = -p.log(), -(1 - p).log()
    if form == "focal":
        inside, outside = 0.25 * (1 - p) ** 2 * inside, 0.75 * p**2 * outside
    each = target * inside + (1 - target) * outside
    return each.mean(), 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


def cheapest(costs):
    """Q T -> the query of each target."""
    targets = costs.shape[1]
    return min(permutations(range(len(costs)), targets), key=lambda own: sum(costs[q, t] for t, q in enumerate(own)))


def naive(layers, labels, num_classes, num_points=12, form="bce", void="ignore"):
    """Weights 2, 5, 5 and 0.1; 3 times as many points drawn, 0.75 of them the most uncertain."""
    sums = [naive_layer(*own, labels, num_classes, num_points, form, void) for own in layers]
    last, earlier = sums[-1], sums[:-1]
    return last | ({"earlier": sum(sum(own.values()) for own in earlier)} if earlier else {})


def naive_layer(classes, masks, labels, num_classes, num_points, form, void):
    total, mass, points, dice, count = 0.0, 0.0, 0.0, 0.0, 0
    for own_classes, own_masks, own_labels in zip(classes, masks, labels):
        ids = [i for i in range(num_classes) if (own_labels == i).any()]
        if not ids and void == "ignore":
            continue
        count += len(ids)
        targets = [(own_labels == i).to(masks.dtype) for i in ids]
        ignored = (own_labels == IGNORE_INDEX).to(masks.dtype)
        uniform = "small" if num_points is None else same_points(1, num_points, 2)[0]
        queries = cheapest(naive_costs(own_classes, own_masks, ids, targets, ignored, uniform, form, void))
        wanted = torch.full((len(own_masks),), num_classes)
        for i, target, q in zip(ids, targets, queries):
            wanted[q] = i
            place = None if num_points is None else uncertain(own_masks[q].detach(), ignored, num_points, void)
            parts = mask_terms(*seen(own_masks[q], target, ignored, place, void), form)
            points, dice = points + parts[0], dice + parts[1]
        weights = torch.where(wanted == num_classes, 0.1, 1.0)
        total += (F.cross_entropy(own_classes, wanted, reduction="none") * weights).sum()
        mass += weights.sum()
    return {"class": 2 * total / mass, "mask": 5 * points / max(1, count), "dice": 5 * dice / max(1, count)}


def naive_costs(classes, masks, ids, targets, ignored, place, form, void):
    costs = torch.zeros(len(masks), len(ids))
    for q, mask in enumerate(masks.detach()):
        for t, (i, target) in enumerate(zip(ids, targets)):
            point, dice = mask_terms(*seen(mask, target, ignored, place, void), form)
            costs[q, t] = -2 * classes[q].softmax(0)[i] + 5 * point + 5 * dice
    return costs


def uncertain(mask, ignored, num_points, void):
    """The 3/4 points with the smallest logits, ignored ones last, and 1/4 others."""
    drawn = same_points(1, 3 * num_points, 2)[0]
    doubt = read(mask, drawn).abs()
    doubt[(read(ignored, drawn) > 0) & (void == "ignore")] = torch.inf
    few = 3 * num_points // 4
    return torch.cat([drawn[doubt.argsort()[:few]], same_points(1, num_points - few, 2)[0]])
