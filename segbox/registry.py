"""Registries: the words that a config may use after `type=`, and what they build.

A registry imports its own folder when it is first asked, so a part is added by adding a file.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any

from segbox.errors import ConfigError, UserError, did_you_mean

PLAIN_TYPES = {"int": int, "float": int | float, "bool": bool, "str": str, "None": NoneType}


class Registry:
    """Names to builders (classes or functions). `home` is the package or module that registers them."""

    def __init__(self, kind: str, home: str) -> None:
        self.kind = kind
        self.home = home
        self._builders: dict[str, Callable] = {}
        self._is_loaded = False

    def register(self, builder: Callable | None = None, *, name: str | None = None) -> Callable:
        """Decorator for a class or a function; `name` where the config's word is not the builder's own."""
        if builder is None:
            return lambda builder: self.register(builder, name=name)
        name = name or builder.__name__
        other = self._builders.get(name)
        if other is not None and (other.__module__, other.__qualname__) != (builder.__module__, builder.__qualname__):
            raise ConfigError(
                f"{self.kind} {name!r} is registered twice: in {other.__module__} and {builder.__module__}"
            )
        self._builders[name] = builder
        return builder

    def build(self, config: Mapping, path: str = "", **context: Any) -> Any:
        """Build what `config["type"]` names; the other entries are its arguments. See `call` for the rest."""
        place = path or self.kind
        if not isinstance(config, Mapping):
            raise ConfigError(f"{place}: expected dict(type=..., ...), got {config!r}")
        if "type" not in config:
            raise ConfigError(f"{place}: has no `type`. A {self.kind} is one of: {', '.join(self)}")
        builder = self.get(config["type"], place)
        return call(builder, {key: value for key, value in config.items() if key != "type"}, place, **context)

    def get(self, name: str, place: str = "") -> Callable:
        self._load()
        if name not in self._builders:
            raise ConfigError(
                f"{place or self.kind}: there is no {self.kind} {name!r}.{did_you_mean(name, self._builders)}"
                f" Known: {', '.join(sorted(self._builders))}"
            )
        return self._builders[name]

    def __getitem__(self, name: str) -> Callable:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._builders

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._builders))

    def __len__(self) -> int:
        self._load()
        return len(self._builders)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True  # before the imports: a module may look into its own registry
        try:
            home = importlib.import_module(self.home)
            for module in pkgutil.iter_modules(getattr(home, "__path__", ())):
                importlib.import_module(f"{self.home}.{module.name}")
        except BaseException:
            self._is_loaded = False
            raise


def call(builder: Callable, arguments: Mapping, path: str, **context: Any) -> Any:
    """Call `builder` with a config's arguments, refusing those that it does not take.

    `context` is offered: a builder gets what its signature names, and a config that gives the same is refused.
    `path` is where the config stands, for messages.
    """
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"{path}: expected a dict, got {arguments!r}")
    parameters = inspect.signature(builder).parameters.values()
    takes = {p.name: p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    offered = {key: value for key, value in context.items() if key in takes}
    settable = [name for name in takes if name not in context]
    for key in arguments:
        if key in offered:
            raise ConfigError(f"{path}.{key}: is worked out by the program; take it out of the config")
        if key not in takes:
            raise ConfigError(
                f"{path}.{key}: {builder.__name__} takes no argument {key!r}.{did_you_mean(key, settable)}"
                f" It takes: {', '.join(settable) or 'none'}"
            )
        check_type(arguments[key], takes[key].annotation, f"{path}.{key}")
    for name, parameter in takes.items():
        if parameter.default is parameter.empty and name not in arguments and name not in offered:
            raise ConfigError(f"{path}: {builder.__name__} needs the argument {name!r}")
    try:
        return builder(**arguments, **offered)
    except ConfigError:
        raise
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def check_type(value: Any, annotation: Any, path: str) -> None:
    """Refuse a word where a number belongs (`lr=0,1` on a command line). Only plain types are looked at."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    words = text.split(" | ")
    if not all(word in PLAIN_TYPES for word in words):
        return
    expected = [PLAIN_TYPES[word] for word in words]
    if not any(isinstance(value, kind) for kind in expected):
        raise ConfigError(f"{path}: expected {' or '.join(words)}, got {value!r}")


BACKBONES = Registry("backbone", "segbox.models.backbones")
NECKS = Registry("neck", "segbox.models.necks")
HEADS = Registry("head", "segbox.models.heads")
LOSSES = Registry("loss", "segbox.models.losses")
SEGMENTORS = Registry("segmentor", "segbox.models.segmentors")
DATASETS = Registry("data set", "segbox.data.datasets")
TRANSFORMS = Registry("transform", "segbox.data.transforms")
HOOKS = Registry("hook", "segbox.engine.hooks")
OPTIMIZERS = Registry("optimizer", "segbox.engine.optim")


def import_extensions(modules: list[str] | tuple[str, ...]) -> None:
    """The config's `imports`: modules outside the package that register parts of their own."""
    if isinstance(modules, str):
        raise ConfigError(f"imports: expected a list of modules, got {modules!r}")
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
            raise ConfigError(f"imports: there is no module {name!r}; is its folder on PYTHONPATH?") from error
