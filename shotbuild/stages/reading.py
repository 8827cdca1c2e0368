"""Parameters of a step → the shots, pictures and effect files that a graph of `media` is built from.

Rows of `shots`: input, length, fit, pixels, own (rate of its effects, null without any), ready (is it an intermediate of
ours, at `own`) and effects. The file of an effect is the input of its plain name without suffix: `shot0-effect1-file.cube`
and `shot0-effect1-file`.
"""

from functools import lru_cache
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host import files
from shotbuild.media.leaves import Leaf, Ready, Shot, Source
from shotbuild.media.probe import Probe, glance, probe
from shotbuild.media.segments import Inset, Mixed, Node, Plain, Seen
from shotbuild.records import Fields
from shotbuild.stages.interface import Work


def leaf(row: Fields, work: Work) -> Leaf:
    path, length = work.inputs[row.text("input")], row.integer("length")
    own = row.fraction("own") if row.get("own") else work.parameters.fraction("rate")
    if row.get("ready"):
        return Ready(path=path, look=glance(path), rate=own, length=length, fit=row.text("fit"))
    return Shot(
        read=source(path),
        length=length,
        effects=row.rows("effects"),
        own=own,
        pixels=str(row.get("pixels") or work.parameters.text("pixels")),
        fit=row.text("fit"),
    )


def source(path: Path) -> Source:
    stat = path.stat()
    found = _probed(path, stat.st_size, stat.st_mtime_ns)
    return Source(path=path, container=found.container, picture=found.video)


@lru_cache(maxsize=64)
def _probed(path: Path, _size: int, _changed: int) -> Probe:
    """A long plate is read by hundreds of segments, and a blob does not change under its name."""
    return probe(path)


def lay_out(rows: tuple[Fields, ...], work: Work) -> None:
    """Puts the files of effects where ffmpeg runs, under plain names: a path never stands in a filter."""
    for row in rows:
        for _, name in row.inner("files"):
            plain = str(name)
            if not (work.into / plain).exists():
                files.copy(work.inputs[plain.partition(".")[0]], work.into / plain)


def picture(row: Fields) -> Node:
    """The opposite of `plan.assemble`'s `_node`. Errors: MediaError for a kind that is not known."""
    match row.get("kind"):
        case "run":
            return Seen(leaf=row.text("shot"), start=row.integer("start"), held=row.get("held") is True)
        case "slug":
            return Plain(row.text("colour"))
        case "blend":
            a, b = picture(row.inner("a")), picture(row.inner("b"))
            return Mixed(a=a, b=b, at=row.integer("at"), of=row.integer("of"), form=row.text("form"))
        case "over":
            return Inset(
                base=picture(row.inner("base")),
                top=picture(row.inner("top")),
                left=row.fraction("left"),
                upper=row.fraction("upper"),
                width=row.fraction("width"),
                opacity=row.fraction("opacity"),
                at=row.integer("at"),
                of=row.integer("of"),
                fade_in=row.integer("fade_in"),
                fade_out=row.integer("fade_out"),
            )
    raise MediaError(f"a picture of kind {row.get('kind')!r} is not known", hint="the plan is of a newer shotbuild")
