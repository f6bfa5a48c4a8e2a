"""The hash of a model's weights."""

import torch

from segbox.weights.digest import digest_of_weights


def test_the_digest_is_of_every_weight_and_its_name():
    def digest(change=None, kind=torch.float32):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3)).to(kind)
        if change is not None:
            change(model)
        return digest_of_weights(model)

    changes = [None, lambda m: m[0].weight.data[2, 1].add_(1e-7), lambda m: m[1].running_var.add_(1),
               lambda m: m[1].num_batches_tracked.add_(1), lambda m: m.append(torch.nn.PReLU())]  # fmt: skip
    found = {digest(change) for change in changes} | {digest(kind=torch.bfloat16)}
    assert len(found) == 6 and digest() == digest()
