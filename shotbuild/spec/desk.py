"""The desk at which shots and cuts are settled: everything that they share. Knows nothing of either."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shotbuild.errors import Location
from shotbuild.records import Fields
from shotbuild.spec.house import House, ModelTable, Tables
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import Names
from shotbuild.spec.nodes import Entry, nothing
from shotbuild.spec.prompts import Prompts

NOTHING = Fields()


@dataclass(frozen=True, slots=True)
class Maker:
    """Who was named. provider: the project's name, use: its own; model: None when something was wrong and is reported;
    layers: settings as written, weakest first; sound: no setting was wrong; location: where it is told what it does not do,
    when nothing nearer is written; whole: the settings with those that came later at their defaults."""

    provider: str
    use: str
    model: ModelTable | None
    layers: tuple[Mapping[str, Entry], ...]
    settings: Fields
    sound: bool
    location: Location
    whole: Fields = NOTHING

    @property
    def model_name(self) -> str | None:
        return None if self.model is None else self.model.name

    def setting(self, name: str) -> Location | None:
        """Where the value of a setting that counts is written; None = nowhere."""
        said = (layer[name].value for layer in reversed(self.layers) if name in layer and not nothing(layer[name].value))
        return next((value.location for value in said), None)


@dataclass(frozen=True, slots=True)
class Desk:
    """makers: those that were named so far without settings of their own, by what was said of them."""

    house: House
    tables: Tables
    prompts: Prompts
    reader: Reader
    shots: Names
    sequences: Names
    makers: dict[tuple[str | bool | None, ...], Maker] = field(default_factory=dict)
