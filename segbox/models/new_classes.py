"""The same model for another number of classes."""

from torch import nn

from segbox.models.freezing import apply_freezing
from segbox.models.layers import set_align_corners


def reset_classes(model: nn.Module, num_classes: int) -> None:
    """Replace heads and losses. Tensors whose shape depends on the number of classes are initialized again, the others
    are kept. An optimizer that exists already does not know the new parameters.
    """
    if not model.head_builders:
        raise ValueError("only a model that was built from a config knows how to build its heads again")
    olds = (model.decode_head, *model.auxiliary_heads)
    heads = [builder.rebuild(old, num_classes) for builder, old in zip(model.head_builders, olds, strict=True)]
    criteria = [builder.build_criterion(num_classes) for builder in model.head_builders]
    model.decode_head = heads[0]
    model.auxiliary_heads = nn.ModuleList(heads[1:])
    model.criteria = nn.ModuleList(criteria)
    model.to(model.mean.device)
    set_align_corners(model, model.align_corners)
    apply_freezing(model)
