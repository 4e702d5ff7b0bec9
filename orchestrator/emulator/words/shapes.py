"""What a JSON value is."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from orchestrator.dispatch.call import Json

__all__ = ["is_array", "is_object"]


def is_object(value: Json) -> TypeGuard[Mapping[str, Json]]:
    return isinstance(value, Mapping)


def is_array(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, list)
