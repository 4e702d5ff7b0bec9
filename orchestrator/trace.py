"""The trace of a session: its journal in a file, without personal values (`disguise`).

It is written as the session goes, a line and a flush for each event: what is there of it
replays, however the session ends.
"""

import json
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

from orchestrator.disguise import Disguise
from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.flow.commands import Command
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import step
from orchestrator.flow.events import Event, to_json
from orchestrator.flow.replaying import header
from orchestrator.flow.snapshot import Snapshot

__all__ = ["Trace", "trace_to"]

log = logging.getLogger(__name__)


class Trace:
    """One session's trace; `observe` is what a `Session` calls."""

    def __init__(self, file: RawIOBase, flow: Flow, session: str) -> None:
        self._file = file
        self._flow = flow
        self._disguise = Disguise(flow)
        self._replayed = Snapshot()
        self._broken = False
        self._write(header(flow, session))

    def observe(self, item: Event | Command, snapshot: Snapshot) -> None:
        if isinstance(item, Event):
            hidden = self._disguise.hide(item, snapshot)
            self._replayed, _ = step(self._flow, self._replayed, hidden)
            self._write(to_json(hidden))

    def replays(self, snapshot: Snapshot) -> bool:
        """Whether the trace leads where the session went. It may not where the flow decides on
        a personal value, which another stands for."""
        place, other = snapshot.place, self._replayed.place
        same = (place.visits, place.flow) == (other.visits, other.flow)
        return same and place.state == other.state

    def _write(self, entry: Mapping[str, Json]) -> None:
        """Unbuffered. A talk does not end because a disk is full; its trace does."""
        try:
            if not self._broken:
                self._file.write(json.dumps(entry).encode() + b"\n")
        except OSError as problem:
            self._broken = True
            log.warning("the trace ends here: %s", problem.strerror)


@contextmanager
def trace_to(path: Path, flow: Flow, session: str) -> Generator[Trace]:
    """A trace in this file, which is written anew. Raises `UsageError` if it cannot be."""
    try:
        file = path.open("wb", buffering=0)
    except OSError as problem:
        raise UsageError(f"--trace {path}: {problem.strerror}") from None
    with file:
        yield Trace(file, flow, session)
