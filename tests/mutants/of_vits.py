"""Mutants of vision transformers, of the parts that read their maps, and of what converts mmsegmentation's."""

from tests.mutants.mutant import Mutant, in_file
from tests.mutants.of_interop import part as converter
from tests.mutants.of_models import head, part

OF_VITS: list[Mutant] = [
    *part("backbones", "vit", [
        ("ViT: no positions", "x = x + resized_positions", "x = x + 0 * resized_positions"),
        ("ViT: the class token has no position", "self.class_token + self.positions[:, :1]", "self.class_token"),
        ("ViT: every map has the final norm", "self.norm(x) if i == len(self.blocks) - 1 else x", "self.norm(x)"),
    ], "VisionTransformer"),
    *part("layers", "vit_block", [
        ("ViT: no attention", "x = x + self.drop_path(self.scale1(", "x = x + 0 * self.drop_path(self.scale1("),
        ("ViT: images padded on the other sides", "(0, -width % columns, 0, -height % rows)",
         "(-width % columns, 0, -height % rows, 0)"),
        ("ViT: the mlp has no skip", "return x + self.drop_path(self.scale2(", "return self.drop_path(self.scale2("),
    ], "VisionTransformer"),
    *part("layers", "vit_block", [
        ("BEiT: the bias of values is that of queries", "torch.zeros_like(self.query_bias), self.value_bias]",
         "torch.zeros_like(self.query_bias), self.query_bias]"),
    ], "BEiT"),
    *part("backbones", "beit", [
        ("BEiT: offsets from right to left", "places[:, :, None] - places[:, None]",
         "places[:, None] - places[:, :, None]"),
        ("BEiT: rows of the class token exchanged", "to_others, to_class, to_itself = table",
         "to_class, to_others, to_itself = table"),
        ("BEiT: far offsets begin anew", ".clamp(1 - side, side - 1) + side - 1", " % (2 * side - 1)"),
    ], "BEiT"),
    *part("backbones", "twins", [
        ("Twins: no positions", "x = x + to_tokens(self.positions", "x = x + 0 * to_tokens(self.positions"),
        ("Twins: positions behind every block", "if i == 0:", "if i >= 0:"),
    ], "Twins"),
    *part("backbones", "twins", [
        ("Twins: padding is always kept apart", "& rows.any() & columns.any()", ""),
        ("Twins: windows in every block", "is_svt and j % 2 == 0", "is_svt and j % 2 == 1"),
        ("Twins: no norm behind stages", "to_map(self.norm(x), size)", "to_map(x, size)"),
    ], "Twins or PoolFormer"),
    *part("backbones", "poolformer", [
        ("PoolFormer: the mean itself", "(means - y)", "means"),
        ("PoolFormer: zeros count as neighbours", "count_include_pad=False", "count_include_pad=True"),
    ], "PoolFormer"),
    *part("necks", "multi_level", [
        ("MultiLevelNeck: no size changes", "if factor == 1:", "if factor > 0:"),
    ], "MultiLevelNeck"),
    *part("necks", "mla", [
        ("MLA: no sums", "sums[i] + self.resize(", "sums[i] + 0 * self.resize("),
        ("MLA: no norms", "lateral(x) for lateral, x in zip(self.laterals, normed)",
         "lateral(x) for lateral, x in zip(self.laterals, maps)"),
    ], "MLANeck"),
    *head("setr", [
        ("SETR: no norm", "self.norm(features[self.level].movedim(1, -1))", "(features[self.level].movedim(1, -1))"),
    ], "SETRUP"),
    *head("setr", [
        ("SETR-MLA: maps in another order", "for conv, x in zip(self.convs, maps)",
         "for conv, x in zip(reversed(self.convs), maps)"),
    ], "SETRMLA"),
    *head("segmenter", [
        ("Segmenter: products, not cosines", "classes = F.normalize(self.project_classes(x[:, -count:]), dim=2)",
         "classes = self.project_classes(x[:, -count:])"),
        ("Segmenter: no norm over the classes", "self.norm_classes(cells @ classes.mT)", "(cells @ classes.mT)"),
    ], "SegmenterHead"),
    *head("dpt", [
        ("DPT: finer maps are not joined", "x = x + self.join(", "x = x + 0 * self.join("),
        ("DPT: corners not aligned", "align_corners=True)  # always", "align_corners=False)  # always"),
    ], "DPTHead"),
    *converter("swin", "swin", [
        ("Swin of mmsegmentation: merges by rows", ".transpose(-3, -2).flatten(-3)", ".flatten(-3)"),
    ]),
    *converter("vit", "setr_mla", [
        ("SETR-MLA of mmsegmentation: the classifier's maps", ".flip(1).flatten(1, 2)", ".flatten(1, 2)"),
        ("SETR-MLA of mmsegmentation: auxiliary heads at the backbone", '{"auxiliary_maps": "neck"}', "{}"),
    ]),
    *in_file("interop/names.py", "tests/interop/mmseg/test_transformers.py -k bias", [
        ("ViT of mmsegmentation: the bias of patches is lost", "positions[:, 1:] + bias", "positions[:, 1:]"),
    ]),
]  # fmt: skip
