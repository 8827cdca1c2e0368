"""Makes the recipe of a take again, to see how often the take comes out of it. What is made enters no cut.

Each roll is a step of its own beside the plan: its recipe is the take's, with one more parameter that says which roll it is.
So it goes through the engine as every take does: budget, journal, lanes, resuming. What came of it is one event in the
shot's ledger.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod, sqrt
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from threading import Event

from shotbuild.built import BuildOptions, Built
from shotbuild.digest import from_plain, of_text
from shotbuild.errors import GateError, MediaError, PinGone, PlanError, ProcessError, StoreError
from shotbuild.host import files
from shotbuild.ledgers import clock
from shotbuild.plugins import load
from shotbuild.providers.interface import is_hosted, is_local
from shotbuild.records import (
    ActionResult,
    Chosen,
    Digest,
    Fields,
    OtherRoll,
    Pin,
    Recipe,
    ShotState,
    Step,
    Take,
    Verification,
    fields,
    shots_of,
)
from shotbuild.records import (
    Sequence as Cut,
)
from shotbuild.spec.events import recipe_of, whole
from shotbuild.spec.plain import parse_decimals
from shotbuild.stages.generate import AGAIN
from shotbuild.takes.decide import HERE, person
from shotbuild.takes.names import meant, several, shots_meant, states, states_gone, taken
from shotbuild.workspace import Workspace

CONFIDENCE = 0.95
TABLE = "verify"
GLOB = frozenset("*?[")
LONGEST_NAME = 24
BRING = "bring them from a copy of the store with `shotbuild store check --from FOLDER`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A take and what came of making it again. found: as it stands in the ledger."""

    take: Take
    found: Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often takes of one pin came out again, by all ledgers. elsewhere: on another class of machine than the take's;
    same_frames: the same pictures, whatever the bytes; low, high: of the 95 % interval of Wilson (1927)."""

    pin: Pin
    elsewhere: bool
    takes: int
    rolls: int
    same_bytes: int
    same_frames: int

    @property
    def share(self) -> float:
        return self.same_frames / self.rolls

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.same_frames, self.rolls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The chance that all shots of a sequence would come out again: the product of the rates of their pins. shots: how many
    generated ones it shows; unknown: those whose pin nobody has verified, so that there is no chance to tell."""

    sequence: str
    shots: int
    unknown: tuple[str, ...]
    chance: float | None


def wilson(hits: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval of a share. hits: from 0; of: more than 0. Source: E. B. Wilson, JASA 22 (1927), 209-212."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, square = hits / of, z * z
    middle = share + square / (2 * of)
    half = z * sqrt(share * (1 - share) / of + square / (4 * of * of))
    scale = 1 + square / of
    # Rounding would leave the ends of the scale off by a last digit.
    return 0.0 if not hits else (middle - half) / scale, 1.0 if hits == of else (middle + half) / scale


def verify(
    workspace: Workspace,
    words: Sequence[str],
    rolls: int,
    options: BuildOptions,
    cancel: Event | None = None,
    *,
    by: str | None = None,
) -> tuple[Built, list[Verified]]:
    """Makes each take that some words mean `rolls` times more. words: takes, shots (the take that stands), sequences.

    Errors: PlanError for what has no recipe; PinGone when its pin is no longer what is offered; LimitReached; StoreError
    when what it was made from is not here."""
    who = person(workspace, by)
    takes = _takes(workspace, words)
    memory = workspace.rooms.memory
    with ExitStack() as held:
        mine: set[str] = set()
        steps: dict[str, Take] = {}
        planned: list[Step] = []
        for take in takes:
            run, once = _run(workspace, take, held, mine), _once_more(workspace, take)
            made = [_roll(once, take, run, number) for number in range(1, rolls + 1)]
            planned += made
            steps |= dict.fromkeys((step.name for step in made), take)
        memory.save()
        built, results = workspace.make_beside(planned, options, cancel, command="verify")
        of_take: dict[str, list[ActionResult]] = {}
        for name, result in results.items():
            of_take.setdefault(steps[name].id, []).append(result)
        verified: list[Verified] = []
        for take in takes:
            if take.id in of_take:
                found = _judged(workspace, take, of_take[take.id], who)
                workspace.rooms.ledgers.verified(take.shot, found)
                verified.append(Verified(take=take, found=found))
            # What an event has counted is counted by no other: the next call makes all anew.
            if take.id in mine:
                memory.table(TABLE).pop(take.id, None)
        memory.save()
    return built, verified


def _run(workspace: Workspace, take: Take, held: ExitStack, mine: set[str]) -> str:
    """Names the rolls of one call. A call that was killed or stopped is gone on with, by one that has the take's lock; what
    runs beside it makes its own. held: keeps the lock; mine: gets the takes whose lock it is."""
    fresh = uuid.uuid4().hex
    lock = files.try_lock(workspace.rooms.folder("locks") / f"verify-{take.id}.lock")
    if lock is None:
        return fresh
    held.callback(lock.release)
    mine.add(take.id)
    return str(workspace.rooms.memory.table(TABLE).setdefault(take.id, fresh))


def rates(workspace: Workspace) -> tuple[Rate, ...]:
    """What all ledgers say, per pin, sorted; those of shots that are gone too."""
    known = states(workspace)
    sums: dict[tuple[Pin, bool], list[Verification]] = {}
    for state in (*known.values(), *states_gone(workspace, known).values()):
        for each in state.verifications:
            sums.setdefault((each.pin, each.elsewhere), []).append(each)
    found = [
        Rate(
            pin=pin,
            elsewhere=elsewhere,
            takes=len({each.video for each in events}),
            rolls=sum(each.rolls for each in events),
            same_bytes=sum(each.same_bytes for each in events),
            same_frames=sum(each.same_frames for each in events),
        )
        for (pin, elsewhere), events in sums.items()
    ]
    return tuple(sorted(found, key=lambda rate: (rate.pin.provider, rate.pin.model, rate.pin.version, rate.elsewhere)))


def chances(workspace: Workspace, rated: Iterable[Rate]) -> tuple[Chance, ...]:
    """Of each sequence that shows generated shots. rated: on the classes of machine that made the takes."""
    of_pin = {rate.pin: rate.share for rate in rated if not rate.elsewhere}
    project = workspace.project
    sequences = {each.name: each for each in project.sequences}
    return tuple(chance for each in project.sequences if (chance := _chance(workspace, each, sequences, of_pin)) is not None)


def _chance(workspace: Workspace, sequence: Cut, sequences: Mapping[str, Cut], of_pin: Mapping[Pin, float]) -> Chance | None:
    shares: dict[str, float | None] = {}
    for shot in sorted(shots_of(sequence, sequences)):
        choice = workspace.chosen.get(shot)
        if choice is not None:  # a plate is what it is
            pin = None if choice.take is None or choice.take.foreign else _pin(workspace, choice.take)
            shares[shot] = None if pin is None else of_pin.get(pin)
    if not shares:
        return None
    unknown = tuple(shot for shot, share in shares.items() if share is None)
    known = [share for share in shares.values() if share is not None]
    return Chance(sequence=sequence.name, shots=len(shares), unknown=unknown, chance=None if unknown else prod(known))


# --- what is made again ---------------------------------------------------------------------------------------------------


def _takes(workspace: Workspace, words: Sequence[str]) -> list[Take]:
    known = states(workspace)
    shots: set[str] = set()
    others: list[str] = []
    for word in " ".join(words).split():
        named = several(workspace, word, known)
        if named is None and GLOB.intersection(word):
            named = set(shots_meant(workspace, [word]))
        shots |= named or set()
        others += [word] if named is None else []
    found: list[Take] = []
    for shot in sorted(shots):
        # Who names many is told of those that cannot be made again; who names one gets an error.
        take = _standing(workspace, known, shot)
        if take is None or take.foreign:
            why = "it has no take yet" if take is None else f"t{take.number} was made elsewhere, and has no recipe"
            workspace.rooms.warn(f"{shot} is left out: {why}")
        else:
            found.append(take)
    for one in meant(workspace, others) if others else ():
        named_one = one.take or _standing(workspace, known, one.shot) or taken(one)
        if named_one.foreign:
            raise PlanError(
                f"{named_one.shot} t{named_one.number} was made elsewhere, and has no recipe to make again",
                hint="verify a take that a build made",
            )
        found.append(named_one)
    if not found:
        raise PlanError("nothing that is named can be made again", hint="`shotbuild takes` lists what there is")
    return list({take.id: take for take in found}.values())


def _standing(workspace: Workspace, known: Mapping[str, ShotState], shot: str) -> Take | None:
    """The take that stands for a shot; where the spec has moved on and nobody chose, its newest one."""
    stands = workspace.chosen[shot].take
    rejected = known[shot].rejected
    live = [take for take in known[shot].takes if take.video.sha256 not in rejected]
    return stands or next(reversed(live), None)


def _pin(workspace: Workspace, take: Take) -> Pin | None:
    """Of its generator, with what the settings say of its version."""
    recipe = recipe_of(take)
    if not recipe.pins:
        return None
    pin = recipe.pins[0]
    said = ", ".join(f"{name} {_short(text)}" for name, text in _named(workspace, pin, recipe).items())
    return replace(pin, version=f"{pin.version}; {said}") if said else pin


def _named(workspace: Workspace, pin: Pin, recipe: Recipe) -> dict[str, str]:
    """The settings of a recipe that say which version is meant."""
    provider = workspace.registry.providers.get(pin.provider)
    model = None if provider is None else provider.models.get(pin.model)
    settings = recipe.parameters.inner("settings")
    return {name: str(settings.get(name)) for name in (() if model is None else model.names)}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}… ({of_text(text).sha256[:8]})"


def _roll(once: Step, take: Take, run: str, number: int) -> Step:
    """once: as of `_once_more`."""
    again = (AGAIN, fields(of=take.action, roll=f"{run}/{number}"))
    parameters = Fields(tuple(sorted((*once.recipe.parameters, again))))
    return replace(once, name=f"{once.name}/again-{number}", recipe=replace(once.recipe, parameters=parameters))


def _once_more(workspace: Workspace, take: Take) -> Step:
    """The step that made a take, by its ledger; what each roll of it adds is missing. Errors: as of `verify`."""
    recipe = recipe_of(take)
    _check_pins(workspace, take, recipe)
    if not workspace.rooms.blobs.has(take.video):
        raise StoreError(
            f"the bytes of {take.shot} t{take.number} are not in the store, so that nothing can be held against them",
            cause=f"sha256 {take.video.sha256}",
            hint=BRING,
        )
    inputs = []
    for name, sha256 in whole(take).inputs.items():
        digest = workspace.rooms.blobs.known(sha256)
        if digest is None:
            raise StoreError(
                f"the {name} that {take.shot} t{take.number} was made from is not in the store",
                cause=f"sha256 {sha256}",
                hint=BRING,
            )
        inputs.append((name, Chosen(digest=digest)))
    return Step(
        name=f"{take.shot}/t{take.number}",
        recipe=recipe,
        inputs=tuple(inputs),
        outputs=(take.output,),
        shots=(take.shot,),
        use=_use(workspace, take, recipe.pins[0]),
        location=take.location,
    )


def _use(workspace: Workspace, take: Take, pin: Pin) -> str:
    """The project's name of the provider: the shot's own where it is that one."""
    project = workspace.project
    shot = next((each for each in project.shots if each.name == take.shot), None)
    uses = [each.name for each in project.providers if each.use == pin.provider]
    if not uses:
        raise PinGone(
            f"the project has no provider {pin.provider}, which made {take.shot} t{take.number}",
            hint=f"add `{pin.provider}: {{use: {pin.provider}}}` to `providers` in shotbuild.yaml",
        )
    return shot.provider if shot is not None and shot.provider in uses else uses[0]


def _check_pins(workspace: Workspace, take: Take, recipe: Recipe) -> None:
    """Errors: PinGone, GateError where what would make it now is not what made it then."""
    if not recipe.pins:
        raise PlanError(f"{take.shot} t{take.number} has no recipe to make again")
    pin, name = recipe.pins[0], f"{take.shot} t{take.number}"
    provider = workspace.registry.providers.get(pin.provider)
    model = None if provider is None else provider.models.get(pin.model)
    if provider is None or model is None:
        raise PinGone(
            f"{pin.provider} {pin.model}, which made {name}, is not offered any more",
            hint=f"`shotbuild migrate {take.shot} --to provider/model` tries another one beside it",
        )
    if not is_hosted(provider) and model.version != pin.version:
        raise PinGone(
            f"{pin.provider} {pin.model} is another version than the one that made {name}",
            cause=f"it is {model.version}, it was {pin.version}",
            hint=f"`shotbuild migrate {take.shot} --to …` compares the two",
        )
    shot = next((each for each in workspace.project.shots if each.name == take.shot), None)
    if is_local(provider) and shot is not None and shot.provider == _use(workspace, take, pin):
        for named, text in _named(workspace, pin, recipe).items():
            if str(shot.settings.get(named)) != text:
                raise PinGone(
                    f"{take.shot} names another {named} than the one that made t{take.number}",
                    cause=f"it is {str(shot.settings.get(named))[:80]!r}, it was {text[:80]!r}",
                    hint="bring that back, or verify a take of today's",
                )
    tools = {tool.pin.provider: tool.pin for tool in workspace.rooms.tools(workspace.project)}
    for tool in recipe.pins[1:]:
        if tools.get(tool.provider) != tool:
            now = tools.get(tool.provider)
            raise GateError(
                f"{tool.provider} is not the one that made {name}",
                cause=f"it is {'not here' if now is None else f'{now.model} ({now.version[:8]})'}, it was {tool.model} "
                f"({tool.version[:8]})",
                hint="verify where that one is installed",
            )


# --- what came of it ------------------------------------------------------------------------------------------------------


def _judged(workspace: Workspace, take: Take, results: Sequence[ActionResult], by: str) -> Verification:
    videos = Counter(result.output(take.output) for result in results)
    others = tuple(
        _other(workspace, take, video, count)
        for video, count in sorted(videos.items(), key=lambda item: (-item[1], item[0].sha256))
        if video != take.video
    )
    pin = _pin(workspace, take)
    assert pin is not None, "its step was made of it"
    return Verification(
        id="",
        after=(),
        video=take.video.sha256,
        pin=pin,
        rolls=len(results),
        same_bytes=videos.get(take.video, 0),
        same_frames=videos.get(take.video, 0) + sum(each.count for each in others if each.same_frames),
        others=others,
        machine=next(filter(None, (_machine(workspace, result.record) for result in results)), None),
        made_on=_machine(workspace, take.record),
        by=by,
        at=clock(),
        location=HERE,
    )


def _other(workspace: Workspace, take: Take, video: Digest, count: int) -> OtherRoll:
    """Errors of measuring are no errors here: the bytes are not the same, whatever they are."""
    blobs = workspace.rooms.blobs
    ffmpeg = workspace.rooms.ffmpeg(workspace.project)
    resemble = load("shotbuild.media.resemblance:resemble", "the comparison of pictures")
    try:
        with TemporaryDirectory(prefix="shotbuild-") as folder:
            found = resemble(ffmpeg, blobs.path(take.video), blobs.path(video), Path(folder))
    except (StoreError, MediaError, ProcessError) as error:
        workspace.rooms.warn(f"a roll of {take.shot} t{take.number} was not measured: {error.message}")
        return OtherRoll(video=video, count=count, same_frames=False)
    return OtherRoll(
        video=video,
        count=count,
        same_frames=found.difference.same_stream,
        structure=found.structure,
        colour=found.colour,
        motion=found.motion,
    )


def _machine(workspace: Workspace, record: Digest | None) -> Fields | None:
    """The class of machine that a record names; None where it names none, or is not here."""
    if record is None or not workspace.rooms.blobs.has(record):
        return None
    try:
        answered = parse_decimals(workspace.rooms.blobs.path(record).read_text("utf-8"))["answered"]
        found = from_plain(answered.get("machine"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, json.JSONDecodeError):
        return None
    return found if isinstance(found, Fields) else None
