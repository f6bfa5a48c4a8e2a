"""Each loss against a plain loop over pixels, written from its paper's formula."""

import math
from itertools import pairwise

import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.registry import LOSSES

WEIGHTS = [0.5, 2.0, 1.5, 0.25, 1.0]


def make(num_classes=5, absent=None, seed=0, batch=2):
    """Logits of the labels' size; a third of the pixels are ignored."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, num_classes, 6, 7, generator=generator, dtype=torch.double) * 2
    labels = torch.randint(0, num_classes, (batch, 6, 7), generator=generator, dtype=torch.uint8)
    if absent is not None:
        labels[labels == absent] = (absent + 1) % num_classes
    labels[torch.rand(labels.shape, generator=generator) < 0.33] = IGNORE_INDEX
    return logits, labels


def pixels(logits, labels):
    """(logits of the classes, label) of the valid pixels, as plain numbers."""
    rows = logits.movedim(1, -1).reshape(-1, logits.shape[1]).tolist()
    return [(z, y) for z, y in zip(rows, labels.flatten().tolist()) if y != IGNORE_INDEX]


def softmax(z):
    total = sum(math.exp(v) for v in z)
    return [math.exp(v) / total for v in z]


def check(name, logits, labels, expected, **options):
    loss = LOSSES.build(dict(type=name, **options), num_classes=max(2, logits.shape[1]))
    assert loss(logits, labels).item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(weight, smoothing):
    logits, labels = make()
    w = weight or [1.0] * 5
    total = mass = 0.0
    for z, y in pixels(logits, labels):
        surprise = [-math.log(p) for p in softmax(z)]
        total += (1 - smoothing) * w[y] * surprise[y] + smoothing / 5 * sum(a * b for a, b in zip(w, surprise))
        mass += w[y]
    check("CrossEntropyLoss", logits, labels, total / mass, class_weight=weight, label_smoothing=smoothing)


@pytest.mark.parametrize("adjustment", [0.0, 0.5, 1.0])
def test_logit_adjustment_takes_class_weights_back_from_the_best_probabilities(adjustment):
    """Where all pixels look alike, the best probabilities are shares times what is left of the weights."""
    labels = torch.tensor([0] * 6 + [1] * 3 + [2] + [4] * 2).view(1, 3, 4)  # none of class 3
    weight = [0.5, 2.0, 4.0, 0.0, 1.0]
    best = torch.tensor([6.0, 3.0, 1.0, 1e-30, 2.0]) * torch.tensor(
        [w ** (1 - adjustment) if w else 1.0 for w in weight]
    )
    logits = best.double().log().view(1, 5, 1, 1).expand(1, 5, 3, 4).clone().requires_grad_()
    loss = LOSSES.build(dict(type="CrossEntropyLoss", class_weight=weight, logit_adjustment=adjustment), num_classes=5)
    loss(logits, labels).backward()
    torch.testing.assert_close(logits.grad.sum(dim=(0, 2, 3)), torch.zeros(5).double(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("ratio", [0.001, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", ["OHEMCrossEntropyLoss", "SoftCrossEntropyLoss"])
def test_hard_pixels_by_ratio(name, ratio, weight):
    logits, labels = make()
    w = weight or [1.0] * 5
    losses = sorted(((-w[y] * math.log(softmax(z)[y]), w[y]) for z, y in pixels(logits, labels)), reverse=True)
    kept = losses[: max(1, int(len(losses) * ratio))]
    expected = sum(loss for loss, _ in kept) / sum(mass for _, mass in kept)
    key = "ratio" if name.startswith("OHEM") else "ohem_ratio"
    check(name, logits, labels, expected, class_weight=weight, **{key: ratio})


def test_pixels_that_tie_with_the_easiest_hard_one_count():
    logits = torch.tensor([0.0, 0.0, 0.0, 9.0]).reshape(1, 1, 2, 2)
    labels = torch.ones(1, 2, 2, dtype=torch.long)
    check("OHEMCrossEntropyLoss", logits, labels, math.log(2), ratio=0.5)
    loss = LOSSES.build(dict(type="OHEMCrossEntropyLoss", ratio=0.5), num_classes=2)
    logits.requires_grad_()
    loss(logits, labels).backward()
    assert logits.grad.flatten().tolist() == pytest.approx([-1 / 6, -1 / 6, -1 / 6, 0])


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("min_kept", [0, 3, 10, 1 / 16, 0.5, 1000])
@pytest.mark.parametrize("threshold", [1e-4, 0.05, 0.7])
def test_hard_pixels_by_threshold(threshold, min_kept, weight):
    logits, labels = make()
    w = weight or [1.0] * 5
    chances = sorted((softmax(z)[y], w[y]) for z, y in pixels(logits, labels))
    fewest = int(min_kept * 84) if min_kept < 1 else min_kept * 2
    if fewest >= len(chances):
        kept = chances
    else:
        limit = max(threshold, chances[fewest - 1][0]) if fewest else threshold
        kept = [pair for pair in chances if pair[0] <= limit + 1e-6]
    expected = -sum(mass * math.log(p) for p, mass in kept) / (sum(mass for _, mass in kept) or 1)
    options = dict(threshold=threshold, min_kept=min_kept, class_weight=weight)
    check("OHEMThresholdCrossEntropyLoss", logits, labels, expected, **options)


def test_no_pixel_below_the_threshold_is_nothing_to_learn():
    logits = torch.tensor([9.0, 9.0]).reshape(1, 1, 1, 2)
    check("OHEMThresholdCrossEntropyLoss", logits, torch.ones(1, 1, 2), 0.0, min_kept=0)


@pytest.mark.parametrize("ratio", [1.0, 0.4])
@pytest.mark.parametrize("pos_weight", [1.0, 3.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_binary_cross_entropy(channels, pos_weight, ratio):
    logits, labels = make(2)
    logits = logits[:, :channels]
    losses = []
    for z, y in pixels(logits, labels):
        p = 1 / (1 + math.exp(-(z[0] if channels == 1 else z[1] - z[0])))
        losses.append(-pos_weight * math.log(p) if y == 1 else -math.log(1 - p))
    kept = sorted(losses, reverse=True)[: int(len(losses) * ratio)]
    check("BCEWithLogitsLoss", logits, labels, sum(kept) / len(kept), pos_weight=pos_weight, ohem_ratio=ratio)


@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_soft_cross_entropy(ratio):
    logits, labels = make()
    targets = torch.rand(logits.shape, dtype=torch.double).softmax(dim=1)
    targets[(labels == IGNORE_INDEX)[:, None].expand_as(targets)] = 0
    flat = zip(*(each.movedim(1, -1).reshape(-1, 5).tolist() for each in (logits, targets)))
    losses = [-sum(a * math.log(b) for a, b in zip(t, softmax(z))) for z, t in flat if any(t)]
    kept = sorted(losses, reverse=True)[: int(len(losses) * ratio)]
    check("SoftCrossEntropyLoss", logits, targets, sum(kept) / len(kept), ohem_ratio=ratio)


def test_soft_targets_that_are_all_zero_have_no_gradient():
    logits, labels = make()
    logits.requires_grad_()
    targets = torch.rand(logits.shape).softmax(dim=1) * (labels != IGNORE_INDEX)[:, None]
    loss = LOSSES.build(dict(type="SoftCrossEntropyLoss"), num_classes=5)
    loss(logits, targets).backward()
    assert not logits.grad.movedim(1, -1)[labels == IGNORE_INDEX].any()
    logits.grad = None
    value = loss(logits, 0 * targets)
    value.backward()
    assert value == 0 and not logits.grad.any()
    with pytest.raises(ValueError, match="3 probabilities for 5"):
        loss(logits, targets[:, :3])


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma, weight):
    logits, labels = make()
    w = weight or [1.0] * 5
    chances = [(softmax(z)[y], w[y]) for z, y in pixels(logits, labels)]
    expected = -sum(m * (1 - p) ** gamma * math.log(p) for p, m in chances) / sum(m for _, m in chances)
    check("FocalLoss", logits, labels, expected, gamma=gamma, class_weight=weight)


def test_focal_of_one_channel_is_the_sigmoid_form():
    logits, labels = make(2)
    logits, alpha = logits[:, :1], 0.25
    total = mass = 0.0
    for (z,), y in pixels(logits, labels):
        p = 1 / (1 + math.exp(-z))
        p, a = (p, alpha) if y == 1 else (1 - p, 1 - alpha)
        total -= a * (1 - p) ** 2 * math.log(p)
        mass += a
    check("FocalLoss", logits, labels, total / mass, class_weight=[1 - alpha, alpha])


def region_loss(some, num_classes, classes, weight, score):
    """The weighted mean of `score(p of the class, truth)` over classes; None if none of them counts."""
    if not some:
        return None
    guesses = [softmax(z) for z, _ in some]
    present = {y for _, y in some}
    named = range(1 if num_classes == 2 else 0, num_classes) if isinstance(classes, str) else classes
    chosen = [c for c in named if classes != "present" or c in present]
    if not chosen:
        return None
    losses = [weight[c] * score([p[c] for p in guesses], [float(y == c) for _, y in some]) for c in chosen]
    return sum(losses) / sum(weight[c] for c in chosen)


def mean_of_groups(logits, labels, per_image, *arguments):
    """Over the batch as one, or over those images that have something."""
    size = 1 if per_image else len(logits)
    values = [region_loss(pixels(*g), logits.shape[1], *arguments) for g in zip(logits.split(size), labels.split(size))]
    values = [value for value in values if value is not None]
    return sum(values) / len(values)


region_cases = pytest.mark.parametrize(
    ("num_classes", "absent", "classes", "weight", "per_image"),
    [
        (5, None, "present", None, False),
        (5, 3, "present", None, False),
        (5, 3, "all", WEIGHTS, False),
        (5, 3, "present", WEIGHTS, True),
        (5, 3, [3, 1], WEIGHTS, True),
        (2, None, "present", None, False),
        (2, 1, "all", None, True),
        (2, None, [0, 1], [1.0, 3.0], False),
    ],
)


@region_cases
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_dice(num_classes, absent, classes, weight, per_image, smooth, square):
    logits, labels = make(num_classes, absent)

    def score(p, t):
        both, sizes = sum(a * b for a, b in zip(p, t)), sum(a**2 if square else a for a in p) + sum(t)
        return 1 - (2 * both + smooth) / (sizes + smooth)

    expected = mean_of_groups(logits, labels, per_image, classes, weight or [1.0] * num_classes, score)
    options = dict(classes=classes, class_weight=weight, per_image=per_image)
    check("DiceLoss", logits, labels, expected, smooth=smooth, square=square, **options)


@region_cases
def test_tversky(num_classes, absent, classes, weight, per_image):
    logits, labels = make(num_classes, absent)

    def score(p, t):
        hits = sum(a * b for a, b in zip(p, t))
        false_alarms, misses = sum(a * (1 - b) for a, b in zip(p, t)), sum((1 - a) * b for a, b in zip(p, t))
        return 1 - (hits + 0.5) / (hits + 0.2 * false_alarms + 0.8 * misses + 0.5)

    expected = mean_of_groups(logits, labels, per_image, classes, weight or [1.0] * num_classes, score)
    options = dict(classes=classes, class_weight=weight, per_image=per_image)
    check("TverskyLoss", logits, labels, expected, alpha=0.2, beta=0.8, smooth=0.5, **options)


def jaccard_loss(wrong, truth):
    """1 - IoU of a guess that differs from the truth at the pixels `wrong`."""
    guess = [t != (i in wrong) for i, t in enumerate(truth)]
    both = sum(g and t for g, t in zip(guess, truth))
    either = sum(g or t for g, t in zip(guess, truth))
    return 1 - both / either if either else 0.0


def lovasz_extension(errors, truth):
    """Σ m_i (Δ of the i largest errors - Δ of the i - 1 largest), the definition."""
    truth = [bool(t) for t in truth]
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    steps = [jaccard_loss(set(order[:i]), truth) for i in range(len(errors) + 1)]
    return sum(errors[i] * (b - a) for i, (a, b) in zip(order, pairwise(steps)))


@region_cases
def test_lovasz_softmax(num_classes, absent, classes, weight, per_image):
    logits, labels = make(num_classes, absent)

    def score(p, t):
        return lovasz_extension([abs(a - b) for a, b in zip(p, t)], t)

    expected = mean_of_groups(logits, labels, per_image, classes, weight or [1.0] * num_classes, score)
    check("LovaszLoss", logits, labels, expected, classes=classes, class_weight=weight, per_image=per_image)


@pytest.mark.parametrize("absent", [None, 1])
def test_lovasz_hinge(absent):
    logits, labels = make(2, absent)
    some = pixels(logits[:, :1], labels)
    errors = [max(0.0, 1 - (z if y == 1 else -z)) for (z,), y in some]
    expected = lovasz_extension(errors, [y == 1 for _, y in some])
    check("LovaszLoss", logits[:, :1], labels, expected, form="hinge", classes="all")
    check("LovaszLoss", logits[:, :1], labels, expected if absent is None else 0, form="hinge")


@pytest.mark.parametrize("stride", [2, 3])
def test_lovasz_of_some_rows_and_columns(stride):
    logits, labels = make(4)
    some = slice(stride // 2, None, stride)
    expected = LOSSES.build(dict(type="LovaszLoss"), num_classes=4)(logits[..., some, some], labels[..., some, some])
    check("LovaszLoss", logits, labels, expected.item(), stride=stride)


def distance(at, where):
    return min(math.dist(at, other) for other in where)


@pytest.mark.parametrize("classes", ["present", "all", [0, 3]], ids=str)
@pytest.mark.parametrize(("num_classes", "absent"), [(5, None), (5, 3), (2, None), (2, 1)])
def test_boundary(num_classes, absent, classes):
    logits, labels = make(num_classes, absent)
    classes = [0, 1] if num_classes == 2 and isinstance(classes, list) else classes
    everywhere = {y for _, y in pixels(logits, labels)}
    named = range(1 if num_classes == 2 else 0, num_classes) if isinstance(classes, str) else classes
    chosen = [c for c in named if classes != "present" or c in everywhere]
    total, count = 0.0, 0
    for z, own in zip(logits, labels.tolist()):
        places = {(i, j): y for i, row in enumerate(own) for j, y in enumerate(row) if y != IGNORE_INDEX}
        count += len(places)
        for c in chosen:
            inside = [at for at, y in places.items() if y == c]
            outside = [at for at, y in places.items() if y != c]
            if inside and outside:
                for at, y in places.items():
                    far = 1 - distance(at, outside) if y == c else distance(at, inside)
                    total += far * softmax(z[:, at[0], at[1]].tolist())[c]
    check("BoundaryLoss", logits, labels, total / (count * len(chosen)) if chosen else 0.0, classes=classes)


@pytest.mark.parametrize(("num_classes", "absent", "alpha"), [(4, None, 2.0), (4, 3, 1.0), (2, None, 2.0), (2, 1, 2.0)])
def test_hausdorff(num_classes, absent, alpha):
    logits, labels = make(num_classes, absent)
    everywhere = {y for _, y in pixels(logits, labels)}
    chosen = [c for c in range(1 if num_classes == 2 else 0, num_classes) if c in everywhere]
    total, count = 0.0, 0
    for z, own in zip(logits, labels.tolist()):
        truth = {(i, j): y for i, row in enumerate(own) for j, y in enumerate(row) if y != IGNORE_INDEX}
        p = {at: softmax(z[:, at[0], at[1]].tolist()) for at in truth}
        count += len(truth)
        for c in chosen:
            far = dict.fromkeys(truth, 0.0)
            for is_in in ({at: y == c for at, y in truth.items()}, {at: p[at][c] > 0.5 for at in truth}):
                inside, outside = [at for at in truth if is_in[at]], [at for at in truth if not is_in[at]]
                if inside and outside:
                    for at in truth:
                        far[at] += distance(at, outside if is_in[at] else inside) ** alpha
            total += sum((p[at][c] - (truth[at] == c)) ** 2 * far[at] for at in truth)
    check("HausdorffLoss", logits, labels, total / (count * len(chosen)) if chosen else 0.0, alpha=alpha)


@pytest.mark.parametrize("delta", [0.2, 1.0])
def test_huber(delta):
    logits, labels = make(4)
    some = pixels(logits, labels)
    errors = [abs(p - (c == y)) for z, y in some for c, p in enumerate(softmax(z))]
    expected = sum(e * e / 2 if e <= delta else delta * (e - delta / 2) for e in errors) / len(some)
    check("HuberLoss", logits, labels, expected, delta=delta)
