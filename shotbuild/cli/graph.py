"""`shotbuild graph`."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import ProjectOption, Targets
from shotbuild.workspace import open_project


class Form(Enum):
    DOT = "dot"
    MERMAID = "mermaid"


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    form: Annotated[Form, typer.Option("--format", help="Graphviz DOT, or Mermaid for Markdown pages.")] = Form.DOT,
) -> int:
    console.out(open_project(project, console.warn).graph(targets or [], form=form.value))
    return 0
