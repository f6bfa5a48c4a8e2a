"""Mutants of what turns models of other libraries into ours, and of where weights come from."""

from tests.mutants.mutant import Mutant, in_file

PARITY = "tests/interop/mmseg/test_parity.py"
SOURCES = "tests/weights/sources"


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
    *in_file("weights/sources/repositories.py", f"{SOURCES}/test_repositories.py {SOURCES}/test_hub.py", [
        ("repositories: the hub is asked although a file is here", "in (hub.cached, partial(", "in (partial("),
        ("repositories: without the hub nothing describes", "found = {name: hub.cached(repository, path) for",
         "found = {name: None for"),
        ("repositories: a missing README is the error", "find_file_of(word, repository, file, instead)  #", "raise  #"),
        ("repositories: mean and std of images up to 256", 'own.get("std"), 255.0', 'own.get("std"), 256.0'),
        ("repositories: the config on top", "CONFIG: folder + CONFIG", "CONFIG: CONFIG"),
    ]),
    *in_file("weights/sources/hub.py", f"{SOURCES}/test_hub.py", [
        ("hub: what is absent is forgotten", "        remember_absent(repository, error", "        (repository, error"),
        ("hub: files by hand are second", "for path in (repository.by_hand(file), snapshot)",
         "for path in (snapshot, repository.by_hand(file))"),
        ("hub: one place by hand for all revisions", 'f"{self.name}{revision}" / file', "self.name / file"),
        ("hub: a closed repository ends the search", "return NotReachedError(\n", "return CheckpointError(\n"),
    ]),
    *in_file("weights/sources/torchvision.py", f"{SOURCES}/test_torchvision.py", [
        ("torchvision: another hash", "resnet34-b627a593", "resnet34-b627a594"),
        ("torchvision: no hash", 'digest = file.removesuffix(".pth").rpartition("-")[2]', 'digest = ""'),
    ]),
    *in_file("weights/sources/web.py", f"{SOURCES}/test_find.py", [
        ("web: one folder for all addresses of a host", "hashlib.sha256(url.encode())", "hashlib.sha256(bytes())"),
        ("web: a date is a hash", "if parts.hostname in HASHED else", "if True else"),
        ("web: no hash in a name", "if parts.hostname in HASHED else", "if False else"),
        ("web: folders beside the others", '/ "web" / folder', "/ folder"),
    ]),
    *in_file("weights/sources/find.py", f"{SOURCES}/test_find.py", [
        ("find: a hash is checked once", "elif not (digest := digest_of(target, location.digest)).startswith",
         "elif not (digest := location.digest).startswith"),
    ]),
    *in_file("weights/sources/lock.py", f"{SOURCES}/test_lock.py", [
        ("lock: nobody waits", "            fcntl.flock(file, fcntl.LOCK_EX)\n", ""),
        ("lock: a deleted file is held", "return os.path.samestat(path.stat(),", "return True or (path.stat(),"),
        ("lock: a disk without locks is an error", "except OSError as error:", "except EOFError as error:"),
    ]),
    *in_file("weights/sources/licences.py", f"{SOURCES}/test_hub.py {SOURCES}/test_find.py", [
        ("licences: told each time", "@cache\n", ""),
    ]),
    *in_file("weights/safetensors_file.py", "tests/weights/test_safetensors_file.py", [
        ("safetensors: never lazily", "if lazily else", "if False else"),
        ("safetensors: always lazily", "if lazily else", "if True else"),
        ("safetensors: by its name", 'beginning[LENGTH:] == b"{"', 'path.suffix == ".safetensors"'),
    ]),
    *in_file("engine/logs.py", "tests/engine/test_logs.py", [
        ("logs: a random backbone is not told", '"" if is_resumed else describe_start(config.model, model)', '""'),
        ("logs: a resumed run begins at random", '"" if is_resumed else', '"" if False else'),
    ]),
    *in_file("interop/saved.py", "tests/interop/test_saved.py", [
        ("saved: published files by their name", "not is_safetensors(path)", 'path.suffix != ".safetensors"'),
    ]),
    *in_file("models/class_rows.py", "tests/models/test_class_rows.py", [
        ("class rows: reversed", "(ids[name], i) for", "(i, ids[name]) for"),
    ]),
]  # fmt: skip
