"""What a build looks like while it works: one line an event, or one JSON object an event. `live` draws in terminals."""

from dataclasses import asdict
from typing import Protocol

from shotbuild.built import Built
from shotbuild.cli import console
from shotbuild.engine.events import (
    Event,
    Failed,
    Finished,
    Found,
    Held,
    Linked,
    Planned,
    Polled,
    Pushed,
    Pushing,
    Replaced,
    Sampled,
    Skipped,
    Stalled,
    Started,
    Waiting,
    Warned,
)
from shotbuild.errors import printable, render
from shotbuild.units import counted, size_text


class Display(Protocol):
    def __enter__(self) -> "Display": ...

    def __exit__(self, *_: object) -> None: ...

    def hear(self, event: Event) -> None: ...


class Plain:
    """Lines on stderr. What was cached is not worth a line; the summary counts it."""

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, event: Event) -> None:
        text = describe(event)
        if text is not None:
            console.err(text)


class JsonLines:
    """Objects on stdout, one a line. A reader that went away is missed by nobody: the build goes on."""

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, event: Event) -> None:
        console.line(as_json(event))


def describe(event: Event) -> str | None:  # noqa: PLR0912 - a case for each event
    """An event in a line of words; None for what needs none."""
    match event:
        case Started(step=step):
            return f"  start    {step.name}"
        case Waiting(step=step, by=by):
            return f"  wait     {step.name}: {'another build' if by is None else printable(by)} is making it"
        case Polled(step=step, word=word, progress=progress):
            return f"  runs     {step.name}: {printable(word)}" + ("" if progress is None else f", {progress} %")
        case Held(step=step, seconds=seconds, why=why):
            return f"  held     {step.name} and what waits behind it, for {seconds:.0f} s: {printable(why)}"
        case Stalled(step=step, seconds=seconds):
            return f"  stalled  {step.name}: it has not moved for {seconds:.0f} s"
        case Found(step=step, operation=operation):
            return f"  found    {step.name}: its answer was lost, the service has it as {printable(operation)}"
        case Replaced(step=step, following=following, error=error):
            return f"  FALLBACK {step.name}: {following.use} is asked in place of {step.use}\n" + _indented(render(error))
        case Finished(step=step, result=result, ran=True):
            # A step counts the takes of its recipe, a ledger all of a shot: the digest is the name that both know.
            take = f"  {step.shots[0]}@{result.outputs[0][1].short}" if step.generates else ""
            return f"  done     {step.name}  {result.milliseconds / 1000:.1f} s{take}"
        case Failed(step=step, error=error):
            return f"  FAILED   {step.name}\n" + _indented(render(error))
        case Skipped(step=step, because=because):
            return f"  skipped  {step.name}: " + ("stopped" if because == step.name else f"it needs {because}")
        case Linked(path=path):
            return f"  out/{path}"
        case Pushing(where=where, results=results):
            return f"  sending  {counted(results, 'result')} to {printable(where)}; Ctrl-C leaves them to the next build"
        case Pushed(where=where, results=results, size=size):
            return f"  sent     {counted(results, 'result')}, {size_text(size)}, to {printable(where)}"
        case Sampled():
            return f"  verified {sampled(event)}"
        case Warned(message=message):
            return f"warning: {printable(message)}"
    return None


def sampled(found: Sampled) -> str:
    """What came of a sample, in a line of words."""
    came = f"{found.differing} came out otherwise" if found.differing else "all came out the same"
    unread = f", {found.unread} more cannot be made again: what they were made of is gone" if found.unread else ""
    return f"{found.made} of {found.of} results from {printable(found.where)}, seed {found.seed}: {came}{unread}"


def as_json(event: Event) -> dict[str, object]:  # noqa: PLR0912 - a case for each event
    match event:
        case Planned(steps=steps):
            return {"event": "planned", "steps": steps}
        case Started(step=step):
            return {"event": "started", "step": step.name, "stage": step.recipe.stage}
        case Waiting(step=step, by=by):
            return {"event": "waiting", "step": step.name, "by": by}
        case Polled(step=step, word=word, progress=progress):
            return {"event": "polled", "step": step.name, "word": word, "progress": progress}
        case Held(step=step, seconds=seconds, why=why):
            return {"event": "held", "step": step.name, "seconds": round(seconds, 3), "why": why}
        case Stalled(step=step, seconds=seconds):
            return {"event": "stalled", "step": step.name, "seconds": round(seconds, 3)}
        case Found(step=step, operation=operation):
            return {"event": "found", "step": step.name, "operation": operation}
        case Replaced(step=step, following=following, error=error):
            return {
                "event": "replaced", "step": step.name, "provider": step.use, "by": following.use, "message": error.message,
                "cause": error.cause,
            }  # fmt: skip
        case Finished(step=step, result=result, ran=ran):
            outputs = {name: digest.sha256 for name, digest in result.outputs}
            milliseconds = result.milliseconds if ran else 0
            return {
                "event": "finished", "step": step.name, "ran": ran, "milliseconds": milliseconds, "outputs": outputs,
            }  # fmt: skip
        case Failed(step=step, error=error):
            return {
                "event": "failed", "step": step.name, "message": error.message, "cause": error.cause, "hint": error.hint,
            }  # fmt: skip
        case Skipped(step=step, because=because):
            return {"event": "skipped", "step": step.name, "because": because}
        case Linked(path=path):
            return {"event": "linked", "path": f"out/{path}"}
        case Pushing(where=where, results=results):
            return {"event": "pushing", "where": where, "results": results}
        case Pushed(where=where, results=results, size=size):
            return {"event": "pushed", "where": where, "results": results, "size": size}
        case Sampled():
            return {"event": "sampled"} | asdict(event)
        case Warned(message=message):
            return {"event": "warning", "message": message}


def summary_json(built: Built) -> dict[str, object]:
    return {
        "event": "summary",
        "ran": len(built.ran),
        "cached": len(built.cached),
        "failed": len(built.failed),
        "skipped": len(built.skipped),
        "generated": len(built.generated),
        "cost": {money.currency: str(money).split()[0] for money in built.cost.known},
        "seconds": round(built.seconds, 3),
    }


def summary_text(built: Built) -> str:
    parts = [f"{len(built.ran)} ran", f"{len(built.generated)} of them generated", f"{len(built.cached)} cached"]
    parts += [f"{len(built.failed)} failed"] + ([f"{len(built.skipped)} skipped"] if built.skipped else [])
    return f"{', '.join(parts)}; cost: {built.cost}; {built.seconds:.1f} s"


def _indented(text: str) -> str:
    return "\n".join(f"           {line}" if line else "" for line in text.splitlines())
