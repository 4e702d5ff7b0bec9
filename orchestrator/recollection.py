"""What is remembered of the caller of one session: read when it begins, written as it changes.

A session is held without it, too: who cannot be recalled now is a stranger.
"""

import logging
from collections.abc import Collection, Mapping

import anyio

from orchestrator.dispatch.call import Json
from orchestrator.errors import ServiceError
from orchestrator.flow.variables import has_number
from orchestrator.interfaces import Callers

__all__ = ["Recollection"]

log = logging.getLogger(__name__)


class Recollection:
    """Of nobody, where a number is withheld or nothing is kept: then it is empty."""

    def __init__(self, session: str, caller: str | None, callers: Callers | None) -> None:
        self._session = session
        self._caller = caller or ""
        self._callers = callers if has_number(caller) else None
        self._unsaved: dict[str, tuple[Json, float]] = {}
        self._saving = anyio.Lock()

    async def recall(self, names: Collection[str]) -> Mapping[str, Json]:
        """What is known under these names; nothing if that cannot be had now."""
        if not (self._callers and names):
            return {}
        try:
            return await self._callers.recall(self._caller, names)
        except ServiceError as problem:
            log.warning("session %s: the caller is not recalled: %s", self._session, problem)
            return {}

    def take(self, values: Mapping[str, tuple[Json, float]]) -> None:
        """These are to be kept, each for so many seconds: `save` does it."""
        self._unsaved.update(values)

    async def save(self) -> None:
        """One write at a time, so that the latest value is the last."""
        async with self._saving:
            values, self._unsaved = self._unsaved, {}
            if not (values and self._callers):
                return
            try:
                await self._callers.remember(self._caller, values)
            except ServiceError as problem:
                names = list(values)
                log.warning("session %s: %s not remembered: %s", self._session, names, problem)
