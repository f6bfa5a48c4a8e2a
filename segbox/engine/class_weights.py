"""Class weights computed from the training set, for losses whose class_weight names a rule."""

import logging

from segbox.data.datasets.dataset import SegDataset
from segbox.data.statistics import RULES, all_weights, class_pixels
from segbox.errors import ConfigError, did_you_mean

logger = logging.getLogger("segbox")
AUTO = "enet"  # its weights are bounded: a class of a hundred pixels does not outweigh the others


def check_rule(rule: str) -> None:
    known = ["auto", *RULES]
    if rule not in known:
        raise ConfigError(
            f"class_weight: there is no rule {rule!r}.{did_you_mean(rule, known)} Rules: {', '.join(known)}; or give"
            " one number per class"
        )


class ClassWeights:
    """`weights("enet")` gives one number per class, by the rules of `segbox check`. All labels are read once."""

    def __init__(self, dataset: SegDataset, workers: int) -> None:
        self.dataset = dataset
        self.workers = workers
        self.by_rule: dict[str, list[float]] = {}

    def __call__(self, rule: str) -> list[float]:
        check_rule(rule)
        if not self.by_rule:
            self.by_rule = self._count()
        name = AUTO if rule == "auto" else rule
        weights = self.by_rule[name]
        logger.info("class weights (%s): %s", name, ", ".join(f"{w:.3g}" for w in weights))
        return weights

    def _count(self) -> dict[str, list[float]]:
        logger.info("counting the classes of %d labels", len(self.dataset))
        pixels, where_present = class_pixels(self.dataset, self.workers)
        return {rule: weights.tolist() for rule, weights in all_weights(pixels, where_present).items()}
