"""The ledgers of one project: read when asked, a take entered once, by one process at a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shotbuild.engine.build import Done
from shotbuild.errors import StoreError
from shotbuild.host import files
from shotbuild.records import ActionResult, Digest, Step, Take
from shotbuild.spec.ledger import Ledger, ledger_file, next_number, read_ledger, take_line

EMPTY = Ledger(takes=(), last=(), unknown=())


class Ledgers:
    """read: a text file of the project, None when there is none; inside: a path of the project; locks: folder of lock
    files; has: are these bytes in the store; warn: told of what is doubtful."""

    def __init__(
        self,
        read: Callable[[str], str | None],
        inside: Callable[[str], Path],
        locks: Path,
        has: Callable[[Digest], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._read, self._inside, self._locks, self._has, self._warn = read, inside, locks, has, warn
        self._known: dict[str, Ledger] = {}

    def of(self, shot: str) -> Ledger:
        """Errors: SpecError at a damaged line."""
        if shot not in self._known:
            text = self._read(ledger_file(shot))
            self._known[shot] = EMPTY if text is None else read_ledger(shot, text)
            for kind in self._known[shot].unknown:
                self._warn(f"the ledger of {shot} has `{kind}` events, which this version of shotbuild does not know")
        return self._known[shot]

    def recorded(self, step: Step, key: str) -> ActionResult | None:
        """The result of a step whose take is in a ledger and whose bytes are in the store. key: digest of its action."""
        for shot in step.shots:
            for take in self.of(shot).takes:
                if take.action == key and self._has(take.video):
                    return ActionResult(
                        outputs=((take.output, take.video),),
                        milliseconds=take.milliseconds,
                        price=take.price,
                        operation=take.operation,
                    )
        return None

    def enter(self, done: Done) -> None:
        """Appends a take's event, once: other builds and merges may have brought it already. Errors: StoreError."""
        shot, video = done.step.shots[0], done.result.outputs[0][1]
        ledger = self.of(shot)
        if _knows(ledger, done.key, video):
            return
        if any(take.action == done.key for take in ledger.takes):
            self._warn(f"{done.step.name} came out with other bytes than the take that {ledger_file(shot)} has of it")
        try:
            self._append(done, shot, video)
        except OSError as error:
            raise StoreError(
                f"{ledger_file(shot)} cannot be written, so {done.step.name} is not in it",
                cause=str(error),
                hint="make it writable and build again: the take is kept, and is entered then",
            ) from error

    def _append(self, done: Done, shot: str, video: Digest) -> None:
        path = self._inside(ledger_file(shot))
        with files.locked(self._locks / f"ledger-{shot}.lock"):
            self._known.pop(shot)
            ledger = self.of(shot)
            if not _knows(ledger, done.key, video):
                files.append_line(path, take_line(_take(done, shot, video, next_number(ledger)), ledger.last))
            self._known.pop(shot)


def _take(done: Done, shot: str, video: Digest, number: int) -> Take:
    return Take(
        shot=shot,
        number=number,
        seed=done.action.recipe.parameters.integer("seed"),
        action=done.key,
        recipe=done.action.recipe,
        inputs=tuple((name, digest.sha256) for name, digest in done.action.inputs),
        output=done.result.outputs[0][0],
        video=video,
        price=done.result.price,
        milliseconds=done.result.milliseconds,
        operation=done.result.operation,
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _knows(ledger: Ledger, key: str, video: Digest) -> bool:
    return any(take.action == key and take.video == video for take in ledger.takes)
