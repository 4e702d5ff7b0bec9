"""What is plainly wrong with the arguments of an MCP tool, by its pinned schema. Pure.

The server checks its own arguments by all of JSON Schema. Here it is only what is missing and the
`type` of each value, so that a condition over them means what it says.
"""

from collections.abc import Callable, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Rejected
from orchestrator.flow.operations import is_list, is_object

__all__ = ["pinned_acceptor"]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[Json], bool]] = {
    "array": is_list,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "null": lambda value: value is None,
    "number": _is_number,
    "object": is_object,
    "string": lambda value: isinstance(value, str),
}


def pinned_acceptor(
    schema: Mapping[str, Json],
) -> Callable[[Mapping[str, Json]], dict[str, Json]]:
    """Accepts what has all that is required, and nothing that is of another type."""
    needed = schema.get("required")
    required = [str(name) for name in needed] if is_list(needed) else []

    def accept(given: Mapping[str, Json]) -> dict[str, Json]:
        if missing := [name for name in required if given.get(name) is None]:
            raise Rejected(f"{', '.join(missing)} is missing")
        arguments = {name: value for name, value in given.items() if value is not None}
        _check_fields(arguments, schema, "")
        return arguments

    return accept


def _check_fields(value: Mapping[str, Json], schema: Mapping[str, Json], path: str) -> None:
    properties = schema.get("properties")
    for name, field in properties.items() if is_object(properties) else ():
        if value.get(name) is not None and is_object(field):
            _check(value[name], field, f"{path}{name}")


def _check(value: Json, schema: Mapping[str, Json], path: str) -> None:
    wanted = schema.get("type")
    types = [str(each) for each in (wanted if is_list(wanted) else [wanted])]
    if all(each in TYPES and not TYPES[each](value) for each in types):
        raise Rejected(f"{path} must be of type {' or '.join(types)}")
    if is_object(value):
        _check_fields(value, schema, f"{path}.")
    items = schema.get("items")
    if is_list(value) and is_object(items):
        for index, item in enumerate(value):
            _check(item, items, f"{path}[{index}]")
