"""Which providers, stages and profiles there are: the built-in tables, and those of installed packages by entry point.

Built-in stages stand in `stages.catalogue` as `module:object`, as entry points do, and are loaded when a step runs: a plan
needs to know a stage's version and fields, but not the libraries that it works with.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from shotbuild.errors import PluginError
from shotbuild.host import installed
from shotbuild.media.profiles import PROFILES
from shotbuild.providers.interface import Provider
from shotbuild.records import Profile
from shotbuild.stages.catalogue import ENHANCE, GENERATE, STAGES, Entry
from shotbuild.stages.interface import Stage

PROVIDERS: Mapping[str, str] = {
    "animatic": "shotbuild.providers.animatic:Animatic",
    "command": "shotbuild.providers.command:Command",
    "comfyui": "shotbuild.providers.comfyui:ComfyUI",
    "cog": "shotbuild.providers.cog:Cog",
    "diffusers": "shotbuild.providers.diffusers:Diffusers",
    "runway": "shotbuild.providers.runway:Runway",
    "replicate": "shotbuild.providers.replicate:Replicate",
    "fal": "shotbuild.providers.fal:Fal",
    "luma": "shotbuild.providers.luma:Luma",
    "luma-legacy": "shotbuild.providers.luma_legacy:LumaLegacy",
    "vertex": "shotbuild.providers.vertex:Vertex",
    "kling": "shotbuild.providers.kling:Kling",
    "kling-legacy": "shotbuild.providers.kling_legacy:KlingLegacy",
    "seedance": "shotbuild.providers.seedance:Seedance",
    "wan": "shotbuild.providers.wan:Wan",
    "minimax": "shotbuild.providers.minimax:MiniMax",
    "openai-video": "shotbuild.providers.openai_video:OpenAIVideo",
    "xai": "shotbuild.providers.xai:Xai",
    "topaz": "shotbuild.providers.topaz:Topaz",
}
"""Classes, made when a project names them: a plan must not wait for the price lists of services that it does not use."""

GROUPS = ("shotbuild.providers", "shotbuild.stages", "shotbuild.profiles")
Offered = TypeVar("Offered")


class Lazy(Mapping[str, Offered]):
    """Values by name that are made when they are first asked for. makers: name → what makes it."""

    def __init__(self, makers: Mapping[str, Callable[[], Offered]]) -> None:
        self._makers, self._made = makers, dict[str, Offered]()

    def __getitem__(self, name: str) -> Offered:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All that can be named in a spec. stages: what is known of each without loading it; `stage` loads one."""

    providers: Mapping[str, Provider]
    stages: Mapping[str, Entry]
    profiles: Mapping[str, Profile]
    loaded: dict[str, Stage] = field(default_factory=dict)

    def stage(self, name: str) -> Stage:
        """Errors: PluginError when it cannot be loaded, or is of another version than its entry says."""
        if name not in self.loaded:
            entry = self.stages[name]
            offered = load(entry.where, f"stage {name!r}")
            handed = {GENERATE: (self.providers, _probed), ENHANCE: (self.providers,)}
            stage: Stage = offered(*handed.get(name, ()))
            if stage.version != entry.version:
                raise PluginError(
                    f"stage {name!r} is version {stage.version}, its entry says {entry.version}",
                    cause=entry.where,
                    hint="the package that offers it is broken: install it anew or report it",
                )
            self.loaded[name] = stage
        return self.loaded[name]


def registry() -> Registry:
    """Errors: PluginError when two packages offer the same name, or one cannot be imported."""
    providers: dict[str, Callable[[], Provider]] = {name: partial(_provider, where) for name, where in PROVIDERS.items()}
    points = installed.offered(*GROUPS)
    return Registry(
        providers=Lazy(_joined("provider", providers, points["shotbuild.providers"], _offered)),
        stages=_joined("stage", STAGES, points["shotbuild.stages"], _itself),
        profiles=_joined("profile", PROFILES, points["shotbuild.profiles"], _itself),
    )


def _probed(path: Path) -> Any:
    return load("shotbuild.media.probe:probe", "the probe")(path)


def _provider(where: str) -> Provider:
    made: Provider = load(where, "a provider")()
    return made


def _offered(name: str, offered: Any) -> Callable[[], Provider]:
    """What makes the provider that a package offers: an entry point names a class, or one that is made already."""
    return partial(_made, name, offered)


def _made(name: str, offered: Any) -> Provider:
    try:
        provider: Provider = offered() if isinstance(offered, type) else offered
        called = provider.name
    except Exception as error:  # it is somebody else's code
        raise PluginError(
            f"provider {name!r} cannot be made",
            cause=f"{type(error).__name__}: {error}",
            hint="uninstall the package that offers it, or report it there",
        ) from error
    if called != name:
        # Pins, ledgers and the journal know a provider by its own name, specs by that of the entry point.
        raise PluginError(
            f"provider {name!r} calls itself {called!r}",
            cause="a provider's `name` is that of its entry point",
            hint="uninstall the package that offers it, or report it there",
        )
    return provider


def _itself(_: str, offered: Offered) -> Offered:
    return offered


def _joined(
    kind: str, built_in: Mapping[str, Offered], points: Iterable[Any], entry: Callable[[str, Any], Offered]
) -> dict[str, Offered]:
    """The built-in table and what packages offer. points: the entry points; entry: name, object → what the table has."""
    joined = dict(built_in)
    owner = dict.fromkeys(built_in, "shotbuild")
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        package = _package(point)
        if point.name in owner:
            raise PluginError(
                f"two packages offer a {kind} called {point.name!r}",
                cause=f"{owner[point.name]} and {package}",
                hint=f"uninstall one of them, for example `pip uninstall {package}`",
            )
        owner[point.name] = package
        joined[point.name] = entry(point.name, load(point.value, f"{kind} {point.name!r} of {package}"))
    return joined


def load(where: str, what: str) -> Any:
    """The object at `module:name`, imported now. Errors: PluginError."""
    module, _, name = where.partition(":")
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # a package of somebody else's may raise anything while it is imported
        raise PluginError(
            f"{what} cannot be loaded from {where}",
            cause=f"{type(error).__name__}: {error}",
            hint="uninstall the package, or install what it needs",
        ) from error


def _package(point: Any) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"
