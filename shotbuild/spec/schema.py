"""The written format as JSON Schema 2020-12, for editors and other programs; one schema fits every file of a project.

Made from the tables that loading uses. It is a little wider than loading: settings of all models are taken together.
"""

from collections.abc import Iterable, Mapping

from shotbuild.spec import format as written
from shotbuild.spec.fields import Field
from shotbuild.spec.house import UPSCALE, Tables
from shotbuild.spec.kinds import TEMPLATE, Schema
from shotbuild.spec.profiles import schema as profile_schema


def schema(tables: Tables) -> Schema:
    """The schema of shotbuild.yaml and of every file in specs/, as plain values."""
    models = [model for offered in tables.providers.values() for model in offered.values()]
    settings = _settings(model.fields for model in models)
    needed = [key.name for key in written.PROJECT_ONLY if key.required]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "shotbuild",
        "description": "Shots, sequences and deliverables; in shotbuild.yaml also what they share.",
        **{word: value for word, value in written.PROJECT_TABLE.schema().items() if word != "required"},
        # Only shotbuild.yaml has the project's own keys, and with any of them it has to say `shotbuild` and `project`.
        "dependentRequired": {key.name: needed for key in written.PROJECT_ONLY},
        "$defs": {
            "shot": written.SHOT_TABLE.schema(),
            "sequence": _sequence(),
            "deliverable": written.DELIVERABLE_TABLE.schema(),
            "settings": _object(settings),
            "finish": _finish(tables.stages, _settings(model.fields for model in models if model.kind == UPSCALE)),
            "provider_use": _provider_use(settings),
            "provider": {"type": ["string", "number"]},
            "use": {"enum": sorted(tables.providers)},
            "model": _words(sorted({model.name for model in models})),
            "profile": {"anyOf": [{"enum": sorted(tables.profiles)}, {"type": "string"}]},
            "profile_use": profile_schema(tables.profiles),
        },
    }


def _sequence() -> Schema:
    """A sequence, each clip of which is one of the things that a clip may be."""
    sequence = written.SEQUENCE_TABLE.schema()
    properties = sequence["properties"]
    assert isinstance(properties, dict)
    clip = written.CLIP_TABLE.schema() | {
        "anyOf": [{"required": [key.name]} for key in (written.SHOT, written.NESTED, written.GAP)]
    }
    clips = properties[written.CUT.name] | {"items": {"anyOf": [written.SHOT.schema(), clip]}}
    return sequence | {"properties": properties | {written.CUT.name: clips}}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _words(words: list[str]) -> Schema:
    return {"anyOf": [{"enum": words}, TEMPLATE]}


def _settings(tables: Iterable[Mapping[str, Field]]) -> dict[str, Schema]:
    """All fields by name; one that means several things in several models may be any of them."""
    found: dict[str, list[Schema]] = {}
    for fields in tables:
        for name, field in fields.items():
            made = field.schema()
            if made not in found.setdefault(name, []):
                found[name].append(made)
    return {name: made[0] if len(made) == 1 else {"anyOf": made} for name, made in sorted(found.items())}


def _finish(stages: Mapping[str, Mapping[str, Field]], by_providers: Mapping[str, Schema]) -> Schema:
    """by_providers: the settings of models that do the stage UPSCALE."""
    named: Schema = {}
    for name, fields in sorted(stages.items()):
        ways = [_object(_settings([fields]))]
        if name == UPSCALE:
            own = written.FINISHER_TABLE.schema()["properties"]
            assert isinstance(own, dict)
            ways.append(_object({**by_providers, **own}) | {"required": [written.PROVIDER.name]})
        named[name] = {"anyOf": [*ways, {"type": "null"}]}
    table: Schema = {**_object({}), "properties": named, "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [_words(sorted(stages)), table]}


def _provider_use(settings: Mapping[str, Schema]) -> Schema:
    own = written.PROVIDER_TABLE.schema()
    keys = own["properties"]
    assert isinstance(keys, dict)
    return own | {"properties": {**settings, **keys}}
