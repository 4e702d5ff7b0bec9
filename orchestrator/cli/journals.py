"""Journals, from a file to a recording."""

import json
from collections.abc import Mapping
from pathlib import Path

from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.files import read_text
from orchestrator.flow.replaying import Recording, read

__all__ = ["load_recording"]


def load_recording(path: Path) -> Recording:
    """A trace or a journal, one JSON object a line. Raises `UsageError` with all that is wrong."""
    entries: list[Mapping[str, Json]] = []
    problems: list[str] = []
    for number, line in enumerate(read_text(path).strip().split("\n"), start=1):
        try:
            entry: Json = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            entries.append(entry)  # pyright: ignore[reportUnknownArgumentType]
        elif number == 1:
            raise UsageError(f"{path}: no trace: its first line is not a JSON object")
        else:
            problems.append(f"{path}:{number}: not a JSON object")
    if problems:
        raise UsageError("\n".join(problems))
    try:
        return read(entries)
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from None
