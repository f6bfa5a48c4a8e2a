"""Registries: the names that a config may use in `type=`, and the builders behind them.

A registry imports its folder when it is first used, so a new file is enough to add a part.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from segbox.arguments import Check, given_arguments, is_own, parameters_of
from segbox.errors import ConfigError, UserError, did_you_mean

Built = TypeVar("Built")


class Registry:
    """Names and their builders (classes or functions). `home` is the package or module that registers them."""

    def __init__(self, kind: str, home: str) -> None:
        self.kind = kind
        self.home = home
        self._builders: dict[str, Callable] = {}
        self._is_loaded = False

    def register(self, builder: Callable | None = None, *, name: str | None = None) -> Callable:
        """Decorator for a class or a function; `name` if the config's name is not the builder's own."""
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
        """Build what `config["type"]` names; the other entries are its arguments. See `call`."""
        place = path or self.kind
        builder = self.builder_of(config, place)
        return call(builder, {key: value for key, value in config.items() if key != "type"}, place, **context)

    def builder_of(self, config: Mapping, place: str) -> Callable:
        """The builder that `config["type"]` names."""
        if not isinstance(config, Mapping):
            raise ConfigError(f"{place}: expected dict(type=..., ...), got {config!r}")
        if "type" not in config:
            raise ConfigError(f"{place}: has no `type`. A {self.kind} is one of: {', '.join(self)}")
        return self.get(config["type"], place)

    def get(self, name: str, place: str = "") -> Callable:
        self._load()
        if not isinstance(name, str) or name not in self._builders:
            raise ConfigError(
                f"{place or self.kind}: there is no {self.kind} {name!r}.{did_you_mean(name, self._builders)}"
                f" Known: {', '.join(sorted(self._builders))}"
            )
        return self._builders[name]

    def __getitem__(self, name: str) -> Callable:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        self._load()
        return isinstance(name, str) and name in self._builders

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._builders))

    def __len__(self) -> int:
        self._load()
        return len(self._builders)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True  # before the imports: a module may use its own registry
        try:
            home = importlib.import_module(self.home)
            for module in pkgutil.iter_modules(getattr(home, "__path__", ())):
                importlib.import_module(f"{self.home}.{module.name}")
        except BaseException:
            self._is_loaded = False
            raise


def call(builder: Callable, arguments: Mapping, path: str, **context: Any) -> Any:
    """Check a config's arguments and call `builder` with them.

    The builder also gets those values of `context` that its signature names; to set these in the config is an error.
    `path` is the path in the config, for messages. A ValueError from segbox or PyTorch becomes a ConfigError. Other
    exceptions keep their type and traceback, and get the config path as a note.
    """
    refuse(Check().arguments(builder, arguments, path, context))
    takes = parameters_of(builder)
    arguments = given_arguments(arguments, path, builder)
    try:
        return builder(**arguments, **{key: value for key, value in context.items() if key in takes})
    except ConfigError:
        raise
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error
    except Exception as error:
        if isinstance(error, ValueError) and is_own(builder) and not hasattr(error, NOTES):
            raise ConfigError(f"{path}: {error}") from error
        if is_own(builder) and is_out_of_memory(error):
            raise ConfigError(f"{path}: needs more memory than is available: {error or 'MemoryError'}") from error
        note(error, f"This was raised while {path} of the config was built")
        raise


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


NOTES = "__notes__"  # the attribute in which Python keeps the notes of an exception


def note(error: Exception, text: str) -> None:
    """Add a line to the traceback of the exception; the innermost path comes first."""
    if sys.version_info >= (3, 11):
        error.add_note(text)
        return
    setattr(error, NOTES, [*getattr(error, NOTES, ()), text])
    error.args = (f"{error}\n{text}",)


def refuse(mistakes: list[str]) -> None:
    """Raise one ConfigError for all mistakes, if there are any."""
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))


def mistakes_of(builds: Iterable[Callable[[], Any]]) -> list[str]:
    """The mistakes that the builds find; their results are discarded."""
    mistakes = []
    for build in builds:
        try:
            build()
        except ConfigError as error:
            mistakes.append(str(error))
    return mistakes


def each(builds: Iterable[Callable[[], Built]]) -> list[Built]:
    """The results of all builds, or one ConfigError with the mistakes of all."""
    built, mistakes = [], []
    for build in builds:
        try:
            built.append(build())
        except ConfigError as error:
            mistakes.append(str(error))
    refuse(mistakes)
    return built


def check_type(value: Any, annotation: Any, path: str) -> None:
    """Raise ConfigError if the value does not fit the annotation (`lr=0,1` on a command line is a string)."""
    refuse(Check().value(value, annotation, path))


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
    check_type(modules, Sequence[str], "imports")
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            is_missing = isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")
            if not is_missing:
                note(error, f"This was raised by the import of {name!r}, which the config's `imports` names")
                raise
            raise ConfigError(f"imports: there is no module {name!r}; is its folder on PYTHONPATH?") from error
