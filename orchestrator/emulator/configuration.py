"""The configuration of a session: where it starts, and how updates change it. Pure.

Fields that an update leaves out stay as they are; `""`, `[]` and `null` clear. Whatever
is refused leaves the whole configuration as it was.
"""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.emulator.wire import Rejected, not_emulated
from orchestrator.realtime.objects import is_object

__all__ = ["Configuration", "for_response", "initial", "updated"]

Configuration = dict[str, Json]

VOICE = "marin"
PCM: Mapping[str, Json] = {"type": "audio/pcm", "rate": 24000}

_SERVER_VAD: Mapping[str, Json] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Mapping[str, Json] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_STARTS: Mapping[str, Mapping[str, Json]] = {
    "audio/pcm": PCM,
    "server_vad": _SERVER_VAD,
    "semantic_vad": _SEMANTIC_VAD,
}
"""What an object of this `type` is filled up from when it takes the place of another."""
_CLEARED: Mapping[str, Json] = {"format": PCM, "voice": VOICE}
"""What null leaves, where that is not nothing."""

_OF_A_RESPONSE = ("instructions", "tools", "tool_choice", "output_modalities", "max_output_tokens")


def initial(session_id: str, model: str, expires_at: int) -> Configuration:
    """What `session.created` shows. `expires_at` is in seconds since the epoch."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful voice assistant.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": {**PCM},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {**_SERVER_VAD},
            },
            "output": {"format": {**PCM}, "voice": VOICE, "speed": 1.0},
        },
    }


def updated(
    config: Configuration, update: Mapping[str, Json], *, has_spoken: bool
) -> Configuration:
    """The configuration after a `session.update` of the right shape. Raises `Rejected`."""
    if update["type"] != "realtime":
        raise not_emulated("transcription sessions", "session.type")
    _refuse_what_is_missing_here(update, "session")
    if update.get("model", config["model"]) != config["model"]:
        message = f"The model of this session is '{config['model']}' and cannot be changed."
        raise Rejected("invalid_value", message, "session.model")
    if config["tracing"] and update.get("tracing", config["tracing"]) != config["tracing"]:
        message = "Tracing cannot be changed once it is on."
        raise Rejected("invalid_value", message, "session.tracing")
    audio = _merged(config["audio"], update.get("audio", {}))
    if has_spoken and audio["output"]["voice"] != config["audio"]["output"]["voice"]:
        raise _voice_is_locked("session.audio.output.voice")
    return {**config, **update, "audio": audio}


def for_response(
    config: Configuration, wanted: Mapping[str, Json], *, has_spoken: bool
) -> Configuration:
    """What one response is made with: the session's, but for what it wants. Raises `Rejected`."""
    _refuse_what_is_missing_here(wanted, "response")
    spoken: Mapping[str, Json] = config["audio"]["output"]
    own: Mapping[str, Json] = wanted.get("audio", {}).get("output", {})
    output = {name: own.get(name) or spoken[name] for name in ("format", "voice")}
    if has_spoken and output["voice"] != spoken["voice"]:
        raise _voice_is_locked("response.audio.output.voice")
    settings = {name: wanted.get(name, config[name]) for name in _OF_A_RESPONSE}
    return {**settings, "audio": {"output": output}, "metadata": wanted.get("metadata")}


def _refuse_what_is_missing_here(part: Mapping[str, Json], path: str) -> None:
    if part.get("prompt"):
        raise not_emulated("stored prompts", f"{path}.prompt")


def _voice_is_locked(param: str) -> Rejected:
    message = "The voice cannot be changed once there is assistant audio in the conversation."
    return Rejected("cannot_update_voice", message, param)


def _merged(old: Json, new: Json) -> Json:
    """Objects merge field by field; one of another `type` starts anew; all else replaces."""
    if not is_object(new):
        return new
    kind = new.get("type", "")
    if not is_object(old) or kind != old.get("type", ""):
        old = _STARTS.get(kind, {})
    changed = {
        name: _merged(old.get(name), _CLEARED.get(name) if value is None else value)
        for name, value in new.items()
    }
    return {**old, **changed}
