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
def _copier(kind: Any) -> Callable[[Any], Any]:
    """Makes an open copy of a record of that kind. As a dataclass does for its methods, its source
    is written out here: an assignment a field is the quickest that there is."""
    names = [field.name for field in fields(kind)]
    lines = [
        "def copy(_record):",
        " _made = _new(_open)",
        *(f" _made.{name} = _record.{name}" for name in names),
        " return _made",
    ]
    open_kind = make_dataclass(kind.__name__, names, slots=True)
    space: dict[str, Any] = {"_new": object.__new__, "_open": open_kind}
    exec("\n".join(lines), space)
    return space["copy"]  # type: ignore[no-any-return]


def _replace(record: Record, /, **changes: Any) -> Record:
    """As `dataclasses.replace`, in a tenth of its time.

    Raises TypeError for what is no record with slots, AttributeError for a name that is no field.
    """
    kind: Any = type(record)
    made = _copier(kind)(record)
    for name, value in changes.items():
        setattr(made, name, value)
    made.__class__ = kind
    return made  # type: ignore[no-any-return]


if TYPE_CHECKING:  # type checkers know the fields only of the one that they know by name
    from dataclasses import replace
else:
    replace = _replace
