"""What is worked out once for each definition, and forgotten with it. Pure to whoever asks."""

import weakref
from collections.abc import Callable
from typing import TypeVar

__all__ = ["remembered"]

Defined = TypeVar("Defined")
Found = TypeVar("Found")


def remembered(make: Callable[[Defined], Found]) -> Callable[[Defined], Found]:
    """The same function, which works each value out once.

    Definitions are told apart by identity. What is found must not hold the definition itself, or
    neither is ever forgotten.
    """
    known: dict[int, Found] = {}

    def found(defined: Defined) -> Found:
        key = id(defined)
        if key not in known:
            known[key] = make(defined)
            weakref.finalize(defined, known.pop, key).atexit = False
        return known[key]

    return found
