"""What an mmsegmentation config says of a model beside its parts: normalization and the test mode."""

from collections.abc import Iterator, Mapping
from typing import Any

from segbox.errors import ConfigError, printable
from segbox.interop.mmseg.part import same

PIPELINES = ("test_pipeline", "val_pipeline", "train_pipeline", "data", "test_dataloader")


def mean_std(config: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """The mean and std by which images (RGB bytes) are normalized."""
    found = preprocessing(config)
    values = {name: found.get(name) for name in ("mean", "std")}
    if values["mean"] is None or values["std"] is None:
        raise ConfigError("the config has no mean and std: neither model.data_preprocessor nor a Normalize transform")
    if not found.get("to_rgb", found.get("bgr_to_rgb", False)):
        raise ConfigError(
            "model.data_preprocessor: segbox gives its models images in RGB, and this one was trained on BGR"
            " (bgr_to_rgb is not True)"
        )
    return {name: tuple(map(float, value)) for name, value in values.items()}


def preprocessing(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """`data_preprocessor` of 1.x, or the arguments of the Normalize transform of 0.x."""
    own = config["model"].get("data_preprocessor") or config.get("data_preprocessor")
    if own:
        return own
    for name in PIPELINES:
        for step in transforms(config.get(name)):
            if step.get("type") == "Normalize":
                return {"to_rgb": True, **step}
    return config.get("img_norm_cfg", {})


def transforms(value: Any) -> Iterator[Mapping[str, Any]]:
    """All dicts in a value that have a type."""
    if isinstance(value, Mapping):
        if "type" in value:
            yield value
        for inner in value.values():
            yield from transforms(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from transforms(inner)


def test_section(config: Mapping[str, Any]) -> dict[str, Any]:
    """Our section `test`: whole images or windows, and the padding of images."""
    model = config["model"]
    given = dict(model.get("test_cfg") or config.get("test_cfg") or {})
    mode = given.pop("mode", "whole")
    if mode not in ("whole", "slide"):
        raise ConfigError(f"model.test_cfg.mode: {mode!r} is neither whole nor slide")
    test: dict[str, Any] = {"mode": mode}
    if mode == "slide":
        test["window"], test["stride"] = (tuple(pair(given, name)) for name in ("crop_size", "stride"))
    divisor = ((preprocessing(config).get("test_cfg") or {}).get("size_divisor")) or 1
    return test if divisor == 1 else {**test, "divisor": divisor}


def pair(values: Mapping[str, Any], name: str) -> tuple[int, int]:
    value = values.get(name)
    if isinstance(value, int):
        return value, value
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(side, int) for side in value):
        return value[0], value[1]
    raise ConfigError(f"model.test_cfg.{name}: expected height and width, got {value!r}")


def same_for_all(name: str, values: Mapping[str, Any]) -> Any:
    """A value of the whole model, from what its parts say: {"model.decode_head": True}."""
    first = next(iter(values.values()))
    for path, value in values.items():
        if not same(value, first):
            raise ConfigError(f"{path}.{name}: {value!r}, but {next(iter(values))} has {first!r}; ours is of the model")
    return first


def test_pipeline(config: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The resizing of images before the model, as our `data.val.pipeline`."""
    for name in ("test_pipeline", "val_pipeline", "test_dataloader", "val_dataloader", "data"):
        steps = list(transforms(test_part(config.get(name))))
        scale = next((step.get("img_scale") for step in steps if step.get("type") == "MultiScaleFlipAug"), None)
        for step in steps:
            if step.get("type") == "Resize":
                is_old = "scale" not in step  # 0.x, where the ratio is kept unless the config says otherwise
                return resizing(step.get("scale", step.get("img_scale", scale)), step.get("keep_ratio", is_old))
            if step.get("type") == "ResizeShortestEdge":
                return short_edge(step.get("scale"), step.get("max_size"))
    return ()


def short_edge(scale: Any, longest: Any) -> tuple[dict[str, Any], ...]:
    """The scale is the short side, or several, of which it is the smallest."""
    sides = scale if isinstance(scale, list | tuple) else (scale,)
    if not sides or not all(isinstance(side, int) for side in (*sides, longest)):
        return ()
    return ({"type": "Resize", "short": min(sides), "long": longest},)


def test_part(section: Any) -> Any:
    """The test of a section `data` of 0.x; any other section as it is."""
    return (
        (section.get("test") or section.get("val")) if isinstance(section, Mapping) and "test" in section else section
    )


def resizing(scale: Any, keep_ratio: Any) -> tuple[dict[str, Any], ...]:
    """The scale is (width, height), or with `keep_ratio` the long and the short side in any order."""
    if not isinstance(scale, list | tuple) or len(scale) != 2 or not all(isinstance(side, int) for side in scale):
        return ()
    if keep_ratio:
        return ({"type": "Resize", "short": min(scale), "long": max(scale)},)
    return ({"type": "Resize", "size": (scale[1], scale[0]), "keep_ratio": False},)


def notes_on(test: Mapping[str, Any], classes: Any, unused: list[str]) -> tuple[str, ...]:
    """What differs from mmsegmentation, or is not known."""
    notes = []
    if test["mode"] == "slide":
        notes.append("where windows overlap, segbox averages probabilities, mmsegmentation averages logits")
    if classes is None:
        notes.append("neither the checkpoint nor the config says the names of the classes")
    if unused:
        groups = sorted({name.split(".")[0] for name in unused})
        notes.append(
            f"{len(unused)} tensors are left out, as the config has no part for them:"
            f" {printable(', '.join(groups[:5]))[:200]}"
        )
    return tuple(notes)
