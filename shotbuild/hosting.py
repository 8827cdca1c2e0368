"""Generators of one's own before they are asked: what they are now, beside what the lock has of them.

A build looks at each of them once, before the first take that is missing. What is not in the lock is put into it; what is no
longer as the lock has it makes nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from shotbuild.casting import UNPINNED, Casting, OwnGenerator
from shotbuild.digest import FIRST_FRAME
from shotbuild.errors import GateError, Location, ProviderUnavailable, ShotbuildError, SpecError
from shotbuild.host.wire import Http, Reply
from shotbuild.providers.interface import Site, is_hosted, is_service
from shotbuild.purchasing import Lines
from shotbuild.records import Digest, Facts, Shot, Step, Wish
from shotbuild.rooms import Rooms
from shotbuild.spec.lockfile import FILE, facts_differ

TAKE_ON = "bring back what the lock has, or take on what is there with `shotbuild lock --update`"


class Hosting:
    """The generators of one project, each looked at once. Closed by its maker."""

    def __init__(self, casting: Casting, rooms: Rooms) -> None:
        self._casting, self._rooms, self._lines = casting, rooms, Lines()
        self._found: dict[str, Facts | ShotbuildError] = {}
        self._sites: dict[str, Site] = {}

    def facts(self, name: str) -> Facts:
        """What a generator is now. name: of its entry in the lock. Errors: ShotbuildError when that cannot be said."""
        if name not in self._found:
            self._found[name] = self._examined(self._casting.own[name])
        found = self._found[name]
        if isinstance(found, ShotbuildError):
            raise found
        return found

    def refusal(self, step: Step) -> ShotbuildError | None:
        """Why a step that asks a generator of one's own may not ask it; None also where it asks no such one."""
        if step.use is None or not is_hosted(self._casting.providers.get(step.recipe.pins[0].provider)):
            return None
        name, pin = self._casting.own_of(step), step.recipe.pins[0]
        if name is None:
            return GateError(
                f"{step.name} asks for a {pin.provider} that {FILE} does not have",
                location=step.location,
                cause=f"{pin.model} {pin.version}",
                hint="bring back the settings that it was made with",
            )
        try:
            now = self.facts(name)
        except ShotbuildError as error:
            return error
        if pin.version == UNPINNED:
            return GateError(f"{name} is not in {FILE}", location=step.location, hint="run `shotbuild lock --update`")
        found = facts_differ(name, self._casting.locked[name], now)
        if not found:
            return None
        return GateError(
            f"{name} is not what {FILE} has, so {step.name} is not made",
            location=step.location,
            cause="\n".join(found),
            hint=TAKE_ON,
        )

    def close(self) -> None:
        self._lines.close()

    def objections(self, shots: Sequence[Shot]) -> Iterator[SpecError]:
        """What the generators of shots cannot do of what is wished. Says whom it could not reach."""
        silent: set[str] = set()
        told: set[tuple[str, str, str]] = set()
        for shot in shots:
            own = self._casting.own_by(shot)
            if own is None:
                continue
            try:
                facts = self._casting.locked.get(own.name)
                for each in own.provider.inspect(own.model, self._wish(shot, own), facts, self._site(own)):
                    # Most shots have the same workflow or weights, which are wrong once.
                    if (own.name, each.key, each.message) in told:
                        continue
                    told.add((own.name, each.key, each.message))
                    yield SpecError(
                        f"shot {shot.name}, {each.key}: {each.message}",
                        location=self._place(shot, own, each.key),
                        cause=each.cause or None,
                        hint=each.remedy or None,
                    )
            except ProviderUnavailable as error:
                if own.use not in silent:
                    silent.add(own.use)
                    self._rooms.warn(f"{own.use} was not asked what it can do: {error.message}")
            except ShotbuildError as error:
                yield SpecError(error.message, location=shot.location, cause=error.cause, hint=error.hint)

    def _place(self, shot: Shot, own: OwnGenerator, key: str) -> Location:
        """Where an objection is told: at the file that a setting names, else at the shot."""
        path = own.settings.get(key) if key in self._casting.provider_of(own.use).models[own.model].files else None
        return Location(file=path, line=1, column=1) if isinstance(path, str) else shot.location

    def _examined(self, own: OwnGenerator) -> Facts | ShotbuildError:
        try:
            return own.provider.examine(own.model, own.settings, self._site(own))
        except ShotbuildError as error:
            return self._explained(own, error)
        except OSError as error:
            return ShotbuildError(f"{own.name} cannot be looked at", cause=str(error), hint="check the disk and its files")

    def _explained(self, own: OwnGenerator, error: ShotbuildError) -> ShotbuildError:
        """The same, with which generator it is, and where a server was asked."""
        error = copy(error)
        error.message = f"{own.name}: {error.message}"
        provider = self._casting.provider_of(own.use)
        if is_service(provider) and isinstance(error, ProviderUnavailable) and not error.hint:
            where = os.environ.get(provider.variable) or provider.address
            error.hint = f"start the server, or say where it is in `{provider.variable}`; {where[:200]} was asked"
        return error

    def _site(self, own: OwnGenerator) -> Site:
        if own.use not in self._sites:
            provider = self._casting.provider_of(own.use)
            line = _Remembered(self._lines.connect(provider)) if is_service(provider) else None
            self._sites[own.use] = Site(root=self._rooms.root, digest=self._digest, http=line)
        return self._sites[own.use]

    def _digest(self, path: Path) -> Digest:
        return self._rooms.memory.digest(str(path), path)

    def _wish(self, shot: Shot, own: OwnGenerator) -> Wish:
        assert shot.duration is not None, "load gives every generated shot a duration"
        roles = [reference.role for reference in shot.references] + ([] if shot.continues is None else [FIRST_FRAME])
        return Wish(
            prompt=shot.prompt or "",
            seconds=shot.duration.exact(shot.format.rate),
            format=shot.format,
            references=tuple(sorted(roles)),
            settings=own.settings,
        )


class _Remembered:
    """A line whose look-ups are made once: many shots ask a server the same."""

    def __init__(self, line: Http) -> None:
        self._line, self.known = line, line.known
        self._got: dict[object, Reply | ShotbuildError] = {}

    def get(self, url: str, query: Mapping[str, str] | None = None, *, allow: tuple[int, ...] = ()) -> Reply:
        asked = (url, tuple(sorted((query or {}).items())), allow)
        if asked not in self._got:
            try:
                self._got[asked] = self._line.get(url, query, allow=allow)
            except ShotbuildError as error:
                self._got[asked] = error
        found = self._got[asked]
        if isinstance(found, ShotbuildError):
            raise found
        return found

    def send(self, method: str, url: str, **said: Any) -> Reply:
        return self._line.send(method, url, **said)

    def pay(self, url: str, body: Mapping[str, Any] | None = None, **said: Any) -> Reply:
        raise RuntimeError("nothing is asked for while a generator is looked at")
