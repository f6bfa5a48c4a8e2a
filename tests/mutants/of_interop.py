"""Mutants of what turns models of other libraries into ours."""

from tests.mutants.mutant import Mutant, in_file

PARITY = "tests/interop/mmseg/test_parity.py"


def part(file: str, title: str, rows: list[tuple[str, ...]]) -> list[Mutant]:
    return in_file(f"interop/mmseg/parts/{file}.py", f"{PARITY} -k '{title}'", rows)


OF_INTEROP = [
    *part("hrnet", "hrnet", [
        ("HRNet of mmsegmentation: resized at once", '"by_factor": True', '"by_factor": False'),
    ]),
    *part("unet", "unet", [
        ("U-Net of mmsegmentation: the other map", "{4: -2, 3: -1}", "{4: -1, 3: -2}"),
        ("U-Net of mmsegmentation: norms and convolutions exchanged", '(kind == "bn")', '(kind != "bn")'),
    ]),
    *part("bisenet", "bisenet", [
        ("BiSeNetV1: a gate at the other level", '"context.attend.0.gate.1."', '"context.attend.1.gate.1."'),
        ("BiSeNetV1: heads of the contexts exchanged", '"1.conv_seg.": "classify_context.1.1."',
         '"1.conv_seg.": "classify_context.0.1."'),
        ("BiSeNetV1: bilinear context", '"nearest": True', '"nearest": False'),
    ]),
    *part("mobilenet", "mobilenet", [
        ("mmsegmentation's MobileNetV2: all dilated", 'config["dilated"] = "first"', 'config["dilated"] = "all"'),
        ("MobileNetV3 of mmsegmentation: padded on all sides", '"same_padding": True', '"same_padding": False'),
        ("MobileNetV3 of mmsegmentation: another order", '"depthwise_conv", "se"', '"se", "depthwise_conv"'),
        ("LR-ASPP of mmsegmentation: the layers in front exchanged", '"conv_ups.conv_up": "mix."',
         '"conv_ups.conv_up": "mixed."'),
    ]),
    *in_file("interop/mmseg/part.py", f"{PARITY} -k hrnet", [
        ("mmsegmentation: a negative dropout", "max(0.0, args.take", "(args.take"),
    ]),
]  # fmt: skip
