"""Provider `command`: a program of one's own makes the takes. It is started from a list of arguments, never by a shell.

The arguments stand in the spec as one line. It is split into words first, and only then are the names in them replaced, each
once: a prompt stays one argument, whatever is in it.

Which programs may run is said by the environment alone, in SHOTBUILD_COMMANDS, and the spec only names one of them. Who
clones a project must not run what its files say unasked, and a program that lies on PATH is no safer than one that lies in
the project: `sh -c …`, `python3 assets/x.py` and `env …` run whatever the rest of the line says.
"""

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from shotbuild.digest import of_file
from shotbuild.errors import BadTake, ProcessError, ProviderRefused, nearest
from shotbuild.host import files, process
from shotbuild.providers.common import kind_of, refused
from shotbuild.providers.interface import Model, Objection, Receipt, Request, Strength, Wish, Workplace
from shotbuild.records import FREE, Fields, Price, fields
from shotbuild.spec.fields import REQUIRED, Field, integer, text, truth
from shotbuild.spec.kinds import Reader, Schema, written_text
from shotbuild.spec.nodes import Listing, Node
from shotbuild.spec.report import Refusal, listed
from shotbuild.units import decimal_text, rate_text

VARIABLE = "SHOTBUILD_COMMANDS"
OUT = "out"
TOLD = ("prompt", "seed", "frames", "rate", "width", "height", "seconds", "take", OUT)
ROLES = (
    "first_frame", "last_frame", "reference", "reference_2", "reference_3", "reference_4", "video", "mask", "sound",
    "workflow",
)  # fmt: skip
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
SHORTEST_SECRET = 6
HIDDEN = "•••"


@lru_cache(maxsize=256)
def words_of(line: str) -> tuple[str, ...]:
    """A written line → program and arguments, names still in them. Errors: Refusal."""
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        hint = "close each quote; a quote that is meant is written `\\'` or `\\\"`"
        raise Refusal("these arguments cannot be told apart", cause=str(error), hint=hint) from error
    if not words or not PROGRAM.fullmatch(words[0]):
        raise Refusal(
            f"{words[0][:80] if words else ''!r} cannot be the name of a program",
            cause=f"the name alone is written here; {VARIABLE} says where it lies",
            hint='begin with the program\'s file name, such as `argv: "render.py --out={out}"`',
        )
    for name in (name for word in words for name in NAME.findall(word)):
        if name not in (*TOLD, *ROLES):
            guess = nearest(name, [*TOLD, *ROLES])
            hint = f"did you mean `{{{guess}}}`?" if guess else "take it out, or write it without braces"
            raise Refusal(f"no program is told {{{name[:80]}}}", cause=listed([*TOLD, *ROLES]), hint=hint)
    if f"{{{OUT}}}" not in "".join(words[1:]):
        cause = "the program has to be told where the take goes"
        raise Refusal("`{out}` is missing", cause=cause, hint="add for example `--out={out}`")
    return words


@dataclass(frozen=True, slots=True)
class Argv:
    """A program and its arguments, as one line of text."""

    def read(self, node: Node, reader: Reader) -> str | None:
        line = written_text(node, reader, "a program and its arguments, as one line of text")
        try:
            if line is not None:
                words_of(line)
        except Refusal as refusal:
            reader.report.refuse(node.location, refusal)
            return None
        return line

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"\{out\}"}


@dataclass(frozen=True, slots=True)
class Names:
    """Some names, as a list or as one text; the value is text, sorted. what: such as "input"; known: all that there are,
    empty = any; mark: what may stand at the end of one."""

    what: str
    known: tuple[str, ...] = ()
    mark: str = ""

    def read(self, node: Node, reader: Reader) -> str | None:
        nodes = node.items if isinstance(node, Listing) else (node,)
        found: set[str] = set()
        for each in nodes:
            written = written_text(each, reader, f"names of {self.what}")
            for word in re.split(r"[,\s]+", written or ""):
                bare = word.removesuffix(self.mark) if self.mark else word
                if self.known and bare and bare not in self.known:
                    reader.report.unknown(each.location, self.what, bare, self.known)
                elif bare and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", bare):
                    hint = "write names alone, apart by commas"
                    reader.report.say(each.location, f"{bare[:80]!r} is no name of {self.what}", hint=hint)
                found |= {word} if bare else set()
        return " ".join(sorted(found))

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _model(extension: str) -> Model:
    settings: dict[str, Field] = {
        "argv": Field(Argv(), REQUIRED, "The program's name and its arguments, with `{prompt}`, `{out}` and so on."),
        "version": text(longest=100, doc="The program's version. Raise it whenever the program would make other takes."),
        "inputs": Field(Names("input", ROLES, "?"), "", "References that the program reads; one with `?` may be missing."),
        "sound": truth(default=False, doc="Whether its takes carry sound."),
        "deadline": integer(1, 604_800, default=3600, doc="Seconds that one take may last before the program is stopped."),
        "environment": Field(Names("variable"), "", "Names of variables that the program sees; their values are in no key."),
    }
    return Model(
        name=extension,
        version="1",
        fields=settings,
        roles=ROLES,
        seconds=3600,
        extension=extension,
        strength=Strength.NAME,
        names=("argv", "version"),
        notes="What the program is, nobody checks: its `version` in the spec stands for it.",
    )


MODELS = {model.name: model for model in map(_model, ("mp4", "mov", "mkv"))}
"""By the file that the program writes."""


class Command:
    name = "command"
    models: Mapping[str, Model] = MODELS

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        if not isinstance(wish.settings.get("argv"), str):
            return  # it is missing, which is said elsewhere
        needed, optional = _inputs(wish.settings)
        named = {name for word in words_of(wish.settings.text("argv")) for name in NAME.findall(word)}
        for role in sorted((named & set(ROLES)) - needed - optional):
            yield Objection(
                key="argv",
                message=f"{{{role}}} is in the arguments and not among the inputs",
                remedy=f"write `inputs: {role}`, or `{role}?` where not every shot has one",
            )
        for role in sorted((needed | optional) - named):
            yield Objection(
                key="inputs",
                message=f"the input {role!r} is never told to the program",
                remedy=f"add for example `--{role.replace('_', '-')}={{{role}}}` to `argv`",
            )
        for role in sorted(needed - set(wish.references)):
            yield Objection(
                key="references",
                message=f"the program needs a {role!r}",
                remedy=f"add `references: {{{role}: assets/…}}`, or write `{role}?` under `inputs`",
            )
        for role in sorted(set(wish.references) - needed - optional):
            yield Objection(
                key="references",
                message=f"the program does not read a {role!r}",
                cause=f"its inputs: {', '.join(sorted(needed | optional)) or 'none'}",
                remedy="take it out, or add it to `inputs` and to `argv`",
            )
        if "\0" in wish.prompt:
            yield Objection(key="prompt", message="no program can be told a NUL character", remedy="take it out")

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        """Runs the program in a folder of its own, where copies of its inputs lie. Errors: ProviderRefused before it is
        started; ProcessError with the end of what it said; BadTake when it wrote no file; Cancelled."""
        for objection in self.objections(request.model, request.wish):
            raise refused(objection)
        words = words_of(request.settings.text("argv"))
        program, made = allowed(words[0], os.environ), workplace.folder / f"take.{into.suffix.lstrip('.') or 'mp4'}"
        inputs = {role: _copied(role, path, workplace.folder) for role, path in request.references}
        paths = {OUT: str(made), **{role: str(path) for role, path in inputs.items()}}
        shown = {OUT: made.name, **{role: path.name for role, path in request.references}}
        kept = (*KEPT, *str(request.settings.get("environment") or "").split())
        mark = of_file(program)
        argv = [str(program), *arguments(words[1:], {**_told(request), **paths})]
        said = _run(argv, kept, workplace, request.settings.integer("deadline"))
        if made.is_symlink() or not made.is_file() or not made.stat().st_size:
            raise BadTake(
                f"{words[0]} ended well and left no take",
                cause=f"nothing that is a file of its own lies at {{out}}; it said: {said or 'nothing'}",
                hint="let it write the take to the path that it is told as `{out}`",
            )
        shutil.move(made, into)
        sent = fields(argv=(words[0], *arguments(words[1:], {**_told(request), **shown})))
        return Receipt(sent=sent, answered=fields(program=str(mark)), pin=None, charged=None)


def arguments(words: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """Each word with its names replaced, once. A word that names an input which the shot does not have is left out."""
    known = [word for word in words if set(NAME.findall(word)) <= set(values)]
    replaced: Callable[[str], str] = partial(NAME.sub, lambda match: values[match[1]])
    return [replaced(word) for word in known]


def allowed(name: str, environ: Mapping[str, str]) -> Path:
    """Where a program lies that a project names, by what the environment allows. Errors: ProviderRefused."""
    for entry in filter(None, map(str.strip, environ.get(VARIABLE, "").split(os.pathsep))):
        bare = "/" not in entry
        found = shutil.which(entry, path=environ.get("PATH")) if bare else os.path.expanduser(entry)
        if Path(entry).name != name or not found or not Path(found).is_absolute():
            continue
        if not Path(found).is_file() or not os.access(found, os.X_OK):
            raise ProviderRefused(
                f"{name} cannot be run", cause=f"{VARIABLE} names {found}", hint="name a file that may be executed"
            )
        return Path(found)
    raise ProviderRefused(
        f"{name} is not among the programs that a project may run here",
        cause=f"{VARIABLE} is {environ.get(VARIABLE)!r}; what a cloned project names is not run unasked"
        if environ.get(VARIABLE)
        else f"{VARIABLE} is not set; what a cloned project names is not run unasked",
        hint=f"if you trust it, say where it lies: `export {VARIABLE}=/absolute/path/{name}`",
    )


def _told(request: Request) -> dict[str, str]:
    return {
        "prompt": request.prompt,
        "seed": str(request.seed),
        "frames": str(request.frames),
        "rate": rate_text(request.format.rate),
        "width": str(request.format.size.width),
        "height": str(request.format.size.height),
        "seconds": decimal_text(request.seconds, 6),
        "take": str(request.take),
    }


def _inputs(settings: Fields) -> tuple[set[str], set[str]]:
    """(inputs that have to be there, inputs that may be missing)."""
    words = str(settings.get("inputs") or "").split()
    return {word for word in words if not word.endswith("?")}, {word[:-1] for word in words if word.endswith("?")}


def _copied(role: str, path: Path, folder: Path) -> Path:
    """A copy with a suffix: files of the store have none, and belong to nobody's program."""
    suffix = kind_of(path)[1]
    target = folder / (role if suffix == "bin" else f"{role}.{suffix}")
    files.copy(path, target)
    return target


def _run(argv: list[str], kept: Iterable[str], workplace: Workplace, deadline: int) -> str:
    """Runs the program; gives the end of what it said. Errors: ProcessError, Cancelled."""
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    secrets = [value for name, value in environ.items() if name not in KEPT and len(value) >= SHORTEST_SECRET]
    try:
        _, said = process.run(
            argv, cwd=workplace.folder, cancel=workplace.cancel, deadline=deadline, environ=environ, joined=True
        )
    except ProcessError as error:
        raise ProcessError(_without(secrets, error.message), cause=_without(secrets, error.cause or "")) from error
    return _without(secrets, "\n".join(said.strip().splitlines()[-process.STDERR_LINES :]))


def _without(secrets: Iterable[str], said: str) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        said = said.replace(secret, HIDDEN)
    return said
