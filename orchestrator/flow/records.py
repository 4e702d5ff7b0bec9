"""A frozen record with some of its fields changed, which is most of what a step does. Pure."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["replace"]

Record = TypeVar("Record")


@cache
def _reader(kind: Any) -> Callable[[object], dict[str, Any]]:
    """Reads all fields of a record of this kind, by their names."""
    names = tuple(field.name for field in fields(kind))
    if len(names) < 2:  # of a single name, attrgetter makes no tuple
        return lambda record: {name: getattr(record, name) for name in names}
    read = attrgetter(*names)
    return lambda record: dict(zip(names, read(record), strict=True))


def _replace(record: Record, /, **changes: Any) -> Record:
    """As `dataclasses.replace`, in half its time: the fields of a class are looked up once.

    Raises TypeError for what is no record, and for a name that is no field of it.
    """
    kind: Any = type(record)
    made: Record = kind(**{**_reader(kind)(record), **changes})
    return made


if TYPE_CHECKING:  # type checkers know the fields only of the one that they know by name
    from dataclasses import replace
else:
    replace = _replace
