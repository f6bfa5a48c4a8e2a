"""Mutants of losses, of inference and of what models share besides their parts."""

from tests.mutants.mutant import Mutant, in_file

TRUTH = "tests/models/losses/test_truth.py"
API = "tests/models/test_model_api.py"


def loss(file: str, tests: str, rows: list[tuple[str, ...]]) -> list[Mutant]:
    return in_file(f"models/losses/{file}.py", f"{TRUTH} -k '{tests}'", rows)


OF_LOSSES = [
    *loss("cross_entropy", "cross_entropy or weights", [
        ("cross entropy: no smoothing", "label_smoothing=self.label_smoothing", "label_smoothing=0.0"),
        ("cross entropy: the mean over pixels, not weights",
         "mean_over_pixels(total, weights.sum())", "mean_over_pixels(total, (labels != self.ignore_index).sum())"),
        ("cross entropy: adjusted the other way", "logits + self.adjustment if", "logits - self.adjustment if"),
    ]),
    *loss("dice", "dice", [
        ("Dice: no smooth", "predicted + target + self.smooth", "predicted + target + 1e-9"),
        ("Dice: half the overlap", "- 2 * both", "- both"),
        ("Dice: never squared", "self.per_image, self.square", "self.per_image, False"),
    ]),
    *loss("tversky", "tversky", [
        ("Tversky: alpha and beta change places", "self.alpha * (predicted - both) + self.beta * (target - both)",
         "self.beta * (predicted - both) + self.alpha * (target - both)"),
        ("Tversky: no smooth", "both + wrong + self.smooth", "both + wrong + 1e-9"),
    ]),
    *loss("focal", "focal", [
        ("focal: no gamma", "weights * error**self.gamma", "weights"),
        ("focal: gamma squared", "error**self.gamma", "error**(self.gamma * 2)"),
        ("focal: no weights", "weights * error**self.gamma", "(weights > 0) * error**self.gamma"),
    ]),
    *in_file("models/losses/focal.py", "tests/models/losses/test_surprise.py -k focal", [
        ("focal: the slope of cross entropy", "power * (1 + self.gamma * surprises * (1 - error) / error)", "power"),
    ]),
    *in_file("models/losses/spans.py", "tests/models/losses/test_surprise.py", [
        ("spans: logits are not shifted", "(logits - logits.amax(dim=0)).movedim", "logits.movedim"),
        ("spans: the last row of the logits is lost", "rows, rows[-1:]]", "rows, rows[:1]]"),
        ("spans: the gradient of the first row is lost", "    total[1] += total[0]\n", ""),
        ("spans: the ratio of a whole span", "change.mul_(self.step).exp_()", "change.exp_()"),
        ("spans: shrunk logits", "all(a <= b for", "any(a <= b for"),
        ("spans: both rows weigh the same", "[1 - share, share]", "[share, share]"),
    ]),
    *in_file("models/losses/surprise.py", "tests/models/losses/test_surprise.py", [
        ("surprise: no limit", "< WIDEST", "< 10 * WIDEST"),
        ("surprise: the label has no gradient", ".scatter_add_(2, label, -slope)", ""),
        ("surprise: pixels of weight 0 keep their label", "spans.of_spans(labels.where(weights != 0, 0))",
         "spans.of_spans(labels)"),
        ("surprise: labels of pixels of weight 0, at the labels' size", "label.where(weight != 0, 0).long()",
         "label.long()"),
        ("surprise: the label has no gradient at the labels' size", ".scatter_add_(dim, label, -slope)", ""),
    ]),
    *in_file("evaluation/full_size.py", "tests/evaluation/test_full_size.py", [
        ("class maps: NaN at full size", "if not (found == SEVERAL).any():", "if True:"),
        ("class maps: the sum of logits of windows", "part.softmax(dim=0) for part", "part for part"),
        ("class maps: the first band alone", "for top in range(rows.start, rows.stop, most)",
         "for top in [rows.start]"),
    ]),
    *loss("lovasz", "lovasz", [
        ("Lovász: the smallest errors first", ".sort(descending=True)", ".sort()"),
        ("Lovász: the target is not sorted along", "target[order]", "target"),
        ("Lovász: the hinge at zero", "torch.relu(1 - torch.where", "torch.relu(torch.where"),
        ("Lovász: correct predictions count as errors", "torch.where(target, 1 - scores, scores)",
         "torch.where(target, scores, 1 - scores)"),
        ("Lovász: rows begin at a border", "start = stride // 2", "start = 0"),
    ]),
    *loss("bce_with_logits", "binary", [
        ("BCE: no pos_weight", "pos_weight=weight", "pos_weight=None"),
        ("BCE: ignored pixels are background", "losses.where(valid, 0)", "losses"),
    ]),
    *loss("boundary", "boundary", [
        ("boundary: distances from inside begin at 1", "1 - distance_to(outside)", "-distance_to(outside)"),
        ("boundary: no distances inside", "1 - distance_to(outside)", "0 * distance_to(outside)"),
        ("boundary: city-block distances", "cv2.DIST_L2", "cv2.DIST_L1"),
    ]),
    *loss("soft_cross_entropy", "soft", [
        ("soft cross entropy: no weights",
         "targets.to(logits.dtype) * self.class_weight.to(logits.dtype)[:, None, None]",
         "targets.to(logits.dtype)"),
        ("soft cross entropy: the easiest pixels", "mass.where(hardest(", "mass.where(~hardest("),
    ]),
    *loss("ohem_threshold", "threshold", [
        ("OHEM by threshold: easy pixels", "~(surprises < limit)", "(surprises < limit)"),
        ("OHEM by threshold: no fewest", "torch.minimum(limit, largest(surprises, valid, rank))", "limit * 1"),
        ("OHEM by threshold: the threshold is the loss's", "-math.log(self.threshold), dtype",
         "self.threshold, dtype"),
    ]),
    *loss("hardest", "hard", [
        ("hardest: ties are left out", "losses < largest(", "losses <= largest("),
        ("hardest: half of the share", "valid.sum().double() * ratio", "valid.sum().double() * ratio / 2"),
    ]),
    *loss("regions", "dice or tversky", [
        ("regions: classes that no pixel has count too", 'present if classes == "present" else',
         "torch.ones_like(present) if True else"),
        ("regions: the background counts of two classes", "1 if len(names) == 2 else 0", "0"),
        ("regions: the batch for each image", "1 if per_image else len(labels)", "len(labels)"),
        ("regions: ignored pixels count", ".where(valid, 0)\n", "\n"),
    ]),
    *in_file("models/losses/pixels.py", f"{TRUTH} tests/models/losses/test_criterion.py", [
        ("one channel: the other class", "torch.cat([torch.zeros_like(logits), logits], dim=1)",
         "torch.cat([logits, torch.zeros_like(logits)], dim=1)"),
        ("log odds: the other sign", "logits[:, 1:] - logits[:, :1]", "logits[:, :1] - logits[:, 1:]"),
        ("ids that are no class pass", "if strange:", "if False:"),
    ]),
    *in_file("models/losses/banded.py", "tests/models/losses/test_banded.py", [
        ("bands: gradients are not scaled", "gradient * grad_total", "gradient"),
        ("bands: the last band's gradient alone", "band.source_rows(gradient).add_(gradient_of_band)",
         "band.source_rows(gradient).copy_(gradient_of_band)"),
    ]),
    *in_file("evaluation/inference.py", "tests/evaluation/test_inference.py tests/property/test_windows.py", [
        ("windows: the last one is not moved back", "min(i * stride, length - window)", "i * stride"),
        ("windows: one too few", "-(-(length - window) // stride)) + 1", "(length - window) // stride) + 1"),
        ("flip: the mirror image is not turned back", "is_mirrored=True", "is_mirrored=False"),
        ("flip: the image twice", "predict(images.flip(-1))", "predict(images)"),
        ("windows: the stride is the window", "(max(1, height * 2 // 3), max(1, width * 2 // 3))", "(height, width)"),
        ("scales: the first alone", "for scale in sorted(scales, reverse=True):",
         "for scale in sorted(scales, reverse=True)[:1]:"),
        ("scales: the base size is the shorter side's", "base_size / max(height, width)",
         "base_size / min(height, width)"),
        ("padding: no cropping", "return CroppedMap(predict(larger), size, (height, width))", "return predict(larger)"),
    ]),
    *in_file("evaluation/class_maps.py", "tests/evaluation/test_class_maps.py", [
        ("class maps: only one neighbour is looked at", "is_above[0] | is_above[1] | is_above[2] | is_above[3]",
         "is_above[0]"),
        ("class maps: the last of equal classes", "(255 - torch.arange(256))", "(1 + torch.arange(256))"),
        ("class maps: windows are not divided by their sums", "total.addcmul_(p, first_sums / sums)",
         "total.add_(p)"),
        ("class maps: windows that differ are not added up", "differ |= first != other", "pass"),
        ("class maps: pixels are added up without weights", "per_sample_weights=own", "per_sample_weights=own * 0 + 1"),
        ("class maps: the least of many classes", "values.numpy().argmax(axis=1)", "values.numpy().argmin(axis=1)"),
    ]),
    *in_file("evaluation/class_maps.py", "tests/evaluation/test_class_maps.py -k blocks_end", [
        ("class maps: blocks of any number of rows", "if end + step - begin > most:", "if end - begin > most:"),
    ]),
    *in_file("models/losses/spans.py", "tests/models/losses/test_spans.py", [
        ("spans: rows before a span that begins late", "share[0] > (missing - 0.01) * step", "True"),
        ("spans: the first is filled up at its end", "offsets[0] -= missing", "pass"),
    ]),
    *in_file("evaluation/score_map.py", "tests/evaluation/test_class_maps.py -k 'not_finite or other_sizes'", [
        ("class maps: logits that are not finite", "spread_of(self.logits) < widest", "True"),
        ("class maps: windows at another size", "tuple(size) != self.shape[2:] or not all(", "not all("),
    ]),
    *in_file("evaluation/score_map.py", "tests/evaluation/test_inference.py", [
        ("scores: windows are summed as logits", "+= inside.softmax(dim=3)", "+= inside.exp()"),
        ("scores: the least probable class", "logits.max(dim=3).indices", "logits.min(dim=3).indices"),
        ("scores: no softmax in probabilities", "result[..., band, :] = logits.softmax(dim=3).movedim(3, 1)",
         "result[..., band, :] = logits.movedim(3, 1)"),
    ]),
    *in_file("models/encoder_decoder.py", "tests/models/test_heads_numerics.py -k torchvision", [
        ("images are not normalised by std", "(images - self.mean) / self.std", "(images - self.mean)"),
        ("images are not normalised by mean", "(images - self.mean) / self.std", "images / self.std"),
    ]),
    *in_file("models/freezing.py", f"{API} -k 'froz or freez'", [
        ("frozen parts train", "module.eval()\n", "module.train()\n"),
        ("frozen statistics change", "norm.eval()", "norm.train()"),
    ]),
    *in_file("models/norms.py", f"{API} tests/test_distributed.py -k 'norm and not sync'", [
        ("group norm: scale and shift begin anew", 'new.load_state_dict({"weight": norm.weight, "bias": norm.bias})',
         "pass"),
        ("group norm: one group", "math.gcd(GROUPS, norm.num_features)", "1"),
        ("shared norm: unweighted means", "mean = (counts * means).sum(dim=0) / total", "mean = means.mean(dim=0)"),
        ("shared norm: biased variance", "unbiased = variance * total / (total - 1)", "unbiased = variance"),
        ("shared norm: no gradient through the variance", "- normal * along_channels(slope, normal)", ""),
    ]),
    *in_file("models/precise_batch_norm.py", f"{API} -k precise", [
        ("precise statistics: the last batch's", "variance += norm.running_var", "variance.copy_(norm.running_var)"),
    ]),
    *in_file("weights/input_channels.py", f"{API} -k first_convolution", [
        ("RGB weights: mean for one channel", "weight.sum(dim=1, keepdim=True)", "weight.mean(dim=1, keepdim=True)"),
        ("RGB weights: not scaled", " * (3 / channels)", ""),
    ]),
    *in_file("models/criterion.py", f"tests/models/losses/test_criterion.py {API} -k 'weights or reset'", [
        ("criterion: no loss weights", "weight * value", "value"),
        ("criterion: losses of one name replace each other", 'f"{name}{i}"', "name"),
    ]),
    *in_file("models/losses/hausdorff.py", "tests/models/losses -k 'Hausdorff or hausdorff'", [
        ("Hausdorff: the labels' border alone", "for each in known)", "for each in known[:1])"),
        ("Hausdorff: ignored pixels have borders", "inside & valid, ~inside & valid", "inside, ~inside"),
        ("Hausdorff: the most probable class", "probability > SURE", "probability > 0"),
    ]),
    *in_file("models/losses/huber.py", "tests/models/losses -k 'Huber or huber'", [
        ("Huber: squares everywhere", "delta=self.delta)", "delta=9.0)"),
    ]),
]  # fmt: skip
