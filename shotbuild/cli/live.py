"""The live view of a build: what runs and for how long, how much is done, what is left. Drawn with rich on stderr."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from shotbuild.cli.display import describe
from shotbuild.engine.events import Event, Failed, Finished, Planned, Polled, Skipped, Started, Waiting


class LiveView:
    def __init__(self) -> None:
        self._running: dict[str, tuple[str, float]] = {}
        self._steps = self._ended = self._ran = self._failed = 0
        self._began = time.monotonic()
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=8, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def hear(self, event: Event) -> None:
        self._count(event)
        if not isinstance(event, Started | Polled):
            text = describe(event)
            if text is not None:
                self._console.print(Text(text, style="bold" if isinstance(event, Failed) else ""))

    def _count(self, event: Event) -> None:
        match event:
            case Planned(steps=steps):
                self._steps, self._ended = steps, 0
            case Started(step=step):
                self._running[step.name] = (step.recipe.stage, time.monotonic())
            case Waiting(step=step, by=by):
                self._running[step.name] = (f"waits for {by or 'another build'}", time.monotonic())
            case Polled(step=step, word=word, progress=progress):
                said = word if progress is None else f"{word}, {progress} %"
                self._running[step.name] = (said, self._running.get(step.name, ("", time.monotonic()))[1])
            case Finished(step=step, ran=ran):
                self._running.pop(step.name, None)
                self._ended, self._ran = self._ended + 1, self._ran + ran
            case Failed(step=step):
                self._running.pop(step.name, None)
                self._ended, self._failed = self._ended + 1, self._failed + 1
            case Skipped(step=step):
                self._running.pop(step.name, None)
                self._ended += 1

    def _draw(self) -> RenderableType:
        now = time.monotonic()
        rows = Table.grid(padding=(0, 2))
        for name, (stage, began) in list(self._running.items())[:12]:
            rows.add_row(Text(f"  {name}"), Text(stage, style="dim"), Text(f"{now - began:.0f} s"))
        counts = f"{self._ended} of {self._steps} steps, {self._ran} ran, {self._steps - self._ended} left"
        failed = f", {self._failed} failed" if self._failed else ""
        foot = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, self._steps), completed=self._ended, width=24)
        foot.add_row(bar, Text(f"{counts}{failed}"), Text(f"{now - self._began:.0f} s"))
        return Group(rows, foot)
