"""The works of segmentation_models_pytorch: its models, trained and run as its examples do."""

import shared
import torch
import torch.nn.functional as F


def versions():
    import segmentation_models_pytorch

    return {"segmentation_models_pytorch": segmentation_models_pytorch.__version__}


def model_of(model, classes, weights):
    """`model` is "Class encoder", such as "Unet resnet18"."""
    import segmentation_models_pytorch as smp

    kind, encoder = model.split()
    torch.manual_seed(0)
    built = getattr(smp, kind)(encoder_name=encoder, encoder_weights=None, classes=classes)
    torch.save(built.state_dict(), weights)
    return built, {"_model_class": kind, "encoder_name": encoder, "classes": classes, "encoder_weights": None}


def normalized(images):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (shared.MEAN, shared.STD))
    return (images - mean) / std


def train(model, classes, size, batch, weights):
    built, config = model_of(model, classes, weights)
    built.train()
    optimizer = torch.optim.SGD(built.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images = torch.from_numpy(shared.pixels(batch, 3, *size))
    labels = torch.from_numpy(shared.class_ids(classes, batch, *size))

    def run():
        optimizer.zero_grad()
        loss = F.cross_entropy(built(normalized(images)), labels.long(), ignore_index=shared.IGNORED)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run, run, {"config": config}


def infer(model, classes, size, batch, weights):
    built, config = model_of(model, classes, weights)
    built.eval()
    images = torch.from_numpy(shared.pixels(batch, 3, *size))

    @torch.no_grad()
    def logits():
        return built(normalized(images))

    return lambda: logits().argmax(dim=1), logits, {"config": config}


WORKS = {"train": train, "infer": infer}
