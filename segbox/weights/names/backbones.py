"""The tensors of a backbone's file by our names, whoever published the file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from segbox.errors import CheckpointError
from segbox.weights.names import (
    conv_module,
    mix_transformer,
    mobilenet,
    resnet,
    timm_network,
    transformers,
    xception,
)
from segbox.weights.names.rename import Weights

CLASSIFIER = re.compile(r"(fc|classifier|last_linear|heads?)\.")  # of an ImageNet network: never loaded


@dataclass(frozen=True)
class Names:
    """A publisher's names, which a file has if one of its tensors matches `mark` from its beginning."""

    mark: str
    read: Callable[[Mapping[str, Tensor], nn.Module], Weights]


# By the backbone's type. A file with our names, or torchvision's, is not changed by any of them.
PUBLISHERS = {
    "ResNet": (Names(r"conv1\.0\.", resnet.deep_stem), Names(r"layer0\.conv1\.|.*\.se_module\.", resnet.legacy_se)),
    "ResNeSt": (Names(r"conv1\.0\.", resnet.deep_stem),),
    "STDCNet": (Names(r"stages\.\d\..*\.?bn\.", conv_module.mmsegmentation),),
    "MobileNetV1": (
        Names(r"conv_stem\.weight", mobilenet.timm_v1),
        Names(r"(mobilenet_v1\.)?conv_stem\.(convolution|normalization)\.", mobilenet.tensorflow),
    ),
    "MobileNetV2": (
        Names(r"(mobilenet_v2\.)?conv_stem\.(first_conv|conv_3x3)\.", mobilenet.tensorflow),
        Names(r"conv_stem\.weight", mobilenet.timm_v2),
        Names(r"features\.", mobilenet.without_last_conv),
    ),
    "MobileNetV3": (Names(r"conv_stem\.weight", mobilenet.timm_v3),),
    "Xception": (Names(r"blocks\.\d+\.stack\.", xception.timm_xception),),
    "MixTransformer": (
        Names(
            r"(segformer\.)?(encoder\.patch_embeddings\.\d|stages\.\d\.patch_embeddings)\.",
            mix_transformer.hugging_face,
        ),
        Names(r"patch_embed\d\.", mix_transformer.nvidia),
        Names(r"layers\.\d\.0\.projection\.", mix_transformer.mmsegmentation),
    ),
    "Swin": (Names(r"patch_embed\.proj\.", transformers.swin),),
    "VisionTransformer": (Names(r"patch_embed\.proj\.", transformers.vit),),
    "BEiT": (Names(r"patch_embed\.proj\.", transformers.beit),),
    "Twins": (Names(r"patch_embeds\.", transformers.twins),),
    "PoolFormer": (Names(r"stem\.conv\.", transformers.poolformer),),
    "Timm": (Names("", timm_network.of_timm),),
}


def by_our_names(weights: Mapping[str, Tensor], backbone: nn.Module, source: str) -> Weights:
    """The tensors by the names of this backbone, without the classifier of the network."""
    own = backbone.state_dict()
    found = {name: value for name, value in weights.items() if name in own or not CLASSIFIER.match(name)}
    for names in PUBLISHERS.get(type(backbone).__name__, ()):
        if any(re.match(names.mark, name) for name in found):
            try:
                found = names.read(found, backbone)
            except CheckpointError as error:
                raise CheckpointError(f"{source}: the weights {error}") from None
    return found
