"""What a tool gives back, held to what its `returns` promises. Pure.

A worker is not a caller: texts may be empty or long, and fields that nobody declared are fine.
A field that is not `optional` has to be there.
"""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Rejected, Scope
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.shapes import Param, Shape
from orchestrator.flow.values import Read, accept_each, acceptor

__all__ = ["result_acceptor"]


def result_acceptor(returns: Mapping[str, Param]) -> Read:
    """Accepts an object with these fields; anything if there are none."""
    accept = _object(returns) if returns else _whatever

    def accept_result(value: Json, scope: Scope) -> Json:
        try:
            return accept(value, scope)
        except Rejected as problem:
            raise Rejected(f"the result {problem}") from None

    return accept_result


def _whatever(value: Json, _: Scope) -> Json:
    return value


def _returned(shape: Shape) -> Read:
    if shape.type == "text" and shape.pattern is None and shape.min is None and shape.max is None:
        return _any_text
    if shape.type == "list" and shape.of:
        return _list(_returned(shape.of))
    if shape.type == "object" and shape.fields:
        return _object(shape.fields)
    return acceptor(shape)


def _any_text(value: Json, _: Scope) -> Json:
    if not isinstance(value, str):
        raise Rejected("must be text")
    return value


def _list(accept: Read) -> Read:
    def read(value: Json, scope: Scope) -> Json:
        if not is_list(value):
            raise Rejected("must be a list")
        return [accept(item, scope) for item in value]

    return read


def _object(fields: Mapping[str, Param]) -> Read:
    accepts = {name: _returned(field) for name, field in fields.items()}

    def read(value: Json, scope: Scope) -> Json:
        if not is_object(value):
            raise Rejected("must be an object")
        known = {name: value[name] for name in accepts if value.get(name) is not None}
        for name, field in fields.items():
            if name not in known and not field.optional:
                raise Rejected(f"has no {name}")
        return {**value, **accept_each(known, accepts, scope)}

    return read
