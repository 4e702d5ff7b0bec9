import copy
from typing import Any

from orchestrator.emulator.configuration import Configuration, initial, updated


def update(config: Configuration, **fields: Any) -> Configuration:
    before = copy.deepcopy(config)
    after = updated(config, {"type": "realtime", **fields}, has_spoken=False)
    assert config == before, "a configuration never changes; there is a new one"
    return after


def start() -> Configuration:
    return initial("sess_1", "gpt-realtime-2.1", 3600)


def test_what_an_update_leaves_out_stays() -> None:
    once = update(start(), instructions="Be kind.", audio={"output": {"speed": 1.2}})
    twice = update(once, tool_choice="none", audio={"input": {"turn_detection": None}})
    assert (twice["instructions"], twice["tool_choice"]) == ("Be kind.", "none")
    assert twice["audio"]["output"] == {**start()["audio"]["output"], "speed": 1.2}
    assert twice["audio"]["input"]["turn_detection"] is None
    assert twice["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert (twice["id"], twice["expires_at"]) == ("sess_1", 3600)


def test_empty_values_clear() -> None:
    tool = {"type": "function", "name": "f"}
    full = update(start(), instructions="x", tools=[tool], tracing=None)
    empty = update(full, instructions="", tools=[])
    assert (empty["instructions"], empty["tools"]) == ("", [])


def test_lists_are_replaced_and_not_joined() -> None:
    first, second = ({"type": "function", "name": name} for name in "ab")
    assert update(update(start(), tools=[first]), tools=[second])["tools"] == [second]


def test_turn_detection_merges_within_its_type_and_starts_anew_with_another() -> None:
    def detect(config: Configuration, **vad: Any) -> Configuration:
        return update(config, audio={"input": {"turn_detection": vad}})

    slower = detect(start(), type="server_vad", create_response=False)
    assert slower["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert slower["audio"]["input"]["turn_detection"]["create_response"] is False
    semantic = detect(slower, type="semantic_vad", eagerness="low")
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


def test_noise_reduction_keeps_its_strength() -> None:
    def reduce(config: Configuration, noise: Any) -> Any:
        return update(config, audio={"input": {"noise_reduction": noise}})

    on = reduce(start(), {"type": "near_field", "strength": 0.5})
    kept = reduce(on, {"type": "near_field"})
    assert kept["audio"]["input"]["noise_reduction"]["strength"] == 0.5
    assert reduce(kept, None)["audio"]["input"]["noise_reduction"] is None


def test_the_other_audio_formats_have_no_rate_and_null_is_the_default() -> None:
    phone = update(start(), audio={"output": {"format": {"type": "audio/pcmu"}}})
    assert phone["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    back = update(phone, audio={"output": {"format": None, "voice": None}})
    assert back["audio"] == start()["audio"]
