"""What mmsegmentation's fixtures need of mmcv's compiled operators, in plain loops: mmcv-lite has none.

`install` puts them in place, for `make_mmseg_fixtures.py`.
"""

import sys
from itertools import product
from types import SimpleNamespace

import mmcv.ops  # noqa: F401

COLLECT = 0


def psa_mask(mask, output, psa_type, h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask, **_):
    """mask: B, cells of the mask, h, w. output (B, h w, h, w; zeros): the place is the channel if pixels collect, the
    pixel is it if they distribute."""
    for y, x, a, b in product(range(h_feature), range(w_feature), range(h_mask), range(w_mask)):
        row, column = y + a - half_h_mask, x + b - half_w_mask
        if 0 <= row < h_feature and 0 <= column < w_feature:
            value = mask[:, a * w_mask + b, y, x]
            if psa_type == COLLECT:
                output[:, row * w_feature + column, y, x] = value
            else:
                output[:, y * w_feature + x, row, column] = value


def install():
    sys.modules["mmcv.ops.psa_mask"].ext_module = SimpleNamespace(psamask_forward=psa_mask)
