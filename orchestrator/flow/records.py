"""A frozen record with some of its fields changed, which is most of what a step does. Pure.

A frozen class lets its fields be set only by a detour, one after the other, and that is nearly all
that `dataclasses.replace` costs. So the new record is filled while it is of an *open* class, which
has the same slots and lets them be set; then it becomes one of its own class.
"""

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["replace"]

Record = TypeVar("Record")


@cache
def _opened(kind: Any) -> type:
    return make_dataclass(kind.__name__, [field.name for field in fields(kind)], slots=True)


@cache
def _changer(kind: Any, changed: tuple[str, ...]) -> Callable[..., Any]:
    """Makes a record of that kind from another one and new values. As a dataclass does for its
    methods, its source is written out here: an assignment a field is the quickest that there is."""
    names = [field.name for field in fields(kind)]
    if unknown := set(changed).difference(names):
        raise TypeError(f"{kind.__name__}() got an unexpected keyword argument '{unknown.pop()}'")
    values = {name: name if name in changed else f"_record.{name}" for name in names}
    lines = [
        f"def change(_record, {', '.join(changed)}):",
        " _made = _new(_open)",
        *(f" _made.{name} = {value}" for name, value in values.items()),
        " _made.__class__ = _kind",
        " return _made",
    ]
    space: dict[str, Any] = {"_new": object.__new__, "_open": _opened(kind), "_kind": kind}
    exec("\n".join(lines), space)
    return space["change"]  # type: ignore[no-any-return]


def _replace(record: Record, /, **changes: Any) -> Record:
    """As `dataclasses.replace`, in a tenth of its time.

    Raises TypeError for what is no record with slots, and for a name that is no field of it.
    """
    kind: Any = type(record)
    made: Record = _changer(kind, tuple(changes))(record, **changes)
    return made


if TYPE_CHECKING:  # type checkers know the fields only of the one that they know by name
    from dataclasses import replace
else:
    replace = _replace
