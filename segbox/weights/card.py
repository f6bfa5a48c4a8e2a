"""What is written with pretrained weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """How the images were normalised that a backbone's pretrained weights were trained on, as their authors say.

    `is_binding`: the backbone has these weights, and its config asks to be held to their numbers.
    """

    name: str
    mean: tuple[float, ...]  # of RGB bytes
    std: tuple[float, ...]
    is_binding: bool = False
