"""Mutants of samplers, loaders, transforms, the rendering of placements, data sets, pictures and configs."""

from tests.mutants.mutant import in_file

TRANSFORMS = "tests/data/transforms/test_transforms.py"
RENDER = "tests/data/test_render.py"

OF_DATA = [
    *in_file("data/sampler.py", "tests/data/test_sampler.py", [
        ("sampler: all processes draw the same", "number = self.start + self.rank", "number = self.start"),
        ("sampler: steps of one", "number += self.world_size", "number += 1"),
        ("sampler: each epoch in the same order", "default_rng((self.seed, epoch))", "default_rng(self.seed)"),
        ("sampler: the seed does not matter", "default_rng((self.seed, epoch))", "default_rng(epoch)"),
        ("sampler: one seed for all samples", "_sample_seed(self.seed, number)\n", "_sample_seed(self.seed, 0)\n"),
        ("sampler: the seeds of another run", 'f"{seed} {number}"', 'f"{number}"'),
        ("sampler: from the beginning", "number = self.start + self.rank", "number = self.rank"),
        ("shards: overlap", "range(rank, length, world_size)", "range(rank, length)"),
    ]),
    *in_file("data/loader.py", "tests/data/test_loader.py", [
        ("loader: the rank is forgotten", "EndlessSampler(len(dataset), seed, rank, world_size, start)",
         "EndlessSampler(len(dataset), seed, 0, world_size, start)"),
        ("loader: validation sees everything everywhere", "ShardSampler(len(dataset), rank, world_size)",
         "ShardSampler(len(dataset), 0, 1)"),
        ("loader: the global random state is drawn from", "generator=torch.Generator().manual_seed(0),", ""),
        ("loader: shared memory is not looked at", "if get_worker_info() is not None:", "if False:"),
        ("loader: a batch that just fits is refused", "if needed > left:", "if needed >= left:"),
    ]),
    *in_file("convert/run.py", "tests/convert/test_run.py -k without_links", [
        ("convert: from one drive to another", "except (OSError, ValueError):", "except OSError:"),
    ]),
    *in_file("data/window.py", "tests/data/test_window.py", [
        ("window: the grids need not meet", "<= TOLERANCE * scale)", "<= 0.5)"),
        ("window: begins inside of the image", "((before >= scale / 2) | (starts == 0))", "(before > -0.5)"),
        ("window: mirrored ones begin at the same end", "scale, shift = -scale, output - shift", "scale = -scale"),
        ("window: ends too early", "(skipped + output) / scale) + 2", "(skipped + output) / scale)"),
    ]),
    *in_file("data/archives.py", "tests/data/test_places.py", [
        ("archives: checksums do not count", "or zlib.crc32(data) != crc", ""),
        ("archives: the first of a name counts", "dict(_entries(path, size)).items()", "_entries(path, size)"),
        ("archives: a cut tar passes", "+ tarfile.BLOCKSIZE > size:", "> 2**60:"),
        ("archives: folders end anywhere", 'f"{folder}/" if folder', "folder if folder"),
        ("archives: listed again by each process", "_keep(found, folder)", "pass"),
    ]),
    *in_file("data/decoded.py", "tests/data/test_decoded.py", [
        ("cache: files do not change", "\\0{known.time}", ""),
        ("cache: all files are read alike", "\\0{kind}", ""),
        ("cache: samples change it", "mmap.ACCESS_COPY", "mmap.ACCESS_READ"),
        ("cache: says again and again that it is full", "touch(exist_ok=False)", "touch()"),
        ("cache: a killed run keeps its memory", "_remove_left(SHARED_MEMORY)", "pass"),
        ("cache: it has no limit", "self._used() + array.nbytes > self.limit", "False"),
    ]),
    *in_file("data/readers/jpeg.py", "tests/data/readers/test_rows.py", [
        ("rows: none more are kept", "rows + LARGEST_BLOCK", "rows"),
        ("rows: libjpeg searches for the end", "data[frame + 3 : end.start()]", "data[frame + 3 :]"),
    ]),
    *in_file("data/readers/png_rows.py", "tests/data/readers/test_rows.py", [
        ("rows: any filter is a difference", "filters.max() > SUB", "False"),
        ("rows: blocks do not go on", "turned += (", "turned + ("),
        ("rows: damage is not seen", "zlib.crc32(data[start - 4 : end]) !=", "0 >"),
        ("rows: the file begins again", "self.left = self.inflater.unconsumed_tail", "pass"),
    ]),
    *in_file("data/datasets/dataset.py", "tests/data/readers/test_rows.py", [
        ("rows: unknown ids pass", 'if "label_source" in sample and', "if False and"),
    ]),
    *in_file("data/transforms/pipeline.py", "tests/data/readers/test_rows.py", [
        ("rows: a blur counts as rendering", 'says(transforms[count], "renders_first")', "True"),
    ]),
    *in_file("data/sample.py", "tests/data/test_sample.py", [
        ("collate: sizes that differ pass", 'if other["image"].shape != first["image"].shape:', "if False:"),
        ("collate: unreadable images stay", "if sample is not None", "if True"),
    ]),
    *in_file("data/transforms/turn.py", TRANSFORMS, [
        ("flip: never", "rng.random() >= self.probability", "rng.random() >= 0", "class RandomFlip"),
        ("rotate: one way only", "rng.uniform(-self.degrees, self.degrees)", "rng.uniform(0, self.degrees)"),
    ]),
    *in_file("data/transforms/resize.py", TRANSFORMS, [
        ("resize: covers the box", "return min(self.box[0] / current[0], self.box[1] / current[1])",
         "return max(self.box[0] / current[0], self.box[1] / current[1])"),
        ("resize: rounds down", "int(size[0] * ratio + 0.5)", "int(size[0] * ratio)"),
        ("resize: the ratio's lower end", "rng.uniform(*self.ratio_range)", "self.ratio_range[0]"),
        ("resize: the long side is forgotten", "return min(scales, default=1.0)", "return max(scales, default=1.0)"),
    ]),
    *in_file("data/transforms/crop.py", TRANSFORMS, [
        ("crop: always at the top", "rng.randint(0, max(0, placement.size[0] - self.size[0]))", "0"),
        ("crop: cat_max_ratio is ignored", "if self.cat_max_ratio < 1 and", "if False and"),
        ("crop: ignored pixels are a class", "counts[IGNORE_INDEX] = 0", "pass"),
        ("centre crop: at the top", "(placement.size[0] - self.size[0]) // 2", "0"),
        ("pad: shows what was cut off", "sample = render(sample)  # or", "pass  # or"),
    ]),
    *in_file("data/transforms/color.py", TRANSFORMS, [
        ("colours: contrast never comes last", "if rng.random() < 0.5 else (1.0, gain)", "if True else (1.0, gain)"),
        ("colours: no hue", "np.uint8(-turn % 180)", "np.uint8(0)"),
        ("colours: no saturation", "_scaled(strength, saturation)", "strength"),
        ("colours: darker is brighter", "cv2.add if levels > 0 else cv2.subtract", "cv2.add"),
        ("colours: hue of deep images by half", "hsv[:, :, 0] + 2 * turn", "hsv[:, :, 0] + turn"),
        ("colours: brightness behind contrast", "_scaled(_shifted(image, round(shift)), before)",
         "_shifted(_scaled(image, before), round(shift))"),
    ]),
    *in_file("data/placement.py", f"{RENDER} {TRANSFORMS}", [
        ("placement: clockwise", "[[cos, sin, 0.0], [-sin, cos, 0.0]", "[[cos, -sin, 0.0], [sin, cos, 0.0]"),
        ("placement: the other order", "matrix @ self.matrix", "self.matrix @ matrix"),
        ("placement: turned about the corner", "_shift(x, y) @ turn @ _shift(-x, -y)", "turn"),
        ("placement: height and width change places", "[size[1] / self.size[1], size[0] / self.size[0], 1.0]",
         "[size[0] / self.size[0], size[1] / self.size[1], 1.0]"),
    ]),
    *in_file("data/render.py", RENDER, [
        ("render: no half pixels", "(np.arange(output) + 0.5 - shift)", "(np.arange(output) - shift)"),
        ("render: labels are interpolated", "_warp(label, placement, cv2.INTER_NEAREST",
         "_warp(label, placement, cv2.INTER_LINEAR"),
        ("render: a dark seam", "cv2.INTER_LINEAR, cv2.BORDER_REPLICATE", "cv2.INTER_LINEAR, cv2.BORDER_CONSTANT"),
        ("render: warps are half a pixel off", "[[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]",
         "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]"),
        ("render: shrinking aliases", "if step_x == step_y == 1:", "if True:"),
        ("render: outside of labels is a class", "placement.size, IGNORE_INDEX)", "placement.size, 0)"),
        ("render: four channels only", "range(0, channels, 4)", "range(0, 4, 4)"),
    ]),
    *in_file("data/datasets/concat.py", "tests/data/datasets/test_wrappers.py", [
        ("concat: the first image of a set is the one before's", 'side="right"', 'side="left"'),
    ]),
    *in_file("data/datasets/class_balanced.py", "tests/data/datasets/test_wrappers.py", [
        ("class balanced: no root", "np.sqrt(threshold / np.maximum(share, 1e-12))",
         "threshold / np.maximum(share, 1e-12)"),
        ("class balanced: the rarest class does not decide", ".max(axis=1)", ".min(axis=1)"),
    ]),
    *in_file("data/datasets/relabel.py", "tests/data/datasets/test_relabel.py", [
        ("relabel: what is named nowhere stays", "IGNORE_INDEX if rest is None else",
         "np.arange(len(dataset.classes)) if rest is None else"),
        ("relabel: the set's own map is lost", "table[dataset.label_table]", "table"),
    ]),
    *in_file("data/datasets/repeat.py", "tests/data/datasets/test_wrappers.py", [
        ("repeat: an image several times in a row", "index % len(self.dataset)", "index // self.times"),
    ]),
    *in_file("data/readers/opencv.py", "tests/data/readers/test_files.py", [
        ("images: blue comes first", "cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image) if channels == 3 else image",
         "image"),
    ]),
    *in_file("data/readers/png.py", "tests/data/readers/test_files.py", [
        ("masks: two bits are stretched", "return label // step if step > 1 else label", "return label"),
    ]),
    *in_file("class_weights.py", "tests/test_class_weights.py tests/doctor", [
        ("weights: no root", "/ present) ** power)", "/ present))"),
        ("weights: ENet's with another number", "np.log(1.02 + present", "np.log(1.2 + present"),
        ("weights: the mean frequency", "np.median(frequency[pixels > 0])", "np.mean(frequency[pixels > 0])"),
    ]),
    *in_file("convert/draw.py", "tests/convert/test_draw.py", [
        ("polygons: all that is between the first and the last crossing", "dtype=np.uint8)[:, :-1] & 1 > 0",
         "dtype=np.uint8)[:, :-1] > 0"),
        ("polygons: half a pixel off", "(corners - 0.5).T", "corners.T"),
        ("ellipses: turned the other way", "(columns - x) * cosine + (rows - y) * sine",
         "(columns - x) * cosine - (rows - y) * sine"),
    ]),
    *in_file("convert/draw.py", "tests/convert", [
        ("objects: the smallest first", "key=lambda shape: -shape.area", "key=lambda shape: shape.area"),
    ]),
    *in_file("data/datasets/dataset.py", "tests/data/datasets/test_dataset.py", [
        ("data sets: unknown ids pass", "+ np.uint8(1)).max() > len(classes)", "* 0).max() > 0"),
        ("data sets: labels of another size pass", "if image != label:", "if False:"),
        ("data sets: the seed of a draw does not count", "random.Random(0 if seed is None else seed)",
         "random.Random(0)"),
    ]),
    *in_file("viz/submission.py", "tests/viz/test_submission.py", [
        ("submission: ADE20K from zero", "label + np.uint8(1)", "label"),
        ("submission: Cityscapes' train ids", "np.array(cityscapes.LABEL_IDS, np.uint8)[label]", "label"),
    ]),
    *in_file("viz/overlay.py", "tests/viz/test_overlay.py", [
        ("overlay: ignored pixels are black", "copyTo(image, (label == IGNORE_INDEX)", "copyTo(image, (label == 254)"),
        ("overlay: opacity the other way round",
         "cv2.addWeighted(image, 1 - opacity, colour_map(label, palette), opacity, 0)",
         "cv2.addWeighted(image, opacity, colour_map(label, palette), 1 - opacity, 0)"),
        ("pictures: written in BGR", "cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture",
         "picture"),
    ]),
    *in_file("convert/trace.py", "tests/convert/test_polygon_files.py", [
        ("polygons: the ground around is a region", "int(is_around and not is_ground)", "int(is_around)"),
        ("polygons: no corner where only the neighbour turns", "kept = is_fixed | (side != before)",
         "kept = side != before"),
        ("polygons: neighbours share no corners", "JUNCTION = 3", "JUNCTION = 5"),
    ]),
    *in_file("convert/polygon_files.py", "tests/convert/test_polygon_files.py", [
        ("polygons: labelme's outline lies outside", "outline.outer.corners + outline.outer.inward",
         "outline.outer.corners"),
        ("polygons: runs begin inside", "[0, *counts] if pixels[0] else counts", "counts"),
        ("polygons: COCO's holes are filled", "needs_runs = is_ignored or outline.holes", "needs_runs = is_ignored"),
        ("polygons: inner regions are drawn first", "key=lambda outline: outline.depth",
         "key=lambda outline: -outline.depth"),
    ]),
    *in_file("registry.py", "tests/test_registry.py", [
        ("registry: a name may be taken twice", "if other is not None and (other", "if False and (other"),
    ]),
    *in_file("config_merge.py", "tests/test_config.py", [
        ("config: _delete_ is ignored", 'not new.get("_delete_", False)', "True"),
        ("config: settings of another type are kept", "return not other_type and", "return"),
    ]),
]  # fmt: skip
