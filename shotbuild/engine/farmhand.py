"""What runs inside a worker of a Dask cluster: hands a dispatch to who makes it, and brings word back."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from distributed import get_worker

from shotbuild.engine.dispatch import Place
from shotbuild.host import process

FOLDER = "shotbuild"
REMEMBERED = 1000
"""Builds of which a process knows whether they were stopped."""
_stops: "OrderedDict[str, threading.Event]" = OrderedDict()
_lock = threading.Lock()


def perform(serve: Callable[[str, Place], str], text: str) -> str:
    """Runs in a thread of the worker. serve: `shotbuild.worker.serve`; text: the dispatch. Gives what was returned."""
    worker = get_worker()
    process.leash()
    place = Place(
        machine=str(worker.name),
        address=str(worker.address),
        folder=Path(worker.local_directory) / FOLDER,
        stopping=stopping,
        tell=lambda build, said: worker.log_event(topic_of(build), dict(said)),
    )
    return serve(text, place)


def topic_of(build: str) -> str:
    """The topic under which a build is told things."""
    return f"shotbuild-{build}"


def stopping(build: str) -> threading.Event:
    """Is set once the build was stopped."""
    with _lock:
        event = _stops.setdefault(build, threading.Event())
        _stops.move_to_end(build)
        while len(_stops) > REMEMBERED:
            _stops.popitem(last=False)
        return event


def stop(build: str) -> None:
    """Stops all that this process makes for a build, and whatever it is asked to make for it from now on."""
    stopping(build).set()
