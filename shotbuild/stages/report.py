"""measured.json + what the profile asks → report.json and report.html. A report is written whatever it says.

Inputs: measured. Parameters: must (constraint → value), waived (constraint → reason), names (project, sequence, deliverable,
profile), silent (has the cut no sound at all). Outputs: report.json, report.html.
"""

from pathlib import PurePosixPath

from shotbuild.errors import MediaError
from shotbuild.media.judge import SCHEMA, read, report
from shotbuild.media.page import page
from shotbuild.stages.interface import Work

MEASURED = "measured"


class Report:
    name = "report"
    version = 1

    def run(self, work: Work) -> None:
        measured = read(work.inputs[MEASURED].read_bytes())
        must, waived, names = (work.parameters.inner(name) for name in ("must", "waived", "names"))
        text = report(measured, must, waived, names, silent=work.parameters.get("silent") is True)
        for output in work.outputs:
            content = page(read(text.encode())) if PurePosixPath(output).suffix == ".html" else text
            (work.into / output).write_bytes(content.encode())

    def check(self, work: Work) -> None:
        for output in work.outputs:
            if PurePosixPath(output).suffix == ".json" and read((work.into / output).read_bytes()).get("schema") != SCHEMA:
                raise MediaError(f"{output} is no report")
