"""Mutants of heads, necks and backbones."""

from tests.mutants.mutant import Mutant, in_file

HEADS = "tests/models/test_heads_see.py"
PARTS = "tests/models/test_backbones_and_necks_see.py"


def head(file: str, rows: list[tuple[str, ...]], title: str) -> list[Mutant]:
    return in_file(f"models/heads/{file}.py", f"{HEADS} -k '{title}'", rows)


def part(folder: str, file: str, rows: list[tuple[str, ...]], title: str) -> list[Mutant]:
    return in_file(f"models/{folder}/{file}.py", f"{PARTS} -k '{title}'", rows)


OF_HEADS = [
    *in_file("models/layers/pyramid_pooling.py", f"{HEADS} -k PSPHead", [
        ("PSP: the pyramid is zero", "*(level(mean) for", "*(0 * level(mean) for"),
        ("PSP: the map itself is missing", "return [x, *(level", "return [0 * x, *(level"),
        ("PSP: the last scale is not pooled", "grid_means(x, self.pool_scales)",
         "grid_means(x, [min(scale, 3) for scale in self.pool_scales])"),
        ("PSP: the mean of the whole map for each cell", "grid_means(x, self.pool_scales)",
         "[x.mean((2, 3), keepdim=True).expand(-1, -1, n, n) for n in self.pool_scales]"),
    ]),
    *head("uper", [
        ("UPer: no top-down path", "lateral(f) + self.resize(", "lateral(f) + 0 * self.resize("),
        ("UPer: no laterals", "lateral(f) + self.resize(", "0 * lateral(f) + self.resize("),
        ("UPer: levels in another order", "levels.insert(0, smooth(x))", "levels.append(smooth(x))"),
        ("UPer: no pyramid pooling", "x = join(*pyramid(last)", "x = 0 * join(*pyramid(last)"),
    ], "UPerHead"),
    *head("unet", [
        ("U-Net: no skips", "torch.cat([skip, x]", "torch.cat([0 * skip, x]"),
        ("U-Net: no ReLU behind the sum", "torch.relu(self.excite", "(self.excite"),
        ("U-Net: no shortcut", "+ self.shortcut(x)", "+ 0 * self.shortcut(x)"),
        ("U-Net: joined the other way round", "torch.cat([skip, x]", "torch.cat([x, skip]"),
    ], "UNetHead and not Plain"),
    *head("plain_unet", [
        ("plain U-Net: no skips", "torch.cat([skip, self.resize", "torch.cat([0 * skip, self.resize"),
        ("plain U-Net: no ReLU behind the upsampling", "torch.relu(self.conv(", "(self.conv("),
        ("plain U-Net: padded at the near side", "(0, 1, 0, 1)", "(1, 0, 1, 0)"),
    ], "PlainUNetHead"),
    *head("unet_plus_plus", [
        ("U-Net++: no node below", "torch.cat([*skips, up]", "torch.cat([*skips, 0 * up]"),
        ("U-Net++: the latest node of the level only", "(levels[i], levels[i + 1]",
         "([0 * x for x in levels[i][:-1]] + levels[i][-1:], levels[i + 1]"),
        ("U-Net++: the first output instead of the mean", ".mean(0)", "[0]"),
        ("U-Net++: losses are not shared out", "loss / len(outputs)", "loss"),
    ], "UNetPlusPlusHead"),
    *head("deeplab_v3_plus", [
        ("DeepLabV3+: no low level", "*(reduce(features[i])", "*(0 * reduce(features[i])"),
        ("DeepLabV3+: no pyramid", "[self.pyramid(features[-1])", "[0 * self.pyramid(features[-1])"),
        ("DeepLabV3+: the finest map as low level", "return [i for i in fine[-1:]", "return [i for i in fine[:1]"),
    ], "DeepLabV3PlusHead"),
    *head("segformer", [
        ("SegFormer: coarse levels are zero", "self.mix(*levels",
         "self.mix(levels[0], *(0 * x for x in levels[1:])"),
        ("SegFormer: coarse levels first", "self.mix(*levels", "self.mix(*levels[::-1]"),
    ], "SegFormerHead"),
    *head("fcn_long", [
        ("FCN-8s: no skip", "skip.shape[-2:]) + skip", "skip.shape[-2:]) + 0 * skip"),
        ("FCN-8s: no ReLU behind fc7", "torch.relu(self.fc7(x))", "self.fc7(x)"),
        ("FCN-8s: no ReLU behind fc6", "torch.relu(self.fc6(F.pad(features[-1], (3, 3, 3, 3))))",
         "self.fc6(F.pad(features[-1], (3, 3, 3, 3)))"),
        ("FCN-8s: upsampled with a half step too much", "kernel, factor, factor // 2, bias",
         "kernel, factor, max(0, factor // 2 - 1), output_padding=0, bias"),
    ], "FCN8sHead"),
    *head("fcn_long", [("FCN-16s is FCN-32s", "num_classes, (16,), channels", "num_classes, (), channels")], "FCN16s"),
    *head("gcn", [
        ("GCN: no coarse scores", "skip + self.resize(up(x)", "skip + 0 * self.resize(up(x)"),
        ("GCN: columns then rows only", "self.column_row(x) + self.row_column(x)", "self.column_row(x)"),
        ("GCN: no residual in the refinement", "return x + self.conv2", "return self.conv2"),
        ("GCN: no ReLU in the refinement", "self.conv2(torch.relu(self.conv1(x)))", "self.conv2(self.conv1(x))"),
    ], "GCNHead"),
    *head("refinenet", [
        ("RefineNet: no coarse path", "self.fine(fine) + self.resize(", "self.fine(fine) + 0 * self.resize("),
        ("RefineNet: pools are not chained", "total = total + step", "total = total + 0 * step"),
        ("RefineNet: no first ReLU in its units", "self.conv1(torch.relu(x))", "self.conv1(x)"),
        ("RefineNet: no ReLU before the pools", "total = step = torch.relu(x)", "total = step = x"),
        ("RefineNet: no dropout before the levels", "adapt(self.dropout(features[i]))", "adapt(features[i])"),
    ], "RefineNetHead"),
    *head("fpn", [
        ("semantic FPN: the finest level only", "zip(self.levels, self.climbs))", "zip(self.levels[:1], self.climbs))"),
        ("semantic FPN: no ReLU", "NORMS[norm](b), nn.ReLU(inplace=True)", "NORMS[norm](b), nn.Identity()"),
        ("semantic FPN: no doublings between the steps", "2 * x.shape[-2], 2 * x.shape[-1]",
         "x.shape[-2], x.shape[-1]"),
    ], "FPNHead"),
    *head("bisenet", [
        ("BiSeNet: no context", "torch.cat([spatial, context]", "torch.cat([spatial, 0 * context]"),
        ("BiSeNet: no fusion gate", "x + x * self.gate(x)", "x"),
        ("BiSeNet: the fusion gate without the sum", "x + x * self.gate(x)", "x * self.gate(x)"),
        ("BiSeNet: no spatial path", "torch.cat([spatial, context]", "torch.cat([0 * spatial, context]"),
        ("BiSeNet: no attention refinement", "return x * self.gate(x)", "return x"),
        ("BiSeNet: the context of the whole is left out", "known = self.whole(maps[0])",
         "known = 0 * self.whole(maps[0])"),
        ("BiSeNet: the weight of its losses", "self.context_loss_weight * value", "value"),
        ("BiSeNet: bilinear instead of nearest", "if self.nearest else", "if False else"),
        ("BiSeNet: never a norm in the gate", "if gate_norm else squeeze", "if False else squeeze"),
        ("BiSeNet: no dropout before the context's classifiers", "classify(self.dropout(convolve(context)))",
         "classify(convolve(context))"),
    ], "BiSeNetHead"),
    *head("ocr", [
        ("OCR: no scale", "key_channels**-0.5", "1.0"),
        ("OCR: the mean over all pixels as description", "logits.float().flatten(2)", "0 * logits.float().flatten(2)"),
        ("OCR: softmax over classes", "flatten(2), dim=-1)  # B K N", "flatten(2), dim=1)  # B K N"),
        ("OCR: a coarse 3x3", "kernel=coarse_kernel", "kernel=3"),
        ("OCR: no context", "self.context(pixels, regions), pixels]", "0 * self.context(pixels, regions), pixels]"),
    ], "OCRHead"),
    *head("encnet", [
        ("EncNet: sums without residuals", " - assignment.sum(dim=1)[..., None] * codewords", ""),
        ("EncNet: gates without the sum", "torch.relu(x + x * gates)", "torch.relu(x * gates)"),
        ("EncNet: no gates", "torch.relu(x + x * gates)", "torch.relu(x)"),
        ("EncNet: no scales", "torch.softmax(scales * distances", "torch.softmax(distances"),
        ("EncNet: finer maps are left out", "torch.cat([x, *maps]", "torch.cat([x, *(0 * m for m in maps)]"),
    ], "EncNetHead"),
    *head("danet", [
        ("DANet: no channel attention", "torch.softmax(-likeness, dim=-1) @ rows", "rows"),
        ("DANet: most of what is most alike", "torch.softmax(-likeness", "torch.softmax(likeness"),
        ("DANet: scaled attention", "scale=1.0", "scale=0.5"),
        ("DANet: the branches are not summed", "self.position(features[-1]) + self.channel(features[-1])",
         "self.position(features[-1])"),
    ], "DANetHead"),
    *head("ccnet", [
        ("CCNet: the position counts twice", ".masked_fill(itself, -torch.inf)", ""),
        ("CCNet: once", "range(self.recurrence)", "range(1)"),
        ("CCNet: no rows", 'torch.einsum("bhwv,bchv->bchw", row, value)', "0"),
        ("CCNet: the map is not joined", "torch.cat([features[-1], self.refine(x)]",
         "torch.cat([0 * features[-1], self.refine(x)]"),
    ], "CCNetHead"),
    *head("ocnet", [
        ("OCNet: no scale", "key_channels**-0.5", "1.0"),
        ("OCNet: no attention", "torch.cat([self.attention(x), x]", "torch.cat([0 * self.attention(x), x]"),
        ("OCNet: values as keys", "pixel_attention(key, key, self.value",
         "pixel_attention(key, key.flip(1), self.value"),
        ("OCNet: not at half size", "F.max_pool2d(x, self.pool, ceil_mode=True)", "x"),
    ], "OCNetHead"),
    *head("lraspp", [
        ("LR-ASPP: no gate", "self.reduce(last) * self.gate(last)", "self.reduce(last)"),
        ("LR-ASPP: no fine scores", "+ self.classify_fine(fine)", "+ 0 * self.classify_fine(fine)"),
    ], "LRASPPHead"),
    *head("lraspp_decoder", [
        ("LR-ASPP decoder: no gate", "self.reduce(last) * self.resize(gate, last.shape[-2:])", "self.reduce(last)"),
        ("LR-ASPP decoder: no skips", " skip(fine), size", " 0 * skip(fine), size"),
        ("LR-ASPP decoder: eps", "EPS = 1e-3", "EPS = 1e-5"),
        ("LR-ASPP decoder: the fine map first", "reversed(list(zip(self.skips, self.mix, features)))",
         "list(zip(self.skips, self.mix, features))"),
    ], "LRASPPDecoderHead"),
    *in_file("models/heads/lraspp_decoder.py", "tests/models/test_heads_numerics.py -k windows", [
        ("LR-ASPP decoder: a square step", "(16, 20)", "(16, 16)"),
        ("LR-ASPP decoder: a mean over all", "min(WINDOW, size)", "size"),
    ]),
    *head("linknet", [
        ("LinkNet: no skips", "skip + self.resize(decoder(x)", "0 * skip + self.resize(decoder(x)"),
        ("LinkNet: the stem's map is averaged", "F.max_pool2d(maps[-1], ", "F.avg_pool2d(maps[-1], "),
        ("LinkNet: no ReLU behind the last norm",
         "nn.BatchNorm2d(channels),\n            nn.ReLU(inplace=True),\n        )",
         "nn.BatchNorm2d(channels),\n        )"),
    ], "LinkNetHead"),
    *head("segnet", [
        ("SegNet: the values of the encoder come back", "x = block(unpool(x,",
         "x = block(unpool(x + 0 * places[i] + 1,"),
        ("SegNet: places do not matter", "unpool(x, places[i]", "unpool(x, places[i].sort().values"),
    ], "SegNetHead"),
    *head("linear", [
        ("linear probe: no norm", "self.classify(self.norm(features[-1]))", "self.classify(features[-1])"),
    ], "LinearHead"),
    *head("fcn", [
        ("FCN: no convolutions", "self.convs(features[self.level])", "features[self.level][:, :4]"),
    ], "FCNHead"),
    *head("deeplab_v3", [
        ("DeepLabV3: another map", "features[self.level]", "features[self.level].flip(1)"),
    ], "DeepLabV3Head"),
]  # fmt: skip

OF_NECKS = [
    *part("necks", "fpn", [
        ("FPN: no top-down path", "pyramid[i] + F.interpolate(", "pyramid[i] + 0 * F.interpolate("),
        ("FPN: bilinear", 'mode="nearest"', 'mode="bilinear"'),
    ], "FPN"),
    *part("necks", "jpu", [
        ("JPU: finest first", "torch.cat(levels[::-1], dim=1)", "torch.cat(levels, dim=1)"),
        ("JPU: the last map only", "torch.cat(levels[::-1], dim=1)", "torch.cat([levels[2]] * 3, dim=1)"),
        ("JPU: other dilations", "DILATIONS = (1, 2, 4, 8)", "DILATIONS = (1, 2, 4, 6)"),
    ], "JPU"),
    *part("necks", "vit_pyramid", [
        ("ViT pyramid: no activation between", "nn.BatchNorm2d(in_channels), nn.GELU()",
         "nn.BatchNorm2d(in_channels), nn.ReLU()"),
    ], "ViTPyramid"),
]  # fmt: skip

OF_BACKBONES = [
    *part("backbones", "mit", [
        ("MiT: eps of the blocks", "eps=1e-6", "eps=1e-5", "class Block"),
        ("MiT: eps of the stages", "eps=1e-6", "eps=1e-5", "class Stage"),
        ("MiT: eps of the patches", "nn.LayerNorm(width, eps=eps)", "nn.LayerNorm(width, eps=1e-6)",
         "class OverlapPatchEmbed"),
        ("MiT: no depthwise convolution", "x = self.depthwise(to_map(self.expand(x), size))",
         "x = to_map(self.expand(x), size)"),
        ("MiT: no block is ever left out", "DropPath(drop_path)", "DropPath(0.0)"),
        ("MiT: no activation", "F.gelu(to_tokens(x))", "to_tokens(x)"),
        ("MiT: the tanh form of GELU", "F.gelu(to_tokens(x))", 'F.gelu(to_tokens(x), approximate="tanh")'),
        ("MiT: no attention", "x = x + self.drop_path(self.attention(", "x = x + 0 * self.drop_path(self.attention("),
        ("MiT: keys and values change places", "key, value = pairs", "value, key = pairs"),
        ("MiT: maps without their norm", "return self.norm(x.unflatten(1, size))", "return x.unflatten(1, size)"),
        ("MiT: patches do not overlap evenly", "stride, kernel // 2)", "stride, kernel // 2 - 1)"),
    ], "MixTransformer or left_out"),
    *part("backbones", "xception", [
        ("Xception: no first ReLU in the others", "nn.ReLU() if begins_with_relu", "nn.Identity() if begins_with_relu"),
        ("Xception: no ReLU in the exit", "last_dilation), nn.ReLU(inplace=True)]", "last_dilation), nn.Identity()]"),
        ("Xception: PyTorch's eps", "EPS = 1e-3", "EPS = 1e-5"),
        ("Xception: no shortcut", "self.shortcut(x) + self.branch(x)", "0 * self.shortcut(x) + self.branch(x)"),
    ], "Xception"),
    *part("backbones", "resnet", [
        ("ResNet: no last ReLU in bottlenecks", "return self.relu(y + self.downsample(x))",
         "return y + self.downsample(x)", "class Bottleneck"),
        ("ResNet: no shortcut in basic blocks", "return self.relu(y + self.downsample(x))",
         "return self.relu(y + 0 * self.downsample(x))", "class BasicBlock"),
        ("ResNet: no dilation in bottlenecks", "conv3x3(width, width, stride, dilation)",
         "conv3x3(width, width, stride, 1)", "class Bottleneck"),
        ("ResNet: no squeeze and excitation", "y = self.se(self.bn2(self.conv2(y)))", "y = self.bn2(self.conv2(y))"),
        ("ResNet-D: pooled by maxima", "nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)",
         "nn.MaxPool2d(stride, stride, ceil_mode=True)"),
        ("ResNet: no ReLU in the stem", "torch.relu(self.bn1(self.conv1(images)))", "self.bn1(self.conv1(images))"),
        ("ResNet: the first map is pooled", "maps = [x]\n        x = self.maxpool(x)",
         "x = self.maxpool(x)\n        maps = [x]"),
    ], "ResNet"),
    *part("backbones", "vgg", [
        ("VGG: no ReLU", "nn.ReLU(inplace=True),", "nn.Identity(),"),
        ("VGG: averages for maxima", "nn.MaxPool2d(2, ceil_mode=True)", "nn.AvgPool2d(2, ceil_mode=True)"),
        ("VGG: odd sizes are rounded down", "nn.MaxPool2d(2, ceil_mode=True)", "nn.MaxPool2d(2)"),
    ], "VGG"),
    *part("backbones", "unet", [
        ("U-Net's encoder: averages for maxima", "nn.MaxPool2d(2, ceil_mode=True)", "nn.AvgPool2d(2, ceil_mode=True)"),
    ], "UNetEncoder"),
    *part("backbones", "unet", [
        ("whole U-Net: no skips", "torch.cat([skip, x]", "torch.cat([0 * skip, x]"),
        ("whole U-Net: the encoder's maps come out", "tuple(maps[: len", "tuple(skips[: len"),
    ], "UNet and not Encoder"),
    *part("backbones", "hrnet", [
        ("HRNet: nothing from finer branches", "total = total + layer(x)", "total = total + 0 * layer(x)"),
        ("HRNet: nothing from coarser branches", "total = total + self.enlarge", "total = total + 0 * self.enlarge"),
        ("HRNet: always at once to the size", "if self.by_factor:", "if False:"),
        ("HRNet: always by a factor", "if self.by_factor:", "if True:"),
        ("HRNet: the new branch begins at the finest map", "[*maps, maps[-1]]", "[*maps, maps[0]]"),
        ("HRNet: no ReLU between two steps down", "widths[source], 2, nn.ReLU())", "widths[source], 2)"),
        ("HRNet: a ReLU behind the last step down", "widths[target], 2))", "widths[target], 2, nn.ReLU()))"),
        ("HRNet: no ReLU behind the sum", "return torch.relu(total)", "return total"),
    ], "HRNet"),
    *part("backbones", "mobilenet_v1", [
        ("MobileNet: no activation behind the depthwise", "dilation, groups=in_channels, act=act)",
         "dilation, groups=in_channels, act=None)"),
        ("MobileNet: ReLU for ReLU6", '"relu6": nn.ReLU6', '"relu6": nn.ReLU'),
    ], "MobileNetV1"),
    *part("backbones", "mobilenet_v2", [
        ("MobileNetV2: no residual", "return x + self.conv(x) if self.is_residual",
         "return self.conv(x) if self.is_residual"),
        ("MobileNetV2: ReLU for ReLU6", "= nn.ReLU6,", "= nn.ReLU,"),
        ("MobileNetV2: residuals where shapes differ in channels", "stride == 1 and in_channels == out_channels",
         "stride == 2"),
        ("MobileNetV2: all blocks dilated", 'if dilated == "first" and i > 0:', "if False:"),
        ("MobileNetV2: the block that loses its stride is not dilated", "dilation *= wanted // stride", "pass"),
    ], "MobileNetV2"),
    *part("backbones", "mobilenet_v3", [
        ("MobileNetV3: eps", "eps=1e-3", "eps=1e-5"),
        ("MobileNetV3: a plain sigmoid", "gate=nn.Hardsigmoid", "gate=nn.Sigmoid"),
        ("MobileNetV3: SiLU", "nn.ReLU, nn.Hardswish", "nn.ReLU, nn.SiLU"),
        ("MobileNetV3: no residual", "return x + self.block(x) if", "return self.block(x) if"),
        ("MobileNetV3: activation behind the 1x1 down", "norm=NORM, act=nn.Identity", "norm=NORM, act=act"),
        ("MobileNetV3: never TensorFlow's padding", "if same_padding else convolution", "if False else convolution"),
    ], "MobileNetV3"),
    *part("layers", "same_padding", [
        ("TensorFlow's padding: the odd rest at the left and the top", "[padding // 2, padding - padding // 2]",
         "[padding - padding // 2, padding // 2]"),
        ("TensorFlow's padding: height and width exchanged", "x.shape[:-3:-1]", "x.shape[-2:]"),
    ], "same"),
    *in_file("models/backbones/timm.py", "tests/models/test_timm.py", [
        ("timm: whole maps are not cut", "tuple(x[..., : (height + s - 1) // s, : (width + s - 1) // s]",
         "tuple(x[..., :, :]"),
        ("timm: channels stay last", "x.permute(0, 3, 1, 2).contiguous()", "x.contiguous()"),
    ]),
]  # fmt: skip

OF_MODELS = [*OF_HEADS, *OF_NECKS, *OF_BACKBONES]
