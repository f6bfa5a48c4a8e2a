"""Mutants of segbox export."""

from tests.mutants.mutant import Mutant, in_file

GRAPH = "tests/export/test_graph.py"
CHECK = "tests/export/test_check.py"
RUNNER = "tests/export/test_run_segbox.py"

OF_EXPORT: list[Mutant] = [
    *in_file(
        "export/graph.py",
        GRAPH,
        [
            ("export: padded with black", "images - self.fill, (0, -width", "images, (0, -width"),
            ("export: not cut back after padding", "[..., :height, :width]", ""),
            ("export: the mirrored scores are not mirrored back", "(mirrored).flip(-1)", "(mirrored)"),
            ("export: normalised twice", "self.network.mean.zero_()", "pass"),
            (
                "export: normalised in half precision",
                "((images - self.mean) / self.std).to(self.dtype)",
                "(images.to(self.dtype) - self.mean) / self.std",
            ),
            ("export: ids of 256 classes as bytes", "check_count(model.criteria[0].num_classes", "check_count(1"),
        ],
    ),
    *in_file(
        "export/plan.py",
        GRAPH,
        [
            (
                "export: half precision is compared with itself",
                'graph = Graph(predictor.model, output, test["divisor"], test["flip"], is_of_bytes)',
                'graph = Graph(predictor.model, output, test["divisor"], test["flip"], is_of_bytes).in_half()',
            ),
            ("export: transforms of images are left out", "if predictor.pipeline.transforms:", "if False:"),
            ("export: several scales are left out", 'if tuple(test["scales"]) != (1.0,):', "if False:"),
        ],
    ),
    *in_file(
        "export/resampling.py",
        "tests/export/test_resampling.py",
        [
            ("export: the kernel of resizing without antialiasing", "SHARPNESS = -0.5", "SHARPNESS = -0.75"),
            ("export: positions are resized without antialiasing", " / scale.clamp(min=1)", ""),
            ("export: positions are enlarged by a narrow kernel", "scale.clamp(min=1)", "scale"),
            ("export: positions fade at the border", "found / found.sum(1, keepdim=True)", "found / scale"),
        ],
    ),
    *in_file(
        "export/check.py",
        CHECK,
        [
            ("export: nothing is refused", "if worst.different <= most:", "if True:"),
            ("export: the first size decides", "max(found, key=lambda one: one.different)", "found[0]"),
            ("export: the fault of float16 is the example's", 'and plan.metadata["precision"] == "fp16"', "and False"),
            ("export: one percent is allowed", '"fp32": 0.1', '"fp32": 1.0'),
        ],
    ),
    *in_file(
        "export/run_segbox.py",
        RUNNER,
        [
            (
                "run_segbox: the last window replaces the others",
                "total[:, y : y + h, x : x + w] += window",
                "total[:, y : y + h, x : x + w] = window",
            ),
            ("run_segbox: logits are added", 'if model.metadata["output"] == "logits":', "if False:"),
            (
                "run_segbox: the right border is left out",
                "length - window + stride, stride",
                "length - window + 1, stride",
            ),
            ("run_segbox: BGR", "image[..., ::-1] if channels == 3 else image", "image"),
            ("run_segbox: files are overwritten", "if target.exists():", "if False:"),
        ],
    ),
]
