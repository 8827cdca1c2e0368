"""The content-addressed store as a folder: cas/ab/ab12…, written once, read-only, verified when it is read."""

import os
import re
from pathlib import Path

from shotbuild.digest import of_file
from shotbuild.errors import BytesLost
from shotbuild.host import files
from shotbuild.records import Digest

READ_ONLY = 0o444


class FolderBlobs:
    """A BlobStore in `folder`. Safe for several processes: a blob appears whole, by rename, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._cas = folder / "cas"
        self._damaged = folder / "damaged"

    def has(self, digest: Digest) -> bool:
        try:
            return self._place(digest).stat().st_size == digest.size
        except OSError:
            return False

    def path(self, digest: Digest) -> Path:
        if not self.has(digest):
            raise BytesLost(
                f"bytes {digest.short} are not in the store",
                cause=f"{self._place(digest).name} is missing or has another size than {digest.size}",
                hint="run the build again: what can be made again is made again",
            )
        return self._place(digest)

    def verify(self, digest: Digest) -> None:
        if of_file(self.path(digest)) != digest:
            self._set_aside(digest)

    def adopt(self, file: Path) -> Digest:
        digest = of_file(file)
        os.chmod(file, READ_ONLY)
        files.sync_file(file)
        self._enter(file, digest)
        return digest

    def copy_in(self, file: Path) -> Digest:
        self._cas.mkdir(parents=True, exist_ok=True)
        # The digest is that of the bytes that were copied, whatever happens to the file meanwhile.
        temporary = files.temporary_beside(self._cas / "incoming")
        try:
            digest = files.copy_hashed(file, temporary)
            os.chmod(temporary, READ_ONLY)
            files.sync_file(temporary)
            self._enter(temporary, digest)
        finally:
            temporary.unlink(missing_ok=True)
        return digest

    def hand_out(self, digest: Digest, target: Path, *, hard: bool = False) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.verify(digest)
        if hard:
            temporary = files.temporary_beside(target)
            temporary.unlink()
            os.link(self._place(digest), temporary)
            os.replace(temporary, target)
            return
        with files.staged(target) as temporary:
            files.copy(self._place(digest), temporary)

    def _enter(self, file: Path, digest: Digest) -> None:
        place = self._place(digest)
        if not place.parent.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            files.sync_folder(self._cas)
        # Replacing an equal blob is harmless, and heals one that was damaged.
        os.replace(file, place)
        files.sync_folder(place.parent)

    def _set_aside(self, digest: Digest) -> None:
        self._damaged.mkdir(parents=True, exist_ok=True)
        kept = self._damaged / digest.sha256
        os.replace(self._place(digest), kept)
        raise BytesLost(
            f"bytes {digest.short} in the store do not match their digest",
            cause=f"the damaged file was set aside as damaged/{kept.name}",
            hint="run the build again: what can be made again is made again",
        )

    def _place(self, digest: Digest) -> Path:
        if not re.fullmatch("[0-9a-f]{64}", digest.sha256):
            raise BytesLost(f"{digest.sha256[:80]!r} is not a digest")
        return self._cas / digest.sha256[:2] / digest.sha256
