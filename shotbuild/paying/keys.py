"""Whether services can be asked from here: keys by name, never by value, and models near their end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from shotbuild.paying.offers import SOON
from shotbuild.providers.interface import Provider, is_service
from shotbuild.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One service. sets: its sets of variables, with whether each is complete; variables: others that it reads, with
    whether they are set; address: where another one than its own is asked, else None."""

    name: str
    sets: tuple[tuple[tuple[str, ...], bool], ...]
    variables: tuple[tuple[str, bool], ...]
    address: str | None

    @property
    def ready(self) -> bool:
        return not self.sets or any(is_set for _, is_set in self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A model that is gone, or soon will be. day: ISO 8601, the last one; days: until then, below 0 = it is past."""

    provider: str
    model: str
    day: str
    days: int


def keys_of(providers: Mapping[str, Provider], names: Iterable[str], environ: Mapping[str, str]) -> tuple[Keys, ...]:
    """names: of the services to look at; others are passed over."""
    found: list[Keys] = []
    for name in sorted(set(names)):
        provider = providers[name]
        if not is_service(provider):
            continue
        other = environ.get(provider.variable)
        found.append(
            Keys(
                name=name,
                sets=tuple((names, all(environ.get(each) for each in names)) for names in provider.keys),
                variables=tuple((each, bool(environ.get(each))) for each in provider.variables),
                address=_shown(other) if other else None,
            )
        )
    return tuple(found)


def used(workspace: Workspace) -> frozenset[tuple[str, str]]:
    """The providers and models that the project's shots are made and finished with."""
    ffmpeg = workspace.rooms.tools(workspace.project)
    return frozenset((pin.provider, pin.model) for _, pin in workspace.casting.resolved(ffmpeg).providers)


def endings(providers: Mapping[str, Provider], models: Iterable[tuple[str, str]], today: date) -> tuple[Ending, ...]:
    """Those of some models that are past their end, or near it."""
    found: list[Ending] = []
    for name, model in sorted(models):
        ends = providers[name].models[model].ends if model in providers[name].models else None
        if ends is not None and (last := date.fromisoformat(ends)) - today <= SOON:
            found.append(Ending(provider=name, model=model, day=ends, days=(last - today).days))
    return tuple(found)


def _shown(address: str) -> str:
    """An address without what may be a secret in it: a name and password before `@`, and all after `?`."""
    scheme, slashes, rest = address.partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"
