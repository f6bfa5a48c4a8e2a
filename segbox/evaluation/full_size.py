"""The most probable class of each pixel, on a CPU, where logits have the size of the class map, as those of U-Nets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from segbox.data.class_names import check_count
from segbox.evaluation.class_maps import SEVERAL, between_ends, largest
from segbox.models.losses.banded import floats_per_band


@dataclass(frozen=True)
class Piece:
    """Logits K h w of the pixels of a class map whose upper left corner is at y, x."""

    logits: Tensor
    y: int
    x: int

    def inside(self, size: Sequence[int]) -> tuple[slice, slice]:
        """Its rows and columns, as far as they are inside of the class map."""
        return tuple(
            slice(min(max(0, begin), most), min(max(0, begin + own), most))
            for begin, own, most in zip((self.y, self.x), self.logits.shape[1:], size, strict=True)
        )

    def at(self, rows: slice, columns: slice) -> Tensor:
        """Its part of the class map's rows and columns; empty where it does not cover them."""
        (top, bottom), (left, right) = ((own.start, own.stop) for own in (rows, columns))
        if not (self.y <= top < self.y + self.logits.shape[1] and self.x <= left < self.x + self.logits.shape[2]):
            return self.logits[:, :0]
        return self.logits[:, top - self.y : bottom - self.y, left - self.x : right - self.x].detach().float()


def classes_of_logits(logits: Tensor) -> Tensor:
    """B K H W -> B H W, bytes. Where classes are not the last in memory, `largest` is several times as fast as argmax;
    it knows no NaN."""
    check_count(logits.shape[1], "the model")
    if logits.stride(1) != 1:
        ids = torch.arange(logits.shape[1])
        bands = logits.detach().split(rows_at_once(*logits.shape[1::2]), dim=2)
        found = torch.cat([largest(band.float().movedim(1, 2), ids) for band in bands], dim=1)
        if not (found == SEVERAL).any():
            return found
    return logits.argmax(dim=1).to(torch.uint8)


def classes_of_pieces(pieces: Sequence[Piece], size: Sequence[int]) -> Tensor:
    """H W, bytes; where pieces overlap, by the sum of their probabilities. SEVERAL for NaN, 0 where no piece is."""
    channels = len(pieces[0].logits)
    check_count(channels, "the model")
    ids, result = torch.arange(channels), torch.zeros(*size, dtype=torch.uint8)
    for rows, columns in regions([piece.inside(size) for piece in pieces], rows_at_once(channels, size[1])):
        parts = [part for piece in pieces if (part := piece.at(rows, columns)).numel()]
        if parts:
            total = parts[0] if len(parts) == 1 else sum(part.softmax(dim=0) for part in parts)
            result[rows, columns] = largest(total.movedim(0, 1), ids)
    return result


def regions(places: Sequence[tuple[slice, slice]], most: int) -> Iterator[tuple[slice, slice]]:
    """Rows, `most` at a time, and columns, between neighbouring ends: all pixels are of the same places."""
    for rows, columns in product(*(between_ends(side) for side in zip(*places, strict=True))):
        for top in range(rows.start, rows.stop, most):
            yield slice(top, min(top + most, rows.stop)), columns


def rows_at_once(channels: int, width: int) -> int:
    return max(1, floats_per_band(torch.device("cpu")) // (channels * width))
