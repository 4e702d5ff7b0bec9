"""What the emulator's pure parts share: making events and ids, and refusing. Pure."""

from collections.abc import Callable
from typing import TypeAlias

from orchestrator.dispatch.call import Json

__all__ = ["Event", "NewId", "Rejected", "event", "not_emulated"]

Event: TypeAlias = dict[str, Json]
"""A server event as it goes on the wire. Never changed once made."""

NewId: TypeAlias = Callable[[str], str]
"""Makes an id that was never used: `item` -> `item_…`."""


def event(new_id: NewId, kind: str, **fields: Json) -> Event:
    return {"type": kind, "event_id": new_id("event"), **fields}


class Rejected(Exception):
    """A client event that is answered by an `error` event and changes nothing else.

    `code` is None for the errors that have none on the wire; `param` is a path.
    """

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        self.code = code
        self.message = message
        self.param = param
        super().__init__(message)


def not_emulated(what: str, param: str) -> Rejected:
    """Legal at the service, and refused by name because it does not exist here."""
    return Rejected("not_emulated", f"The emulator does not support {what}.", param)
