"""What mmsegmentation's fixtures need of mmcv's compiled operators, in plain loops: mmcv-lite has none.

`install` puts them in place, for `make_mmseg_fixtures.py`.
"""

import sys
from itertools import product
from types import SimpleNamespace

from mmcv.ops import point_sample
from mmseg.models.decode_heads import point_head

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


def refined(head, maps, coarse, test_cfg):
    """The logits of a PointHead, before they are resized to the image."""
    head.predict_by_feat = lambda logits, metas: logits
    return head.predict(maps, coarse, None, test_cfg)


def install():
    point_head.point_sample = lambda x, points, **options: point_sample(x, points.to(x.dtype), **options)
    sys.modules["mmcv.ops.psa_mask"].ext_module = SimpleNamespace(psamask_forward=psa_mask)
