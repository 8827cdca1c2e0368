"""The desk at which shots and cuts are settled: everything that they share. Knows nothing of either."""

from dataclasses import dataclass

from shotbuild.spec.house import House, Tables
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import Names
from shotbuild.spec.prompts import Prompts


@dataclass(frozen=True, slots=True)
class Desk:
    house: House
    tables: Tables
    prompts: Prompts
    reader: Reader
    shots: Names
    sequences: Names
