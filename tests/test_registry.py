"""Registries build what a config names, and say where and how a config is wrong."""

import sys

import pytest

from segbox.errors import ConfigError, DataError
from segbox.registry import BACKBONES, HEADS, HOOKS, Registry, call, import_extensions


@pytest.fixture
def parts():
    registry = Registry("part", "segbox.errors")

    @registry.register
    class Wheel:
        def __init__(self, radius: float, spokes: int = 3, name: str | None = None, in_channels: int = 0) -> None:
            if spokes < 0:
                raise ConfigError(f"model.part: spokes={spokes}: expected 0 or more")
            self.radius, self.spokes, self.name, self.in_channels = radius, spokes, name, in_channels

    @registry.register(name="Missing")
    def needs_a_file() -> None:
        raise DataError("a.png: is missing")

    return registry


def test_a_builder_gets_arguments_and_the_context_it_names(parts):
    wheel = parts.build({"type": "Wheel", "radius": 2, "spokes": 5}, in_channels=7, num_classes=9)
    assert (wheel.radius, wheel.spokes, wheel.in_channels) == (2, 5, 7)
    assert list(parts) == ["Missing", "Wheel"] and "Wheel" in parts and len(parts) == 2
    assert parts["Wheel"] is type(wheel)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Whel"}, r'model\.part: there is no part .Whel.\. Did you mean "Wheel"\? Known: Missing, Wheel'),
        ({"radius": 1}, "model.part: has no `type`. A part is one of: Missing, Wheel"),
        ("Wheel", "model.part: expected dict"),
        ({"type": "Wheel"}, "model.part: Wheel needs the argument 'radius'"),
        ({"type": "Wheel", "radius": 1, "spoke": 2}, r'model\.part\.spoke: .*Did you mean "spokes"\? It takes: radius'),
        ({"type": "Wheel", "radius": 1, "in_channels": 2}, "model.part.in_channels: is inferred"),
        ({"type": "Wheel", "radius": 1, "spokes": -1}, "model.part: spokes=-1"),
        ({"type": "Wheel", "radius": "0,1"}, "model.part.radius: expected a number, got '0,1'"),
        ({"type": "Wheel", "radius": 1, "spokes": 2.5}, r"model\.part\.spokes: expected a whole number, got 2\.5"),
        ({"type": "Wheel", "radius": 1, "name": 3}, "model.part.name: expected a string or None, got 3"),
    ],
)
def test_mistakes_are_told_with_their_place(parts, config, message):
    with pytest.raises(ConfigError, match=message):
        parts.build(config, "model.part", in_channels=7)


def test_a_whole_number_is_text_where_only_text_is_taken():
    """`--cfg-options model.backbone.variant=50` cannot say that it means "50"."""
    assert call(lambda variant: variant, {"variant": 50}, "model.backbone") == 50
    assert call(takes_text, {"variant": 50}, "model.backbone") == "50"
    for value in (True, 5.0, None):
        with pytest.raises(ConfigError, match=f"model.backbone.variant: expected a string, got {value}"):
            call(takes_text, {"variant": value}, "model.backbone")


def takes_text(variant: str) -> str:
    return variant


def test_a_part_that_refuses_keeps_the_kind_of_its_error(parts):
    with pytest.raises(DataError, match=r"data\.train: a\.png: is missing"):
        parts.build({"type": "Missing"}, "data.train")


@pytest.mark.parametrize("kind", [KeyError, TypeError, ValueError])
def test_a_bug_in_a_part_from_outside_is_not_taken_for_a_mistake_of_the_user(kind):
    """Neither where it is built, nor by the parts of the package that it is built inside of."""

    def broken() -> None:
        raise kind("bug")

    def own() -> None:
        call(broken, {}, "model.head")

    own.__module__ = "segbox.models.own"
    with pytest.raises(kind) as caught:
        call(own, {}, "model")
    assert caught.traceback[-1].name == "broken"
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == [
            "This was raised while model.head of the config was built",
            "This was raised while model of the config was built",
        ]


def test_a_value_that_a_part_of_the_package_refuses_is_a_mistake_of_the_user():
    with pytest.raises(ConfigError, match=r"hooks\.lr_schedule: milestones=\(2,\): expected fractions of the run"):
        HOOKS.build({"type": "StepLR", "milestones": (2,)}, "hooks.lr_schedule")


def test_all_mistakes_are_told_at_once(parts):
    with pytest.raises(ConfigError) as caught:
        parts.build({"type": "Wheel", "spoke": 2, "name": 3, "spokes": "x"}, "model.part")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "model.part.spoke", "model.part.name", "model.part.spokes", "model.part"
    ]  # fmt: skip


def test_one_name_for_two_builders_is_refused(parts):
    with pytest.raises(ConfigError, match="'Wheel' is registered twice"):
        parts.register(name="Wheel")(dict)


def test_a_registry_imports_its_folder(tmp_path, monkeypatch):
    package = tmp_path / "my_parts"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "star.py").write_text("from my_parts_registry import PARTS\n@PARTS.register\ndef Star(): return 5\n")
    (tmp_path / "my_parts_registry.py").write_text(
        "from segbox.registry import Registry\nPARTS = Registry('part', 'my_parts')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from my_parts_registry import PARTS

    assert PARTS.build({"type": "Star"}) == 5
    for name in [name for name in sys.modules if name.startswith("my_parts")]:
        del sys.modules[name]


def test_extensions_register_parts_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "own_hook.py").write_text(
        "from segbox.registry import HOOKS\nfrom segbox.engine.hooks.hook import Hook\n"
        "@HOOKS.register\nclass OwnHook(Hook): ...\n"
    )
    (tmp_path / "needs_more.py").write_text("import no_such_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_extensions(["own_hook"])
    assert "OwnHook" in HOOKS
    del HOOKS._builders["OwnHook"]
    with pytest.raises(ConfigError, match="imports: there is no module 'own_hok'; is its folder on PYTHONPATH"):
        import_extensions(["own_hok"])
    with pytest.raises(ConfigError, match="imports: expected a list of strings, got 'own_hook'"):
        import_extensions("own_hook")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing") as caught:  # a bug there keeps its stack trace
        import_extensions(["needs_more"])
    assert "the import of 'needs_more'" in str(getattr(caught.value, "__notes__", caught.value))


def test_words_of_the_config_are_the_names_of_the_classes():
    for registry in (BACKBONES, HEADS, HOOKS):
        assert all(registry[name].__name__ == name for name in registry)
