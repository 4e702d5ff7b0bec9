"""Sound: how long it lasts, and the emulator's voice, which is silence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.dispatch.call import Json

__all__ = ["Sound", "silence"]

_BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}
_QUIET = {"audio/pcm": b"\x00", "audio/pcmu": b"\xff", "audio/pcma": b"\xd5"}
_MS_PER_CHARACTER = 60  # about 150 words in a minute


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio data in one of the session's formats: `audio/pcm`, `audio/pcmu`, `audio/pcma`."""

    data: bytes
    format: str

    @property
    def ms(self) -> float:
        return len(self.data) / _BYTES_PER_MS[self.format]

    def first(self, ms: int) -> "Sound":
        return Sound(self.data[: ms * _BYTES_PER_MS[self.format]], self.format)

    def __add__(self, more: "Sound") -> "Sound":
        return Sound(self.data + more.data, self.format)


def silence(text: str, form: Mapping[str, Json]) -> Sound:
    """As much silence as speaking the text would take, in a format of the session's."""
    kind = form["type"]
    return Sound(_QUIET[kind] * (len(text) * _MS_PER_CHARACTER * _BYTES_PER_MS[kind]), kind)
