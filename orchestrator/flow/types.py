"""The static types of the language. Pure.

At run time every value is JSON: a date is the text `2026-11-24`, a time `19:30`, a duration a
number of seconds. What kind of text it is, only the type knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.dispatch.call import Json
from orchestrator.flow.loader import Table
from orchestrator.flow.shapes import Shape

__all__ = [
    "ANY",
    "BOOL",
    "CALL",
    "DATE",
    "DATETIME",
    "INT",
    "LIST",
    "NULL",
    "NUMBER",
    "OBJECT",
    "TEXT",
    "TEXTUAL",
    "TIME",
    "Type",
    "choices",
    "join",
    "of_shape",
    "of_value",
]


@dataclass(frozen=True, slots=True)
class Type:
    """`fields` is None for an object whose fields are not known."""

    name: str
    values: tuple[str, ...] = ()
    of: "Type | None" = None
    fields: Mapping[str, "Type"] | None = None

    def __str__(self) -> str:
        if self.of:
            return f"list of {self.of}"
        return f"enum ({', '.join(self.values)})" if self.values else self.name


ANY, NULL, TEXT, BOOL = Type("any"), Type("null"), Type("text"), Type("bool")
INT, NUMBER, OBJECT = Type("int"), Type("number"), Type("object")
LIST = Type("list")
DATE, TIME, DATETIME = Type("date"), Type("time"), Type("datetime")
DIRECTION = Type("enum", ("inbound", "outbound"))
CALL = Type(
    "object",
    fields={"id": TEXT, "caller": TEXT, "to": TEXT, "direction": DIRECTION, "seconds": INT},
)

TEXTUAL = frozenset({"text", "enum", "phone", "email", "date", "time", "datetime"})
"""Types whose values are texts at run time."""


def of_shape(shape: Shape) -> Type:
    fields = {name: of_shape(field) for name, field in shape.fields.items()}
    return Type(
        shape.type,
        tuple(shape.values),
        of_shape(shape.of) if shape.of else None,
        fields or None,
    )


def choices(type_: Type) -> Mapping[str, Json]:
    """The words that stand for an enum's or a bool's values; none for any other type."""
    if type_.name == "bool":
        return {"yes": True, "no": False}
    return {value: value for value in type_.values}


def of_value(value: object) -> Type:
    """The type of a literal."""
    if isinstance(value, bool):
        return BOOL
    names: Mapping[type, Type] = {
        int: INT, float: NUMBER, str: TEXT, dict: OBJECT, Table: OBJECT, list: LIST,
        type(None): NULL,
    }  # fmt: skip
    return names.get(type(value), ANY)


def join(one: Type, other: Type) -> Type:
    """The narrowest type that both are."""
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    if {one.name, other.name} == {"int", "number"}:
        return NUMBER
    return TEXT if one.name in TEXTUAL and other.name in TEXTUAL else ANY
