"""The works of torchvision: its segmentation models, run as its reference scripts do."""

import shared
import torch
from of_smp import normalized


def versions():
    import torchvision

    return {"torchvision": torchvision.__version__}


def infer(model, classes, size, batch, weights):
    from torchvision.models import segmentation

    torch.manual_seed(0)
    built = getattr(segmentation, model)(weights=None, weights_backbone=None, num_classes=classes)
    torch.save(built.state_dict(), weights)
    built.eval()
    images = torch.from_numpy(shared.pixels(batch, 3, *size))

    @torch.no_grad()
    def logits():
        return built(normalized(images))["out"]

    return lambda: logits().argmax(dim=1), logits, {"config": model}


WORKS = {"infer": infer}
