"""What calls have brought: ids that a later call may name, and steps to walk through.

A step counts as told when the assistant has said it: nothing else is remembered.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.choices import answer
from orchestrator.emulator.words.layout import Made, Parameter, Tool, Turn, View
from orchestrator.emulator.words.shapes import is_array, is_object
from orchestrator.emulator.words.similarity import concepts
from orchestrator.emulator.words.telling import closed, steps_of
from orchestrator.emulator.words.text import table, words

__all__ = ["follow_up", "found_id", "is_id", "is_used", "meant", "next_step", "steps_told"]

_HELPED = "Does it work now?"
_READS = frozenset(table("read reads fetch get show details"))
_ID = re.compile(r"(?:^|_)id$|[a-z]Id$")


def is_id(parameter: Parameter) -> bool:
    return bool(_ID.search(parameter.name))


def found_id(parameter: Parameter, tool: Tool, view: View) -> Json:
    """The id of what was found last and is likest to the caller's words; None if nothing was."""
    about = concepts(view.turn.text)
    found = _last_found(tool, view)
    best = max(found, key=lambda entry: len(concepts(_words(entry)) & about), default=None)
    return _id(best, parameter.name) if best else None


def follow_up(view: View) -> tuple[Tool, str] | None:
    """The tool that reads what the last call has found, and its parameter for the id."""
    last = view.turn.untold[-1] if view.turn.untold else None
    if last is None or not _entries(last.output):
        return None
    for tool in view.tools:
        wanted = [each for each in tool.parameters if each.required]
        reads = _READS.intersection(words(f"{tool.name.replace('_', ' ')} {tool.about}"))
        near = _server(tool.name) == _server(last.name)
        if not tool.role and reads and near and len(wanted) == 1 and is_id(wanted[0]):
            return tool, wanted[0].name
    return None


def is_used(call: Made, later: Sequence[Made]) -> bool:
    """Whether one of what the call found was taken up by a later call."""
    ids = {str(_id(entry, "id")) for entry in _entries(call.output)}
    return any(str(value) in ids for each in later for value in each.arguments.values())


def next_step(view: View) -> str:
    """The first step of what was read last that has not been told, and whether it helped."""
    left = _steps(view)[steps_told(view) :]
    return f"{left[0]} {_HELPED}" if left else ""


def steps_told(view: View) -> int:
    spoken = " ".join(view.said)
    return sum(step in spoken for step in _steps(view))


def meant(turn: Turn) -> str:
    """The caller's words, with what a yes or no to our own question stands for."""
    if not turn.after.endswith(_HELPED):
        return turn.text
    statements = {"yes": "It works now.", "no": "It does not work."}
    return f"{turn.text} {statements.get(answer(turn.text) or '', '')}".strip()


def _steps(view: View) -> list[str]:
    """Those of the last result that has any, while the tool that brought it is offered."""
    offered = {tool.name for tool in view.tools}
    for call in _last_calls(view):
        if steps := steps_of(call.output):
            return [closed(step) for step in steps] if call.name in offered else []
    return []


def _last_calls(view: View) -> Iterator[Made]:
    return (call for turn in reversed(view.turns) for call in reversed(turn.calls))


def _last_found(tool: Tool, view: View) -> list[Mapping[str, Json]]:
    """What the last search at the tool's server has found."""
    for call in _last_calls(view):
        near = _server(call.name) == _server(tool.name) and call.name != tool.name
        if near and _array(call.output) is not None:
            return _entries(call.output)
    return []


def _server(name: str) -> str:
    """The label of an MCP server; empty for other tools."""
    label, mark, _ = name.partition("__")
    return label if mark else ""


def _array(output: Json) -> Sequence[Json] | None:
    lists = [output, *(output.values() if is_object(output) else ())]
    return next((each for each in lists if is_array(each)), None)


def _entries(output: Json) -> list[Mapping[str, Json]]:
    """The things with an id that a result lists."""
    return [each for each in _array(output) or () if is_object(each) and _id(each, "id")]


def _id(entry: Mapping[str, Json], name: str) -> Json:
    return entry.get(name) or entry.get("id")


def _words(entry: Mapping[str, Json]) -> str:
    return " ".join(value for value in entry.values() if isinstance(value, str))
