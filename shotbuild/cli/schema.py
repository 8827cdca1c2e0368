"""`shotbuild schema`."""

import json

from shotbuild.cli import console
from shotbuild.plugins import registry
from shotbuild.spec.schema import schema
from shotbuild.workspace import tables


def command() -> int:
    console.out(schema_text())
    return 0


def schema_text() -> str:
    """The JSON Schema of the written format, with the fields of every installed provider and stage."""
    return json.dumps(schema(tables(registry())), indent=2, ensure_ascii=False)
