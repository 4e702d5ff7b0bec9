"""Pauses between tries at something that is away."""

import random

__all__ = ["Backoff"]


class Backoff:
    """Growing pauses with jitter, in seconds, so that a crowd does not come back in step."""

    def __init__(self, first: float = 0.05, most: float = 2.0) -> None:
        self._first, self._most = first, most
        self._pause = first

    def next(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, self._most)
        return random.uniform(pause / 2, pause)

    def reset(self) -> None:
        self._pause = self._first
