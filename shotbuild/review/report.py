"""The same pages as one folder that stands alone: no server, no address outside of it. To mail, or to publish from CI."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from shotbuild.delivery import check_folder, file_part, put, text_part
from shotbuild.errors import ShotbuildError
from shotbuild.host.handover import Part
from shotbuild.records import Digest, SourceFile
from shotbuild.review import pages
from shotbuild.review.pages import HERE, Frame
from shotbuild.review.scope import Scope
from shotbuild.review.views import Views
from shotbuild.takes import proxies
from shotbuild.takes.proxies import Made
from shotbuild.workspace import Workspace

STATIC = ("page.css", "player.css", "page.js", "frames.js", "player.js", "cut.js", "icon.svg")
HOME = "index.html"


@dataclass(frozen=True, slots=True)
class Filed:
    """Addresses from one page of the folder to what lies in it. up: from that page to the folder, as `../`; wanted: told of
    every file that a page names: path → sha256."""

    up: str
    wanted: dict[str, str] = field(default_factory=dict)

    def board(self) -> str:
        return f"{self.up}{HOME}"

    def shot(self, name: str) -> str:
        return f"{self.up}shots/{name}.html"

    def sequence(self, name: str) -> str:
        return f"{self.up}sequences/{name}.html"

    def spending(self) -> str:
        return f"{self.up}spending.html"

    def media(self, video: str, what: str) -> str:
        return self._file(f"media/{video[:16]}/{what}", f"{what} {video}")

    def sound(self, sha256: str) -> str:
        return self._file(f"media/{sha256[:16]}.wav", f"sound {sha256}")

    def reference(self, sha256: str) -> str:
        return self._file(f"media/{sha256[:16]}", f"reference {sha256}")

    def delivered(self, path: str) -> str:
        return self._file(f"delivered/{path}", f"delivered {path}")

    def static(self, name: str) -> str:
        return f"{self.up}page/{name}"

    def _file(self, path: str, what: str) -> str:
        self.wanted[path] = what
        return f"{self.up}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """folder: as it was named; pages: how many; written, kept: files; lacking: takes of which nothing can be shown → why."""

    folder: Path
    pages: int
    written: int
    kept: int
    lacking: Mapping[str, str]
