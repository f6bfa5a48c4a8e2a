"""Writes segbox/interop/mmseg/zoo.tsv. Two steps, as mmsegmentation and segbox need not share an environment:

python make_zoo.py table      # where mmsegmentation is installed: names, scores, addresses, parameters
python make_zoo.py needs      # where segbox is, with SEGBOX_MMSEG_CONFIGS: what segbox lacks for each
"""

import csv
import logging
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "segbox" / "interop" / "mmseg" / "zoo.tsv"
COLUMNS = ("name", "dataset", "mIoU", "mIoU_flip", "mDice", "parameters", "url", "config", "needs")
# Mistakes in the metafiles of 1.2.2: names of configs that do not exist, and names given to two models.
WRONG_CONFIGS = {
    "deeplabv3plus/ddeeplabv3plus_r101-d16-mg124_4xb2-40k_cityscapes-512x1024.py": (
        "deeplabv3plus/deeplabv3plus_r101-d16-mg124_4xb2-40k_cityscapes-512x1024.py"
    ),
    "emanet/eemanet_r50-d8_4xb2-80k_cityscapes-512x1024.py": "emanet/emanet_r50-d8_4xb2-80k_cityscapes-512x1024.py",
    "poolformer/fpn_poolformer_s36_8xb4-40k_ade20k-512x512.py": (
        "poolformer/fpn_poolformer_s36_8x4_512x512_40k_ade20k.py"
    ),
}
OF_FILES = {  # beginning of the file's name: its config
    "bisenetv1_r101-d32_lr5e-3_4x4": "bisenetv1/bisenetv1_r101-d32_4xb4-160k_coco-stuff164k-512x512.py",
    "deeplabv3plus_r101-d8_512x512_80k_ade20k": "deeplabv3plus/deeplabv3plus_r101-d8_4xb4-80k_ade20k-512x512.py",
    "fastfcn_r50-d32_jpu_aspp_4x4": "fastfcn/fastfcn_r50-d32_jpu_aspp_4xb4-80k_cityscapes-512x1024.py",
    "fastfcn_r50-d32_jpu_psp_4x4": "fastfcn/fastfcn_r50-d32_jpu_psp_4xb4-80k_cityscapes-512x1024.py",
    "fastfcn_r50-d32_jpu_enc_4x4": "fastfcn/fastfcn_r50-d32_jpu_enc_4xb4-80k_cityscapes-512x1024.py",
    "ocrnet_hr18s_512x512_160k_ade20k": "ocrnet/ocrnet_hr18s_4xb4-160k_ade20k-512x512.py",
    "ocrnet_hr18_512x512_160k_ade20k": "ocrnet/ocrnet_hr18_4xb4-160k_ade20k-512x512.py",
    "pspnet_r50-d32_512x1024_80k_cityscapes": "pspnet/pspnet_r50-d32_4xb2-80k_cityscapes-512x1024.py",
    "twins_svt-l_uperhead_8x2": "twins/twins_svt-l_uperhead_8xb2-160k_ade20k-512x512.py",
}


def write(rows: list[dict]) -> None:
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read() -> list[dict]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def make_table() -> None:
    import mmseg
    import yaml

    configs = Path(mmseg.__file__).parent / ".mim" / "configs"
    known = {row["config"]: row["parameters"] for row in read()} if TABLE.exists() else {}
    rows = []
    for metafile in sorted(configs.glob("*/metafile.yaml")):
        for model in yaml.safe_load(metafile.read_text(encoding="utf-8")).get("Models", ()):
            if model.get("Weights"):
                rows.append(row_of(model, configs))
    for row in rows:
        row["parameters"] = known.get(row["config"]) or count_parameters(configs / row["config"])
    write(rows)


def row_of(model: dict, configs: Path) -> dict:
    url = model["Weights"].replace("download.oz1z1penmmlab.com", "download.openmmlab.com")
    file = url.rpartition("/")[2]
    config = model["Config"].removeprefix("configs/")
    config = next((right for start, right in OF_FILES.items() if file.startswith(start)), config)
    config = WRONG_CONFIGS.get(config, config)
    assert (configs / config).is_file(), config
    results = model.get("Results") or {}
    results = results[0] if isinstance(results, list) else results
    metrics = results.get("Metrics") or {}
    return {
        "name": Path(config).stem,
        "dataset": dataset_of(Path(config).stem),
        "mIoU": metrics.get("mIoU", ""),
        "mIoU_flip": metrics.get("mIoU(ms+flip)", ""),
        "mDice": metrics.get("mDice", ""),
        "url": url,
        "config": config,
        "needs": "",
    }


DATASETS = {
    "cityscapes": "Cityscapes",
    "ade20k": "ADE20K",
    "voc12aug": "Pascal VOC 2012",
    "pascal-context-59": "Pascal Context 59",
    "pascal-context": "Pascal Context 60",
    "coco-stuff10k": "COCO-Stuff 10k",
    "coco-stuff164k": "COCO-Stuff 164k",
    "chase-db1": "CHASE_DB1",
    "drive": "DRIVE",
    "hrf": "HRF",
    "stare": "STARE",
    "loveda": "LoveDA",
    "potsdam": "Potsdam",
    "vaihingen": "Vaihingen",
    "isaid": "iSAID",
    "mapillay": "Mapillary Vistas 1.2",
    "mapillary": "Mapillary Vistas 1.2",
    "nyu": "NYU Depth",
}


def dataset_of(name: str) -> str:
    return next(title for word, title in DATASETS.items() if word in name)


def count_parameters(path: Path) -> int | str:
    """Of the model in mmsegmentation; empty where it cannot be built."""
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    config = Config.fromfile(path)
    init_default_scope(config.get("default_scope", "mmseg"))
    single_process(config.model)
    for device in ("meta", "cpu"):  # some parts read values while they are built
        try:
            with torch.device(device):
                model = MODELS.build(config.model)
            return sum(value.numel() for value in model.parameters())
        except Exception as error:
            reason = repr(error)
    print(path.stem, reason[:200], file=sys.stderr)
    return ""


def single_process(value: object) -> None:
    """Norms for one process, and nothing to download."""
    if isinstance(value, dict):
        if value.get("type") in ("SyncBN", "MMSyncBN"):
            value["type"] = "BN"
        if isinstance(value.get("pretrained"), str):
            value["pretrained"] = None
        if isinstance(value.get("init_cfg"), dict) and value["init_cfg"].get("type") == "Pretrained":
            value["init_cfg"] = None
        value = list(value.values())
    for inner in value if isinstance(value, list | tuple) else ():
        single_process(inner)


def fill_needs() -> None:
    sys.path.insert(0, str(ROOT))
    from segbox.errors import UserError
    from segbox.interop.mmseg.config_file import read_config_file
    from segbox.interop.mmseg.convert import convert

    rows = read()
    for row in rows:
        try:
            convert(read_config_file(Path(os.environ["SEGBOX_MMSEG_CONFIGS"]) / row["config"]), {})
            row["needs"] = ""
        except UserError as error:
            row["needs"] = str(error)
    write(rows)
    print(f"{sum(not row['needs'] for row in rows)} of {len(rows)} published models can be built")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    {"table": make_table, "needs": fill_needs}[sys.argv[1]]()
