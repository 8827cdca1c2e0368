"""Where the files of a project really lie, whatever links are on the way."""

import os


class Places:
    """Below one root, which is a real folder. Each folder is followed once: a season has thousands of files in one."""

    def __init__(self, root: str) -> None:
        self._within = f"{root}/".replace("//", "/")
        self._folders: dict[str, str] = {}

    def real(self, path: str) -> str:
        """path: relative, as text: making a Path of each takes longer than looking."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(self._within + folder)
        place = f"{self._folders[folder]}/{name}"
        return os.path.realpath(place) if name in ("", ".", "..") or os.path.islink(place) else place

    def inside(self, real: str) -> str | None:
        """Where a real place is below the root, None = elsewhere."""
        return f"{real}/".removeprefix(self._within).rstrip("/") if f"{real}/".startswith(self._within) else None
