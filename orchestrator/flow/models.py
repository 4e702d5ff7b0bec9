"""What is known of the models of the Realtime API, as of November 2026. Pure."""

__all__ = ["HEARS_NO_TURNS", "SHUTDOWNS", "VOICES", "reasons"]

SHUTDOWNS = {
    "gpt-realtime": "2027-01-20",
    "gpt-realtime-2025-08-28": "2027-01-20",
    "gpt-realtime-mini": "2027-01-20",
    "gpt-realtime-mini-2025-12-15": "2027-01-20",
}
VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)
OLDER = ("gpt-realtime-mini", "gpt-realtime-1", "gpt-realtime-20")
HEARS_NO_TURNS = frozenset({"gpt-realtime-whisper"})
"""Transcribing models that take no detection of turns."""


def reasons(model: str) -> bool:
    """Whether the model takes `reasoning` and parallel calls; of unknown ones we think so."""
    return model != "gpt-realtime" and not model.startswith(OLDER)
