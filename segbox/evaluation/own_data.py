"""The data set of a trained model that says how images are prepared, but not where they lie."""

from collections.abc import Mapping
from typing import Any

from segbox.config import load_config, shipped_configs
from segbox.data.loader import classes_without_files
from segbox.interop.saved import Saved


def own_data(saved: Saved) -> dict[str, Any]:
    """The section `data` of a saved model.

    Without a type, data.val is the shipped data set that the model was trained on, or else a folder `data`: of one's
    own with data.val.root=FOLDER.
    """
    data = dict(saved.config.get("data") or {})
    val = data.get("val") or {}
    if "type" in val or "dataset" in val or "datasets" in val:
        return data
    path = shipped_configs() / "_base_" / "datasets" / f"{saved.dataset}.py"
    if saved.dataset is not None and path.is_file():
        shipped = dict(load_config(path).data.val)
        return {**data, "val": {**shipped, **val, **background(shipped, saved.classes)}}
    named = {} if saved.classes is None else {"classes": list(saved.classes)}
    return {**data, "val": {"type": "FolderDataset", "root": "data", **named, **val}}


def background(shipped: Mapping[str, Any], classes: Any) -> dict[str, bool]:
    """The option of a data set whose id 0 is a class for this model only."""
    if "use_background" not in shipped or classes is None:
        return {}
    return {"use_background": len(classes) == len(classes_without_files({**shipped, "use_background": True}))}
