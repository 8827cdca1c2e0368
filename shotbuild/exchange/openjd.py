"""A parcel as a job of Open Job Description: a template that render farms read. Pure; knows nothing of stores and folders.

No text of a spec stands in a template: there it would be a format string. Prompts and names are in the parcel, which is
data. Source: Open Job Description, template schemas 2023-09.
"""

import re
import unicodedata
from collections.abc import Sequence

from shotbuild.exchange.addresses import is_folder
from shotbuild.exchange.lots import Wave, last, waves
from shotbuild.exchange.parcel import Parcel
from shotbuild.records import StoreUse
from shotbuild.units import counted

VERSION = "jobtemplate-2023-09"
PROGRAM = "shotbuild"
TEMPLATE, PLAN, VALUES = "template.json", "plan.json", "parameter_values.json"
LONGEST_NAME = 64
COLLECT = "collect"
NOTICE_SECONDS = 30
"""Between the request to stop and the end of a worker."""


def template(parcel: Parcel, use: StoreUse) -> dict[str, object]:
    """The template of a job that makes the parcel's steps and hands its results out. use: the address of the store, without
    keys."""
    found = waves(parcel.steps, parcel.lots)
    names = [f"{number:03} {_plain(wave.stage)}"[:LONGEST_NAME] for number, wave in enumerate(found, start=1)]
    steps = [_step(name, wave, [names[need] for need in wave.needs], use) for name, wave in zip(names, found, strict=True)]
    return {
        "specificationVersion": VERSION,
        "name": f"{PROGRAM} {_plain(parcel.project)}"[:LONGEST_NAME].strip(),
        "description": f"{counted(len(parcel.steps), 'step')} of a film, in {counted(len(parcel.lots), 'task')}",
        "parameterDefinitions": _parameters(use),
        "steps": [*steps, _collect([names[number] for number in last(found)], use)],
    }


def values(use: StoreUse) -> dict[str, object]:
    """What a job bundle says of its parameters, where the template cannot: a folder is no default."""
    return {"parameterValues": [{"name": "Store", "value": use.address}] if is_folder(use) else []}


def _parameters(use: StoreUse) -> list[dict[str, object]]:
    # A farm must not copy a shared store to each machine and back, as it would what flows in or out.
    store: dict[str, object] = (
        {"name": "Store", "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "NONE"}
        if is_folder(use)
        else {"name": "Store", "type": "STRING", "default": use.address}
    )
    found: list[dict[str, object]] = [
        store | {"description": "The shared store: inputs are read from it, results are put there."},
        {
            "name": "Plan",
            "type": "PATH",
            "objectType": "FILE",
            "dataFlow": "IN",
            "default": PLAN,
            "description": "What is to be made.",
        },
        {
            "name": "OutDir",
            "type": "PATH",
            "objectType": "DIRECTORY",
            "dataFlow": "OUT",
            "default": "out",
            "description": "The folder that gets the results under their names.",
        },
    ]
    more = [("Endpoint", use.endpoint), ("Region", use.region)]
    found += [{"name": name, "type": "STRING", "default": value} for name, value in more if value is not None]
    return found


def _step(name: str, wave: Wave, needs: Sequence[str], use: StoreUse) -> dict[str, object]:
    amounts: list[dict[str, object]] = [{"name": "amount.worker.vcpu", "min": wave.cores}]
    if wave.gpu:
        amounts.append({"name": "amount.worker.gpu", "min": 1})
    first, final = wave.lots
    numbers = {"name": "Number", "type": "INT", "range": f"{first}-{final}" if final > first else str(first)}
    return {
        "name": name,
        "description": f"{counted(wave.steps, 'step')} of {_plain(wave.stage)}"[:LONGEST_NAME],
        **_dependencies(needs),
        "hostRequirements": {"amounts": amounts},
        "parameterSpace": {"taskParameterDefinitions": [numbers]},
        "script": _script(["run", "--number", "{{Task.Param.Number}}"], use),
    }


def _collect(needs: Sequence[str], use: StoreUse) -> dict[str, object]:
    return {
        "name": COLLECT,
        "description": "The results, under their names",
        **_dependencies(needs),
        "script": _script(["collect", "--to", "{{Param.OutDir}}"], use),
    }


def _dependencies(needs: Sequence[str]) -> dict[str, object]:
    return {"dependencies": [{"dependsOn": need} for need in needs]} if needs else {}


def _script(words: Sequence[str], use: StoreUse) -> dict[str, object]:
    where = ["--plan", "{{Param.Plan}}", "--store", "{{Param.Store}}", "--folder", "{{Session.WorkingDirectory}}"]
    where += ["--endpoint", "{{Param.Endpoint}}"] if use.endpoint is not None else []
    where += ["--region", "{{Param.Region}}"] if use.region is not None else []
    stop = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE_SECONDS}
    run = {"command": PROGRAM, "args": ["worker", *words, *where, "--openjd"], "cancelation": stop}
    return {"actions": {"onRun": run}}


def _plain(text: str) -> str:
    """Words that are no format string, whatever they were: letters, digits, spaces and dashes."""
    shown = re.sub(r"[^\w .-]+", "-", unicodedata.normalize("NFC", text))
    return " ".join("".join(char for char in shown if char.isprintable()).split()) or "-"
