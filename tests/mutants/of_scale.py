"""Mutants of predictions at scale."""

from tests.mutants.mutant import in_file

PREDICTIONS, SHARDS = "tests/viz/test_predictions.py", "tests/viz/test_shards.py"

OF_SCALE = [
    *in_file("viz/in_threads.py", "tests/viz/test_in_threads.py", [
        ("threads: any number of results wait", "if len(begun) > threads:", "if len(begun) > 99 * threads:"),
        ("threads: one after the other", "pool = ThreadPoolExecutor(threads)", "pool = ThreadPoolExecutor(1)"),
    ]),
    *in_file("evaluation/batches.py", "tests/evaluation/test_batches.py", [
        ("batches: an item may wait for ever", "if oldest and", "if False and"),
        ("batches: one more than asked for", "if len(batch) >= most(item):", "if len(batch) > most(item):"),
        ("order: as they come", "while following in early:", "while early:"),
    ]),
    *in_file("viz/predictions.py", PREDICTIONS, [
        ("predict: all of a batch get the first map", "{kind: values[i] for", "{kind: values[0] for"),
        ("predict: sizes are mixed", "(picture.image.shape, picture.image.dtype)", "(picture.image.dtype,)"),
    ]),
    *in_file("viz/shards.py", SHARDS, [
        ("shards: the first image is everybody's", "range(share.number - 1, len(images), share.count)",
         "range(0, len(images), share.count)"),
        ("shards: what is gone counts as made", "file.is_file() for file", "file.name for file"),
        ("shards: failed images count as made", 'for _, record in records_in(path) if "error" not in record}',
         "for _, record in records_in(path)}"),
        ("merge: what is gone counts as made", "all((out / file).is_file() for", "all((out / file).name for"),
        ("merge: the last line counts", "not (has_failed and is_made[i])", "True"),
        ("merge: each line of the first manifest", "manifests[number].open", "manifests[0].open"),
    ]),
    *in_file("viz/manifest.py", SHARDS, [
        ("manifest: half a line stays", "os.truncate(path, complete_bytes(path))", "pass"),
        ("manifest: of any list", 'SAME = {"list": "the list of images", ', 'SAME = {'),
    ]),
    *in_file("weights/digest.py", "tests/weights/test_digest.py", [
        ("digest: of any weights", "known.update(value.detach()", "known.update(0 * value.detach()"),
    ]),
    *in_file("launch.py", "tests/test_launch_environment.py", [
        ("share: arrays begin at 0", "divmod(task - first, step or 1)", "divmod(task, step or 1)"),
        ("share: processes of a task take one share", "task * own.world_size + own.rank + 1",
         "task * own.world_size + 1"),
    ]),
    *in_file("viz/columns.py", "tests/test_api.py", [
        ("columns: the images go on", 'if name not in ("image", "bytes")}', 'if name != "image"}'),
        ("columns: sizes are mixed", "lambda i: images[i].shape, lambda", "lambda i: 0, lambda"),
    ]),
    *in_file("api.py", "tests/test_api.py", [
        ("batches: pickled with the weights", 'vars(self).items() if name != "model"}', "vars(self).items()}"),
    ]),
    *in_file("evaluation/score_map.py", "tests/evaluation/test_class_maps.py", [
        ("class maps: id 256 is 0", 'check_count(self.shape[1], "the model")', "pass"),
    ]),
    *in_file("evaluation/class_maps.py", "tests/evaluation/test_class_maps.py", [
        ("class maps: id 256 of a quick map is 0", 'check_count(sources[0].logits.shape[1], "the model")', "pass"),
    ]),
    *in_file("evaluation/open_model.py", "tests/evaluation/test_open_model.py", [
        ("open: a model of any number of classes", "check_count(model.criteria[0].num_classes, saved.source)", "pass"),
    ]),
    *in_file("evaluation/predictor.py", "tests/evaluation/test_predictor.py", [
        ("predictor: batches of any number of pixels", "BATCH_PIXELS // (", "2**30 // ("),
    ]),
]  # fmt: skip
